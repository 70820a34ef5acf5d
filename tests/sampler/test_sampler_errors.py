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
def test_a_fill_that_is_no_number_is_refused(dtype, fill, message):
    with pytest.raises((TypeError, ValueError), match=message):
        stn.sample(np.zeros((1, 3, 3, 1), dtype), np.zeros((1, 1, 1, 2)), kernel="nearest", fill=fill)


@pytest.mark.parametrize("dtype", [complex, str])
def test_a_gradient_that_is_not_real_is_refused(dtype):
    _, backprop = stn.sample_vjp(np.zeros((1, 3, 3, 1)), np.zeros((1, 1, 1, 2)))
    with pytest.raises(TypeError, match="d_out: expected real numbers, got dtype"):
        backprop(np.ones((1, 1, 1, 1), dtype))


def test_an_output_between_the_image_s_channels_is_taken():
    both = np.arange(2.0 * 3 * 4).reshape(1, 3, 4, 2)
    stn.sample(both[..., :1], stn.grid.DenseGrid(np.zeros((1, 3, 4, 2))), out=both[..., 1:])
    assert (both[..., 1:] == both[0, 1, 1:3, 0].mean()).all()


def test_positions_are_called_the_grid():
    image = np.zeros((1, 3, 3, 1))
    with pytest.raises(ValueError, match=r"grid: expected \(N, h, w, 2\), got \(3, 3, 2\)"):
        stn.sample(image, np.zeros((3, 3, 2)))
    with pytest.raises(TypeError, match=r"got a tuple with a Grid; `forward` returns \(grid, backprop\)"):
        stn.sample(image, stn.get_transform("affine").forward([[1, 0, 0, 0, 1, 0]], (2, 2)))
