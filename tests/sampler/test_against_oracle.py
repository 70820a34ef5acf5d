"""Samples and gradients of random kernels, paddings, fills, dtypes, layouts and positions agree with a slow oracle."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import stn_numba as stn
from stn_numba.sampler.interpolation import KERNELS
from stn_numba.sampler.padding import PADDINGS
from stn_numba.testing import check_vjp
from tests.sampler import oracle
from tests.sampler.examples import OWN_KERNELS, UNEVEN_KERNELS, strided_image

KERNEL_NAMES = ("nearest", "bilinear", *KERNELS, *OWN_KERNELS)
RESOLVED_PADDINGS = [padding for padding in PADDINGS if padding != "reflection"]  # it is one of two others
CHANNELS = (1, 2, 3, 4, 5, 8, 9, 16, 17, 64)
FAR = (np.nan, np.inf, -np.inf, 1e38, -1e38, 1e-310, 3e9, -0.0, 0.5, -0.5, 1.5)


def can_be_compared(kernel, padding, fill):
    """Uneven kernels are compared only without an edge value and without mirroring; tests below cover the rest."""
    return kernel not in UNEVEN_KERNELS or padding in ("zeros", "wrap") or (padding == "constant" and fill is None)


def put_far(pixels, far, kernel):
    """Replace the first positions; a kernel of our own gets none at which it may jump."""
    far = [x for x in far if kernel not in OWN_KERNELS or not abs(x) < 2]
    pixels.reshape(-1)[: len(far)] = far


@settings(max_examples=250, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    kernel=st.sampled_from(KERNEL_NAMES),
    padding=st.sampled_from(RESOLVED_PADDINGS),
    dtype=st.sampled_from(["float32", "float64", "uint8", "int8", "uint16", "int16", "int32"]),
    strides=st.sampled_from(["plain", "stepped", "reversed", "fortran"]),
    layout=st.sampled_from(["NHWC", "NCHW"]),
    sizes=st.tuples(st.integers(1, 6), st.integers(1, 6), st.sampled_from(CHANNELS)),
    fill=st.sampled_from([None, 7.0]),
    far=st.lists(st.sampled_from(FAR), max_size=6),
)
def test_every_combination_agrees_with_the_oracle(seed, kernel, padding, dtype, strides, layout, sizes, fill, far):
    assume(can_be_compared(kernel, padding, fill))
    rng, (H, W, C) = np.random.default_rng(seed), sizes
    shape = (2, C, H, W) if layout == "NCHW" else (2, H, W, C)
    image = strided_image(rng, shape, dtype, strides)
    pixels = rng.uniform(-3, 9, (2, 3, 4, 2))
    put_far(pixels, far, kernel)
    kernel = OWN_KERNELS.get(kernel, kernel)
    got = stn.sample(image, pixels, kernel=kernel, padding=padding, fill=fill, layout=layout, units="pixels")
    as_nhwc = image.transpose(0, 2, 3, 1) if layout == "NCHW" else image
    expected = oracle.read(as_nhwc.astype(float), pixels, kernel, padding, fill)
    if layout == "NCHW":
        expected = expected.transpose(0, 3, 1, 2)
    assert got.dtype == dtype
    if np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        assert np.abs(got.astype(float) - np.clip(expected, limits.min, limits.max)).max() <= 0.501
    else:
        np.testing.assert_allclose(got, expected, atol=1e-9 if dtype == "float64" else 1e-4)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    kernel=st.sampled_from(KERNEL_NAMES),
    padding=st.sampled_from(RESOLVED_PADDINGS),
    dtypes=st.sampled_from([("float64", "float64"), ("float32", "float64"), ("float32", "float32"), ("float64", "float32")]),
    strides=st.sampled_from(["plain", "stepped", "reversed", "fortran"]),
    layout=st.sampled_from(["NHWC", "NCHW"]),
    sizes=st.tuples(st.integers(1, 6), st.integers(1, 6), st.sampled_from(CHANNELS)),
    batch=st.sampled_from([(2, 2), (1, 2), (2, 1)]),
    fill=st.sampled_from([None, 7.0]),
    far=st.lists(st.sampled_from(FAR), max_size=6),
)
def test_both_gradients_agree_with_the_oracle(seed, kernel, padding, dtypes, strides, layout, sizes, batch, fill, far):
    assume(can_be_compared(kernel, padding, fill))
    rng, (H, W, C), (images, grids) = np.random.default_rng(seed), sizes, batch
    image = strided_image(rng, (images, C, H, W) if layout == "NCHW" else (images, H, W, C), dtypes[0], strides)
    d_out = strided_image(rng, (2, C, 3, 4) if layout == "NCHW" else (2, 3, 4, C), dtypes[0], strides)
    pixels = rng.uniform(-3, 9, (grids, 3, 4, 2)).astype(dtypes[1])
    put_far(pixels, far, kernel)
    kernel = OWN_KERNELS.get(kernel, kernel)
    options = {"kernel": kernel, "padding": padding, "fill": fill, "layout": layout, "units": "pixels"}
    _, backprop = stn.sample_vjp(image, pixels, **options)
    d_image, d_grid = backprop(d_out)
    as_nhwc, d_as_nhwc = (array.transpose(0, 2, 3, 1) if layout == "NCHW" else array for array in (image, d_out))
    expected_image, expected_grid = oracle.gradients(as_nhwc, pixels, d_as_nhwc, kernel, padding, fill)
    if layout == "NCHW":
        expected_image = expected_image.transpose(0, 3, 1, 2)
    assert (d_image.dtype, d_grid.dtype) == dtypes
    tolerance = 1e-9 if dtypes[0] == "float64" else 3e-4
    np.testing.assert_allclose(d_image, expected_image, atol=tolerance, rtol=tolerance)
    np.testing.assert_allclose(d_grid, expected_grid, atol=tolerance if dtypes == ("float64",) * 2 else 2e-3, rtol=tolerance)


@pytest.mark.parametrize("kernel", ["lopsided", "of degree 7"])
def test_gradients_far_beyond_a_border_are_right_for_kernels_that_do_not_sum_to_1(kernel):
    image, pixels = np.ones((1, 2, 2, 1)), np.array([[[[20.3, 0.4], [0.3, -15.2]]]])
    options = {"kernel": OWN_KERNELS[kernel], "padding": "border", "units": "pixels"}

    def sampled(pixels):
        out, backprop = stn.sample_vjp(image, pixels, **options)
        return out, lambda d_out: backprop(d_out)[1]

    check_vjp(sampled, pixels)


@pytest.mark.parametrize("padding", ["symmetric", "reflect101"])
@pytest.mark.parametrize("kernel", UNEVEN_KERNELS)
def test_a_kernel_is_not_mirrored_with_the_image(kernel, padding):
    image, pixels = np.random.default_rng(0).normal(size=(1, 4, 5, 1)), np.array([[[[-1.3, 1.05], [6.1, 2.05]]]])
    expected = oracle.read(image, pixels, OWN_KERNELS[kernel], padding, None)
    np.testing.assert_allclose(stn.sample(image, pixels, kernel=OWN_KERNELS[kernel], padding=padding, units="pixels"), expected)


@pytest.mark.parametrize("padding", ["symmetric", "reflect101"])
@pytest.mark.parametrize("kernel", UNEVEN_KERNELS)
def test_the_whole_mirror_image_of_a_large_image_is_read(kernel, padding):
    rng, kernel = np.random.default_rng(0), OWN_KERNELS[kernel]
    image, pixels, d_out = rng.normal(size=(1, 17, 23, 1)), rng.uniform(-40, 60, (1, 9, 9, 2)), rng.normal(size=(1, 9, 9, 1))
    out, backprop = stn.sample_vjp(image, pixels, kernel=kernel, padding=padding, units="pixels")
    np.testing.assert_allclose(out, oracle.read(image, pixels, kernel, padding), atol=1e-9)
    for got, expected in zip(backprop(d_out), oracle.gradients(image, pixels, d_out, kernel, padding), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-9)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("fill", [None, 3.0])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("kernel", ["bilinear", *KERNELS])
def test_gradients_agree_with_differences(kernel, padding, fill, layout):
    rng = np.random.default_rng(3)
    image = rng.normal(size=(2, 5, 6, 3))
    image = image.transpose(0, 3, 1, 2).copy() if layout == "NCHW" else image
    points = rng.uniform(-0.99 if fill is not None else -1.5, 0.99 if fill is not None else 1.5, (2, 4, 3, 2))

    def sampled(image, points):
        return stn.sample_vjp(image, points, kernel=kernel, padding=padding, fill=fill, layout=layout)

    check_vjp(sampled, image, points)
