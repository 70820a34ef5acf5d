"""Fill values: how they are read, converted to the dtype of the image, and refused."""

import itertools

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.sampler.fill import as_fill
from stn_numba.sampler.interpolation import KERNELS
from stn_numba.sampler.padding import fill_rule
from stn_numba.testing import check_vjp
from tests.sampler.examples import OWN_KERNELS, UNEVEN_KERNELS


@pytest.mark.parametrize("dtype", ["int64", "uint64", "uint32"])
def test_limits_of_wide_integers_are_exact(dtype):
    limits = np.iinfo(dtype)
    for fill in (int(limits.min), int(limits.max)):
        assert int(as_fill(fill, np.dtype(dtype))) == fill
        assert fill_rule(as_fill(fill, np.dtype(dtype)), "constant", 2, dtype)[0].tolist() == [fill, fill]
    for fill in (int(limits.min) - 1, int(limits.max) + 1, float(limits.max) + 1, 2.0**64, np.nan):
        with pytest.raises(ValueError, match=f"fill: expected numbers that {dtype} can hold, .* to {limits.max}, got"):
            as_fill(fill, np.dtype(dtype))


def test_fractions_are_rounded_half_to_even_where_they_are_cast():
    fill = as_fill([0.5, 1.5, -0.5], np.dtype(np.int64))
    assert fill_rule(fill, "zeros", 3, np.int64)[0].tolist() == [0, 2, 0]


def test_fills_of_datetime_images():
    day = np.datetime64("2020-01-02")
    assert as_fill(day, np.dtype("M8[D]")) == day
    with pytest.raises(TypeError, match=r"fill: expected what an image of datetime64\[D\] can hold, got 'x'"):
        as_fill("x", np.dtype("M8[D]"))


def test_no_warning_under_any_errstate():
    with np.errstate(all="raise"):
        with pytest.raises(ValueError, match="fill: expected"):
            as_fill(1e300, np.dtype(np.float32))
        assert np.isnan(as_fill(np.nan, np.dtype(np.float16)))
        as_fill(np.longdouble(1), np.dtype(np.longdouble))


@pytest.mark.parametrize(
    ("fill", "dtype"),
    [(b"abcdef", "S2"), ("abcdef", "U2"), (10**19, "m8[s]"), ("3000-01-01", "M8[ns]"), (300, [("a", "u1"), ("b", "f4")])],
)
def test_a_fill_that_the_dtype_would_change_is_refused(fill, dtype):
    with pytest.raises((TypeError, ValueError), match="fill: expected what an image of"):
        as_fill(fill, np.dtype(dtype))


def test_structured_images_take_structured_fills():
    kind = np.dtype([("a", "u1"), ("b", "f4")])
    fill = np.array((3, 1.5), kind)
    out = stn.warp(np.zeros((2, 2), kind), [1, 0, 9, 0, 1, 0], kernel="nearest", fill=fill)
    assert (out == fill).all()


@pytest.mark.parametrize(
    ("kernel", "dtype"),
    [
        ("nearest", bool),
        *itertools.product(
            ("nearest", "bilinear", "bicubic", OWN_KERNELS["quadratic"]),
            ("float32", "float64", "float16", "complex128", "uint8"),
        ),
    ],
)
def test_a_fill_without_padding_means_constant(kernel, dtype):
    rng = np.random.default_rng(0)
    image = (rng.integers(0, 2 if dtype is bool else 200, (2, 5, 6, 2))).astype(dtype)
    fill = True if dtype is bool else [3, 7 + 2j if dtype == "complex128" else 7]
    pixels = rng.uniform(-2, 8, (2, 7, 8, 2))
    options = {"kernel": kernel, "units": "pixels", "fill": fill}
    got = stn.sample(image, pixels, **options)
    np.testing.assert_array_equal(got, stn.sample(image, pixels, padding="constant", **options))
    if kernel != "nearest":
        assert (got != stn.sample(image, pixels, padding="zeros", **options)).any()


def test_nearest_with_a_fill_reads_no_zero_at_the_outer_edge():
    row = np.full((1, 1, 2, 1), 5, np.uint8)  # at 1.5 the tie goes to pixel 2, which is beyond the edge
    assert stn.sample(row, [[[[1.5, 0.0], [1.4, 0.0]]]], kernel="nearest", units="pixels", fill=9).ravel().tolist() == [9, 5]


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
def test_gradients_with_a_fill_agree_with_differences(kernel):
    rng = np.random.default_rng(0)
    image, pixels = rng.normal(size=(1, 4, 5, 2)), rng.uniform(-1.4, 6.4, (1, 6, 7, 2))
    check_vjp(lambda *both: stn.sample_vjp(*both, kernel=kernel, units="pixels", fill=[2.0, -3.0]), image, pixels)


def test_a_fill_with_a_kernel_that_does_not_sum_to_1_needs_padding():
    image, pixels = np.ones((1, 3, 3, 1)), np.full((1, 1, 1, 2), 9.0)
    options = {"kernel": OWN_KERNELS["lopsided"], "units": "pixels", "fill": 2.0}
    with pytest.raises(ValueError, match="padding: expected another than 'constant' .*; with padding='zeros' `fill` is what"):
        stn.sample(image, pixels, **options)
    assert stn.sample(image, pixels, padding="zeros", **options).item() == 2


@pytest.mark.parametrize("kernel", [*UNEVEN_KERNELS, "derivative"])
def test_constant_padding_needs_weights_that_sum_to_1(kernel):
    kernel = OWN_KERNELS[kernel] if kernel in OWN_KERNELS else KERNELS["bicubic"]().derivative()
    options = {"kernel": kernel, "padding": "constant", "units": "pixels"}
    image, pixels = np.ones((1, 3, 3, 1)), np.full((1, 1, 1, 2), 0.3)
    with pytest.raises(
        ValueError, match="padding: expected another than 'constant' for a kernel whose weights do not sum to 1"
    ):
        stn.sample(image, pixels, fill=2.0, **options)
    zeros = stn.sample(image, pixels, **{**options, "padding": "zeros"})
    np.testing.assert_array_equal(stn.sample(image, pixels, fill=0.0, **options), zeros)


def test_a_real_fill_of_a_complex_image_is_real():
    out = stn.sample(np.ones((1, 2, 2, 1), np.complex64), np.full((1, 1, 1, 2), 5.0), fill=7)
    assert out.item() == 7
