"""Errors of `sample` name the argument, what was expected and what came."""

import numpy as np
import pytest

import stn_numba as stn

IMAGE = np.ones((2, 4, 4, 1))
GRID = np.zeros((2, 3, 3, 2))


@pytest.mark.parametrize(
    ("image", "grid", "options", "error", "message"),
    [
        (IMAGE.astype(int), GRID, {}, TypeError, "image: .* float32.* float64.*, got int64"),
        (IMAGE[0], GRID, {}, ValueError, r"image: expected \(N, H, W, C\) .*, got \(4, 4, 1\)"),
        (IMAGE[:, :0], GRID, {}, ValueError, r"image: expected .* got \(2, 0, 4, 1\)"),
        (IMAGE, GRID[..., :1], {}, ValueError, r"grid: expected \(N, h, w, 2\), got \(2, 3, 3, 1\)"),
        (IMAGE, GRID.astype(str), {}, TypeError, "grid: expected numbers"),
        (IMAGE, np.zeros((3, 3, 3, 2)), {}, ValueError, r"grid: expected N = 2 .*, got N = 3"),
        (IMAGE, GRID, {"padding": "mirror"}, ValueError, "padding: expected one of zeros, border, .*, got .mirror."),
        (IMAGE, GRID, {"num_threads": 0}, ValueError, "num_threads: expected at least 1, got 0"),
        (IMAGE, stn.DenseGrid(GRID), {"align_corners": False}, ValueError, "align_corners: .* True, got False"),
    ],
)
def test_errors_name_argument_expected_and_got(image, grid, options, error, message):
    for function in (stn.sample, stn.sample_vjp):
        with pytest.raises(error, match=message):
            function(image, grid, **options)


def test_a_gradient_of_the_wrong_shape_is_refused():
    _, backprop = stn.sample_vjp(IMAGE, GRID)
    with pytest.raises(ValueError, match=r"d_out: expected \(2, 3, 3, 1\), got \(2, 3, 3\)"):
        backprop(np.ones((2, 3, 3)))


@pytest.mark.parametrize(
    ("dtype", "fill", "message"),
    [
        (bool, "x", "fill: expected numbers, got dtype"),
        (bool, np.ma.masked_array([True], [True]), "fill: .*masked"),
        (complex, "x", "fill: expected numbers, got dtype"),
    ],
)
def test_a_fill_that_is_not_a_number_is_refused(dtype, fill, message):
    with pytest.raises((TypeError, ValueError), match=message):
        stn.sample(np.zeros((1, 3, 3, 1), dtype), np.zeros((1, 1, 1, 2)), kernel="nearest", fill=fill)


BAD_FILLS = [
    (dtype, fill, ValueError)
    for dtype, fills in {
        "uint8": (-1, 256, 255.5, -0.51, np.nan, np.inf, 10**30, [1, 2, 300]),
        "int8": (-129, 128),
        "uint16": (65536, -1.0),
        "int16": (40000, np.nan),
        "int32": (2**31, -(2**31) - 1, 1e300),
        "float16": (70000, 1e300, -65520),
        "float32": (1e300, -1e39, [0, 1e39, 0], 10**400),
        "float64": (np.longdouble("1e4000"), 10**400),
        "complex64": (1e300, 1j * 1e300, complex(np.inf, 1e300)),
        "bool": (2, -1, 0.5, np.nan),
    }.items()
    for fill in fills
] + [
    (dtype, fill, TypeError)
    for dtype in ("uint8", "float32", "float16", "bool")
    for fill in (1j, "x", b"x", {}, [None], [1, "x", 2], np.datetime64("2020-01-01"))
]


@pytest.mark.parametrize(("dtype", "fill", "error"), BAD_FILLS)
def test_a_fill_that_the_dtype_cannot_hold_is_refused_by_name(dtype, fill, error):
    if dtype == "float64" and isinstance(fill, np.longdouble) and np.isinf(fill):
        pytest.skip("longdouble is float64 here")
    options = {"kernel": "nearest", "fill": fill}
    for order in "<>":
        image = np.zeros((2, 4, 4, 3), np.dtype(dtype).newbyteorder(order))
        for padding in (None, "zeros", "constant"):
            with pytest.raises(error, match="^fill: expected "):
                stn.sample(image, GRID, padding=padding, **options)
    with pytest.raises(error, match="^fill: expected "):
        stn.warp(image, [1, 0, 0, 0, 1, 0], **options)
    if dtype in ("float32", "float64"):
        with pytest.raises(error, match="^fill: expected "):
            stn.sample_vjp(image, GRID, **options)


