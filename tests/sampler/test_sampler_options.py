"""Kernels, paddings, fill, dtypes, layouts and positions against a slow oracle, by random examples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stn_numba as stn
from stn_numba.interpolation import KERNELS, PiecewisePolynomial
from stn_numba.outside import PADDINGS
from stn_numba.testing import check_vjp

TENT = PiecewisePolynomial([-1, 0, 1], [[1, -1], [0, 1]])
SMOOTH = ("bicubic", "lanczos3", "cubic_b_spline", "mitchell")
NAMES = ("nearest", "bilinear", *KERNELS)
FAR = (np.nan, np.inf, -np.inf, 1e38, -1e38, 1e-310, 3e9, -0.0, 0.5, -0.5, 1.5)


def index(tap, size, padding):
    """The pixel a tap reads, None for none; NumPy's own padding is the judge."""
    mode = {"border": "edge", "symmetric": "symmetric", "reflect101": "reflect", "wrap": "wrap"}.get(padding)
    if mode is None or 0 <= tap < size:
        return tap if 0 <= tap < size else None
    if mode == "edge":
        return 0 if tap < 0 else size - 1
    before, after = max(0, -tap), max(0, tap - size + 1)
    return int(np.pad(np.arange(size), (before, after), mode=mode)[tap + before])


def axis_weights(x, size, kernel, padding):
    """[(pixel or None, weight), ...] of one axis; None stands for what lies outside."""
    if not np.isfinite(x) and not (padding == "border" and np.isinf(x)):
        return []
    x = min(max(x, -40.0), size + 40.0) if padding in ("zeros", "constant", "border") else x
    if padding not in ("zeros", "constant", "border"):
        if abs(x) >= 2**31:
            return []
        period = {"wrap": size, "symmetric": 2 * size, "reflect101": max(2 * (size - 1), 1)}[padding]
        x -= np.floor(x / period) * period
    if kernel == "nearest":
        return [(index(int(np.rint(x)), size, padding), 1.0)]
    k = TENT if kernel == "bilinear" else KERNELS[kernel]()
    first = int(np.floor(x)) - k.taps // 2 + 1
    return [(index(tap, size, padding), float(k(x - tap))) for tap in range(first, first + k.taps)]


def oracle(image, pixels, kernel, padding, fill):
    """(N, h, w, C) by loops, at pixel positions (N, h, w, 2)."""
    H, W, C = image.shape[1:]
    value = np.broadcast_to(0.0 if fill is None else fill, C)
    beyond = value if padding == "constant" else np.zeros(C)
    out = np.zeros((*pixels.shape[:3], C))
    for n, i, j in np.ndindex(pixels.shape[:3]):
        x, y = (float(p) for p in pixels[n, i, j])
        inside = -0.5 <= x <= W - 0.5 and -0.5 <= y <= H - 0.5
        if fill is not None and padding != "constant" and not inside:
            out[n, i, j] = value
            continue
        across, down = axis_weights(x, W, kernel, padding), axis_weights(y, H, kernel, padding)
        total = sum(u * v for _, u in across for _, v in down)
        out[n, i, j] = beyond * (1 - total)
        for column, u in across:
            for row, v in down:
                out[n, i, j] += u * v * (beyond if None in (row, column) else image[n, row, column])
    return out


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
    kernel=st.sampled_from(NAMES),
    padding=st.sampled_from([p for p in PADDINGS if p != "reflection"]),
    dtype=st.sampled_from(["float32", "float64", "uint8", "int16", "int32"]),
    strides=st.sampled_from(["plain", "stepped", "reversed", "fortran"]),
    layout=st.sampled_from(["NHWC", "NCHW"]),
    sizes=st.tuples(st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 2, 3, 4, 5, 9, 17])),
    fill=st.sampled_from([None, 7.0]),
    far=st.lists(st.sampled_from(FAR), max_size=6),
)
def test_every_combination_agrees_with_the_oracle(seed, kernel, padding, dtype, strides, layout, sizes, fill, far):
    rng, (H, W, C) = np.random.default_rng(seed), sizes
    shape = (2, C, H, W) if layout == "NCHW" else (2, H, W, C)
    image = laid_out(rng, shape, dtype, strides)
    pixels = rng.uniform(-3, 9, (2, 3, 4, 2))
    pixels.reshape(-1)[: len(far)] = far
    got = stn.sample(image, pixels, kernel=kernel, padding=padding, fill=fill, layout=layout, units="pixels")
    as_nhwc = image.transpose(0, 2, 3, 1) if layout == "NCHW" else image
    expected = oracle(as_nhwc.astype(float), pixels, kernel, padding, fill)
    if layout == "NCHW":
        expected = expected.transpose(0, 3, 1, 2)
    assert got.dtype == dtype
    if np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        assert np.abs(got.astype(float) - np.clip(expected, limits.min, limits.max)).max() <= 0.501
    else:
        np.testing.assert_allclose(got, expected, atol=1e-9 if dtype == "float64" else 1e-4)


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


def test_integers_are_rounded_to_even_and_limited():
    image = np.array([0, 1, 2, 255], np.uint8).reshape(1, 1, 4, 1)
    positions = np.array([[0.5, 0], [1.5, 0], [9, 0], [3, 0]]).reshape(1, 1, 4, 2)
    out = stn.sample(image, positions, units="pixels", fill=300)
    assert out.ravel().tolist() == [0, 2, 255, 255]


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
        ({"layout": "CHW"}, "layout: expected one of NHWC, NCHW, got 'CHW'"),
        ({"units": "metres"}, "units: expected one of normalised, pixels, got 'metres'"),
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
