"""Kernels, paddings, fill, dtypes, layouts and positions against a slow oracle, by random examples."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import stn_numba as stn
from stn_numba.sampler.interpolation import KERNELS, PiecewisePolynomial
from stn_numba.sampler.padding import PADDINGS
from stn_numba.testing import check_vjp
from tests.sampler.oracle import naive_gradients, naive_read

SMOOTH = ("bicubic", "lanczos3", "cubic_b_spline", "mitchell")
NAMES = ("nearest", "bilinear", *KERNELS)
OWN = {
    "box": PiecewisePolynomial([-0.5, 0.5], [[1]]),
    "quadratic": PiecewisePolynomial([-1.5, -0.5, 0.5, 1.5], [[0.5, -1, 0.5], [0, 1, -1], [0, 0.5, 0.5]]),
    "lopsided": PiecewisePolynomial([-0.25, 0.5, 2.75], [[0.3, -0.2], [1.1, 0.4], [0.2, 1]]),
    "narrow": PiecewisePolynomial([-0.2, 0.1], [[3], [1]]),
    "of degree 7": PiecewisePolynomial([-2, 0, 2], np.random.default_rng(0).uniform(-0.5, 0.5, (8, 2))),
}
UNEVEN = ("lopsided", "narrow", "of degree 7")  # not symmetric, and their weights do not always sum to 1
CHANNELS = (1, 2, 3, 4, 5, 8, 9, 16, 17, 64)
FAR = (np.nan, np.inf, -np.inf, 1e38, -1e38, 1e-310, 3e9, -0.0, 0.5, -0.5, 1.5)


def laid_out(rng, shape, dtype, strides):
    """A random image with unusual strides: as it is, every second pixel, reversed, Fortran order, read-only."""
    values = (
        rng.integers(0, 100, [2 * size for size in shape])
        if np.dtype(dtype).kind in "iu"
        else rng.normal(size=[2 * s for s in shape])
    )
    whole = values.astype(dtype)
    first = tuple(slice(0, size) for size in shape)
    image = {
        "plain": np.ascontiguousarray(whole[first]),
        "stepped": whole[::2, ::2, ::2, ::2],
        "reversed": whole[first][:, ::-1, ::-1, ::-1],
        "fortran": np.asfortranarray(whole[first]),
    }[strides]
    image.flags.writeable = False
    return image


@settings(max_examples=250, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    kernel=st.sampled_from([*NAMES, *OWN]),
    padding=st.sampled_from([p for p in PADDINGS if p != "reflection"]),
    dtype=st.sampled_from(["float32", "float64", "uint8", "int8", "uint16", "int16", "int32"]),
    strides=st.sampled_from(["plain", "stepped", "reversed", "fortran"]),
    layout=st.sampled_from(["NHWC", "NCHW"]),
    sizes=st.tuples(st.integers(1, 6), st.integers(1, 6), st.sampled_from(CHANNELS)),
    fill=st.sampled_from([None, 7.0]),
    far=st.lists(st.sampled_from(FAR), max_size=6),
)
def test_every_combination_agrees_with_the_oracle(seed, kernel, padding, dtype, strides, layout, sizes, fill, far):
    assume(kernel not in UNEVEN or padding in ("zeros", "wrap") or (padding == "constant" and fill is None))  # see below
    rng, (H, W, C) = np.random.default_rng(seed), sizes
    shape = (2, C, H, W) if layout == "NCHW" else (2, H, W, C)
    image = laid_out(rng, shape, dtype, strides)
    pixels = rng.uniform(-3, 9, (2, 3, 4, 2))
    far = [x for x in far if kernel not in OWN or not abs(x) < 2]  # no places where a kernel of our own may jump
    pixels.reshape(-1)[: len(far)] = far
    kernel = OWN.get(kernel, kernel)
    got = stn.sample(image, pixels, kernel=kernel, padding=padding, fill=fill, layout=layout, units="pixels")
    as_nhwc = image.transpose(0, 2, 3, 1) if layout == "NCHW" else image
    expected = naive_read(as_nhwc.astype(float), pixels, kernel, padding, fill)
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
    kernel=st.sampled_from([*NAMES, *OWN]),
    padding=st.sampled_from([p for p in PADDINGS if p != "reflection"]),
    dtypes=st.sampled_from([("float64", "float64"), ("float32", "float64"), ("float32", "float32"), ("float64", "float32")]),
    strides=st.sampled_from(["plain", "stepped", "reversed", "fortran"]),
    layout=st.sampled_from(["NHWC", "NCHW"]),
    sizes=st.tuples(st.integers(1, 6), st.integers(1, 6), st.sampled_from(CHANNELS)),
    batch=st.sampled_from([(2, 2), (1, 2), (2, 1)]),
    fill=st.sampled_from([None, 7.0]),
    far=st.lists(st.sampled_from(FAR), max_size=6),
)
def test_both_gradients_agree_with_the_oracle(seed, kernel, padding, dtypes, strides, layout, sizes, batch, fill, far):
    assume(kernel not in UNEVEN or padding in ("zeros", "wrap") or (padding == "constant" and fill is None))  # see below
    rng, (H, W, C), (images, grids) = np.random.default_rng(seed), sizes, batch
    image = laid_out(rng, (images, C, H, W) if layout == "NCHW" else (images, H, W, C), dtypes[0], strides)
    d_out = laid_out(rng, (2, C, 3, 4) if layout == "NCHW" else (2, 3, 4, C), dtypes[0], strides)
    pixels = rng.uniform(-3, 9, (grids, 3, 4, 2)).astype(dtypes[1])
    far = [x for x in far if kernel not in OWN or not abs(x) < 2]  # no places where a kernel of our own may jump
    pixels.reshape(-1)[: len(far)] = far
    kernel = OWN.get(kernel, kernel)
    options = {"kernel": kernel, "padding": padding, "fill": fill, "layout": layout, "units": "pixels"}
    _, backprop = stn.sample_vjp(image, pixels, **options)
    d_image, d_grid = backprop(d_out)
    as_nhwc, d_as_nhwc = (array.transpose(0, 2, 3, 1) if layout == "NCHW" else array for array in (image, d_out))
    expected_image, expected_grid = naive_gradients(as_nhwc, pixels, d_as_nhwc, kernel, padding, fill)
    if layout == "NCHW":
        expected_image = expected_image.transpose(0, 3, 1, 2)
    assert (d_image.dtype, d_grid.dtype) == dtypes
    tolerance = 1e-9 if dtypes[0] == "float64" else 3e-4
    np.testing.assert_allclose(d_image, expected_image, atol=tolerance, rtol=tolerance)
    np.testing.assert_allclose(d_grid, expected_grid, atol=tolerance if dtypes == ("float64",) * 2 else 2e-3, rtol=tolerance)


@pytest.mark.parametrize("kernel", ["lopsided", "of degree 7"])
def test_far_beyond_a_border_a_kernel_that_does_not_sum_to_1_has_the_gradient_of_what_it_reads(kernel):
    image, pixels = np.ones((1, 2, 2, 1)), np.array([[[[20.3, 0.4], [0.3, -15.2]]]])
    options = {"kernel": OWN[kernel], "padding": "border", "units": "pixels"}
    check_vjp(
        lambda pixels: (
            stn.sample_vjp(image, pixels, **options)[0],
            lambda d: stn.sample_vjp(image, pixels, **options)[1](d)[1],
        ),
        pixels,
    )


@pytest.mark.parametrize("padding", ["symmetric", "reflect101"])
@pytest.mark.parametrize("kernel", UNEVEN)
def test_a_kernel_is_not_mirrored_with_the_image(kernel, padding):
    image, pixels = np.random.default_rng(0).normal(size=(1, 4, 5, 1)), np.array([[[[-1.3, 1.05], [6.1, 2.05]]]])
    expected = naive_read(image, pixels, OWN[kernel], padding, None)
    np.testing.assert_allclose(stn.sample(image, pixels, kernel=OWN[kernel], padding=padding, units="pixels"), expected)


@pytest.mark.parametrize("padding", ["symmetric", "reflect101"])
@pytest.mark.parametrize("kernel", UNEVEN)
def test_all_of_the_mirror_image_of_a_large_image_is_read(kernel, padding):
    rng = np.random.default_rng(0)
    image, pixels, d_out = rng.normal(size=(1, 17, 23, 1)), rng.uniform(-40, 60, (1, 9, 9, 2)), rng.normal(size=(1, 9, 9, 1))
    out, backprop = stn.sample_vjp(image, pixels, kernel=OWN[kernel], padding=padding, units="pixels")
    np.testing.assert_allclose(out, naive_read(image, pixels, OWN[kernel], padding, None), atol=1e-9)
    for got, expected in zip(backprop(d_out), naive_gradients(image, pixels, d_out, OWN[kernel], padding, None), strict=True):
        np.testing.assert_allclose(got, expected, atol=1e-9)


@pytest.mark.parametrize("kernel", [*UNEVEN, "derivative"])
def test_a_constant_beyond_the_edge_needs_weights_that_sum_to_1(kernel):
    kernel = OWN[kernel] if kernel in OWN else KERNELS["bicubic"]().derivative()
    options = {"kernel": kernel, "padding": "constant", "units": "pixels"}
    image, pixels = np.ones((1, 3, 3, 1)), np.full((1, 1, 1, 2), 0.3)
    with pytest.raises(
        ValueError, match="padding: expected another than 'constant' for a kernel whose weights do not sum to 1"
    ):
        stn.sample(image, pixels, fill=2.0, **options)
    zeros = stn.sample(image, pixels, **{**options, "padding": "zeros"})
    np.testing.assert_array_equal(stn.sample(image, pixels, fill=0.0, **options), zeros)


@pytest.mark.parametrize("name", ["affine", "projective"])
@pytest.mark.parametrize("size", [8, 300])  # in one piece, and in bands
def test_the_gradient_of_an_edge_that_is_read_from_very_far(name, size):
    theta = stn.get_transform(name).identity()
    theta[5] = -1e12
    grid, _ = stn.get_transform(name).forward(theta[None], (size, size))
    out, backprop = stn.sample_vjp(np.ones((1, 160, 160, 1)), grid, padding="border")
    assert out.sum() == pytest.approx(backprop(np.ones_like(out))[0].sum()) == size**2


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("fill", [None, 3.0])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("kernel", ["bilinear", *SMOOTH])
def test_gradients_agree_with_differences(kernel, padding, fill, layout):
    rng = np.random.default_rng(3)
    image = rng.normal(size=(2, 5, 6, 3))
    image = image.transpose(0, 3, 1, 2).copy() if layout == "NCHW" else image
    points = rng.uniform(-0.99 if fill is not None else -1.5, 0.99 if fill is not None else 1.5, (2, 4, 3, 2))

    def sampled(image, points):
        return stn.sample_vjp(image, points, kernel=kernel, padding=padding, fill=fill, layout=layout)

    check_vjp(sampled, image, points)


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize(("kernel", "mode"), [("nearest", "nearest"), ("bilinear", "bilinear"), ("bicubic", "bicubic")])
def test_forward_and_both_gradients_agree_with_torch(kernel, mode, align_corners, padding):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    image, points = rng.normal(size=(2, 3, 7, 6)), rng.uniform(-1.7, 1.7, (2, 5, 4, 2))
    inputs = [torch.tensor(array, requires_grad=True) for array in (image, points)]
    expected = torch.nn.functional.grid_sample(*inputs, mode=mode, padding_mode=padding, align_corners=align_corners)
    expected.sin().sum().backward()
    options = {"kernel": kernel, "padding": padding, "align_corners": align_corners, "layout": "NCHW"}
    out, backprop = stn.sample_vjp(image, points, **options)
    d_image, d_grid = backprop(np.cos(out))
    np.testing.assert_allclose(out, expected.detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(d_image, inputs[0].grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(d_grid, inputs[1].grad.numpy(), atol=1e-11)


@pytest.mark.parametrize(
    ("padding", "mode"),
    [
        ("zeros", "grid-constant"),
        ("border", "nearest"),
        ("symmetric", "reflect"),
        ("reflect101", "mirror"),
        ("wrap", "grid-wrap"),
    ],
)
def test_outside_agrees_with_scipy(padding, mode):
    from scipy.ndimage import map_coordinates

    rng = np.random.default_rng(0)
    image, pixels = rng.normal(size=(6, 5)), rng.uniform(-9, 14, (8, 9, 2))
    expected = map_coordinates(image, [pixels[..., 1], pixels[..., 0]], order=1, mode=mode)
    out = stn.sample(image[None, ..., None], pixels[None], padding=padding, units="pixels")
    np.testing.assert_allclose(out[0, ..., 0], expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.complex64, np.complex128, np.bool_, np.uint16, np.int8])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_identity_returns_the_image_in_its_dtype(dtype, layout):
    rng = np.random.default_rng(0)
    image = (rng.normal(size=(2, 4, 4, 4)) * 3 + 1j * rng.normal(size=(2, 4, 4, 4))).astype(complex)
    image = image.astype(dtype) if np.dtype(dtype).kind == "c" else image.real.astype(dtype)
    kernel = "nearest" if dtype is np.bool_ else "bilinear"
    zeros = np.zeros((1, 4, 4, 2))
    out = stn.sample(image, zeros, kernel=kernel, layout=layout, units="pixels", displacement=True)
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, image)


@pytest.mark.parametrize("dtype", [np.float16, np.complex64, np.complex128, np.bool_])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_other_dtypes_are_read_as_their_numbers(dtype, layout):
    rng = np.random.default_rng(0)
    image = laid_out(rng, (2, 3, 5, 6), np.float64, "stepped") + 1j * laid_out(rng, (2, 3, 5, 6), np.float64, "reversed")
    image = image.astype(dtype) if np.dtype(dtype).kind == "c" else image.real.astype(dtype)
    image = np.where(np.abs(image) > 0.5, image, 0).astype(dtype)[:, :, ::-1]
    kernel, fill = ("nearest", True) if dtype is np.bool_ else ("bicubic", 2 + 3j if np.dtype(dtype).kind == "c" else 2)
    options = {"kernel": kernel, "padding": "wrap", "layout": layout, "units": "pixels"}
    pixels = rng.uniform(-2, 8, (2, 4, 5, 2))
    parts = [image.real.astype(float), image.imag.astype(float)]
    expected = [
        stn.sample(part, pixels, fill=value, **options)
        for part, value in zip(parts, (np.real(fill), np.imag(fill)), strict=True)
    ]
    whole = np.zeros((*expected[0].shape[:3], 2 * expected[0].shape[3]), dtype)
    out = whole[..., ::2]
    for got in (stn.sample(image, pixels, fill=fill, **options), stn.sample(image, pixels, fill=fill, out=out, **options), out):
        assert got.dtype == dtype
        tolerance = {"tolerance": 0} if dtype is np.bool_ else {}
        np.testing.assert_allclose(
            got.astype(complex),
            expected[0] + 1j * expected[1],
            atol=tolerance.get("tolerance", 5e-3 if dtype is np.float16 else 1e-5),
        )
    assert not whole[..., 1::2].any()


def test_a_real_fill_of_a_complex_image_is_real():
    out = stn.sample(np.ones((1, 2, 2, 1), np.complex64), np.full((1, 1, 1, 2), 5.0), fill=7)
    assert out.item() == 7


def test_a_value_beyond_float16_is_infinite_without_a_warning():
    row = np.array([0, 65504, 65504, 0], np.float16).reshape(1, 1, 4, 1)  # the cubic swings over
    assert np.isinf(stn.sample(row, [[[[1.5, 0.0]]]], units="pixels", kernel="bicubic")).all()


def test_no_image_is_copied_but_float16():
    import tracemalloc

    nearest = [(dtype, 0, "nearest") for dtype in ("uint8", "bool", "float32", "complex64", "float16", "int64")]
    weighed = [("uint8", 0, "bilinear"), ("float32", 0, "bilinear"), ("complex64", 0, "bilinear"), ("float16", 2, "bilinear")]
    for dtype, factor, kernel in nearest + weighed:
        image = np.zeros((1, 500, 500, 8), dtype)[:, ::-1, ::2]
        grid = np.zeros((1, 4, 4, 2))
        stn.sample(image, grid, kernel=kernel)
        tracemalloc.start()
        try:
            stn.sample(image, grid, kernel=kernel)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert factor * image.nbytes <= peak < factor * image.nbytes + 2e5, dtype


def test_integers_are_rounded_to_even_and_limited():
    image = np.array([0, 1, 2, 255], np.uint8).reshape(1, 1, 4, 1)
    positions = np.array([[0.5, 0], [1.5, 0], [9, 0], [3, 0]]).reshape(1, 1, 4, 2)
    out = stn.sample(image, positions, units="pixels", fill=254.5)
    assert out.ravel().tolist() == [0, 2, 254, 255]
    row = np.array([0, 250, 255, 255, 0], np.uint8).reshape(1, 1, 5, 1)
    assert stn.sample(row, [[[[2.5, 0]]]], units="pixels", kernel="bicubic").item() == 255


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.complex128, np.uint8, bool])
@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "bicubic", OWN["quadratic"]])
def test_fill_alone_is_a_constant_outside(kernel, dtype):
    if dtype is bool and kernel != "nearest":
        return
    rng = np.random.default_rng(0)
    image = (rng.integers(0, 2 if dtype is bool else 200, (2, 5, 6, 2))).astype(dtype)
    fill = True if dtype is bool else [3, 7 + 2j if dtype is np.complex128 else 7]
    pixels = rng.uniform(-2, 8, (2, 7, 8, 2))
    options = {"kernel": kernel, "units": "pixels", "fill": fill}
    got = stn.sample(image, pixels, **options)
    np.testing.assert_array_equal(got, stn.sample(image, pixels, padding="constant", **options))
    if kernel != "nearest":
        assert (got != stn.sample(image, pixels, padding="zeros", **options)).any()


def test_nearest_and_fill_alone_read_no_zero_at_the_outer_edge():
    row = np.full((1, 1, 2, 1), 5, np.uint8)  # at 1.5 the tie goes to pixel 2, which is beyond the edge
    assert stn.sample(row, [[[[1.5, 0.0], [1.4, 0.0]]]], kernel="nearest", units="pixels", fill=9).ravel().tolist() == [9, 5]


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic"])
def test_gradients_of_fill_alone_agree_with_differences(kernel):
    rng = np.random.default_rng(0)
    image, pixels = rng.normal(size=(1, 4, 5, 2)), rng.uniform(-1.4, 6.4, (1, 6, 7, 2))
    check_vjp(lambda *both: stn.sample_vjp(*both, kernel=kernel, units="pixels", fill=[2.0, -3.0]), image, pixels)


def test_fill_alone_and_a_kernel_that_does_not_sum_to_1():
    image, pixels = np.ones((1, 3, 3, 1)), np.full((1, 1, 1, 2), 9.0)
    options = {"kernel": OWN["lopsided"], "units": "pixels", "fill": 2.0}
    with pytest.raises(ValueError, match="padding: expected another than 'constant' .*; with padding='zeros' `fill` is what"):
        stn.sample(image, pixels, **options)
    assert stn.sample(image, pixels, padding="zeros", **options).item() == 2


def test_out_is_written_and_returned():
    image, points = np.random.default_rng(0).normal(size=(2, 4, 5, 3)), np.zeros((2, 3, 3, 2))
    whole = np.full((2, 3, 6, 3), 9.0)
    out = whole[:, :, ::2]
    assert stn.sample(image, points, out=out) is not None
    np.testing.assert_array_equal(out, stn.sample(image, points))
    assert (whole[:, :, 1::2] == 9).all()


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (np.empty((2, 3, 3, 2)), ValueError, r"out: expected an array \(2, 3, 3, 3\), got \(2, 3, 3, 2\)"),
        (np.empty((2, 3, 3, 3), np.float32), TypeError, "out: expected float64, as the image, got float32"),
        (np.broadcast_to(np.empty((1, 3, 3, 3)), (2, 3, 3, 3)), ValueError, "out: the array is read-only"),
        (
            np.lib.stride_tricks.as_strided(np.empty((1, 3, 3, 3)), (2, 3, 3, 3), (0, 72, 24, 8)),
            ValueError,
            "out: several elements share one place",
        ),
    ],
)
def test_an_unfit_out_is_refused(out, error, message):
    with pytest.raises(error, match=message):
        stn.sample(np.ones((2, 4, 5, 3)), np.zeros((2, 3, 3, 2)), out=out)


def test_out_may_not_overlap_the_image():
    image = np.ones((1, 4, 4, 1))
    with pytest.raises(ValueError, match="out: the array overlaps"):
        stn.sample(image, np.zeros((1, 4, 4, 2)), out=image)


def test_nan_pixels_do_not_reach_positions_outside():
    for C, layout in ((1, "NHWC"), (3, "NHWC"), (3, "NCHW")):
        shape = (1, 4, 4, C) if layout == "NHWC" else (1, C, 4, 4)
        out = stn.sample(np.full(shape, np.nan), np.full((1, 2, 3, 2), 5.0), layout=layout)
        assert (out == 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": "sinc"}, "kernel: expected one of nearest, bilinear, bicubic, .*, got 'sinc'"),
        ({"layout": "CHW"}, "layout: expected one of NHWC, NCHW, got 'CHW'; did you mean 'NCHW'"),
        ({"units": "meters"}, "units: expected one of normalized, pixels, got 'meters'"),
        ({"fill": [1, 2]}, r"fill: expected a number or one for each of 3 channels, got \[1, 2\]"),
    ],
)
def test_unknown_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        stn.sample(np.ones((1, 4, 4, 3)), np.zeros((1, 2, 2, 2)), **options)


def test_kernels_are_partitions_of_unity_and_interpolate():
    for name in SMOOTH:
        k = KERNELS[name]()
        fractions = np.linspace(0, 0.999, 50)
        weights = k(fractions[:, None] + k.taps // 2 - 1 - np.arange(k.taps))
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(KERNELS["bicubic"]()([-1.0, 0.0, 1.0]), [0, 1, 0])
    exact = np.sinc([0.3, 1.7]) * np.sinc(np.array([0.3, 1.7]) / 3)
    np.testing.assert_allclose(KERNELS["lanczos3"]()([0.3, 1.7]), exact, atol=0.01)