def test_a_bad_fill_names_its_channel_and_comes_before_any_work():
    out = np.full((2, 3, 3, 3), 9, np.uint8)
    with pytest.raises(ValueError, match="fill: expected numbers that uint8 can hold, 0 to 255, got 300 for channel 2"):
        stn.sample(np.zeros((2, 4, 4, 3), np.uint8), GRID, fill=[1, 2, 300], out=out)
    assert (out == 9).all()
    with pytest.raises(ValueError, match=r"fill: expected a number or one for each of 3 channels, got \[1, 2\]"):
        stn.sample(np.zeros((2, 4, 4, 3), np.uint8), GRID, fill=[1, 2])


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [
        ("uint8", 255),
        ("uint8", np.uint64(7)),
        ("int32", -(2**31)),
        ("int32", 2**31 - 1),
        ("float16", 65504),
        ("float32", np.inf),
        ("float32", np.nan),
        ("float32", 2**64),
        ("float64", 10**30),
        ("complex64", complex(np.nan, 3)),
        ("complex64", 3),
        ("bool", True),
        ("bool", 1.0),
    ],
)
def test_a_fill_at_the_limits_is_accepted(dtype, fill):
    out = stn.sample(np.zeros((1, 4, 4, 1), dtype), np.full((1, 1, 1, 2), 9.0), fill=fill, kernel="nearest")
    np.testing.assert_array_equal(out.ravel(), np.array([fill]).astype(dtype))


@pytest.mark.parametrize("dtype", [complex, str])
def test_a_gradient_that_is_not_real_is_refused(dtype):
    _, backprop = stn.sample_vjp(np.zeros((1, 3, 3, 1)), np.zeros((1, 1, 1, 2)))
    with pytest.raises(TypeError, match="d_out: expected real numbers, got dtype"):
        backprop(np.ones((1, 1, 1, 1), dtype))


def test_an_out_interleaved_with_the_image_is_accepted():
    both = np.arange(2.0 * 3 * 4).reshape(1, 3, 4, 2)
    stn.sample(both[..., :1], stn.grid.DenseGrid(np.zeros((1, 3, 4, 2))), out=both[..., 1:])
    assert (both[..., 1:] == both[0, 1, 1:3, 0].mean()).all()


def test_positions_are_named_grid_in_errors():
    image = np.zeros((1, 3, 3, 1))
    with pytest.raises(ValueError, match=r"grid: expected \(N, h, w, 2\), got \(3, 3, 2\)"):
        stn.sample(image, np.zeros((3, 3, 2)))
    with pytest.raises(TypeError, match=r"got a tuple with a Grid; `forward` returns \(grid, backprop\)"):
        stn.sample(image, stn.get_transform("affine").forward([[1, 0, 0, 0, 1, 0]], (2, 2)))


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (np.zeros((4, 6)), r"got \(4, 6\); parameters of a transform go to `warp\(image, theta\)`"),
        (np.zeros(32), r"got \(32,\); parameters of a transform go to `warp\(image, theta\)`"),
        (np.eye(2, 3), r"got \(2, 3\); a matrix .* `grid_from_pixel_matrix`, theta goes to `warp\(image, theta\)`"),
        (np.tile(np.eye(3), (4, 1, 1)), r"got \(4, 3, 3\); a matrix .* `grid_from_pixel_matrix`"),
        (np.zeros((5, 4, 2)), r"got \(5, 4, 2\); one grid \(h, w, 2\) is grid\[None\]"),
        (np.zeros((7, 2)), r"got \(7, 2\); points \(M, 2\) are grid\[None, None\]"),
        (np.zeros((1, 2, 5, 4)), r"got \(1, 2, 5, 4\); the last axis is \(x, y\): grid\.transpose\(0, 2, 3, 1\)"),
        (stn.get_transform("affine"), r"got Affine\(\); its `forward\(theta, shape\)` makes a grid"),
    ],
)
def test_other_arguments_as_grid_get_advice(grid, message):
    with pytest.raises((TypeError, ValueError), match=f"grid: expected .*{message}"):
        stn.sample(IMAGE, grid)


@pytest.mark.parametrize(
    ("shape", "layout", "one", "batch"),
    [
        ((8, 28, 28), "NHWC", "None", "..., None"),
        ((8, 28, 28), "NCHW", "None", ":, None"),
        ((28, 28), "NHWC", "None, ..., None", None),
        ((28, 28), "NCHW", "None, None", None),
    ],
)
def test_images_with_fewer_axes_get_advice(shape, layout, one, batch):
    image, grid = np.zeros(shape), np.zeros((1, 2, 2, 2))
    with pytest.raises(ValueError, match=r"image: expected \(N, .* is image\[") as caught:
        stn.sample(image, grid, layout=layout)
    for index in (one, batch):
        if index is not None:
            assert f"image[{index}]" in str(caught.value)
            stn.sample(eval(f"image[{index}]"), grid, layout=layout)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": "sinc"}, "kernel: expected one of nearest, bilinear, linear, cubic, bicubic, .*, got 'sinc'"),
        ({"layout": "CHW"}, "layout: expected one of NHWC, NCHW, NDHWC, NCDHW, got 'CHW'; did you mean 'NCHW'"),
        ({"units": "meters"}, "units: expected one of normalized, pixels, got 'meters'"),
        ({"fill": [1, 2]}, r"fill: expected a number or one for each of 3 channels, got \[1, 2\]"),
    ],
)
def test_unknown_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        stn.sample(np.ones((1, 4, 4, 3)), np.zeros((1, 2, 2, 2)), **options)
