"""Grids made from matrices between pixels."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.grid import grid_from_pixel_matrix, map_points, to_pixels
from stn_numba.sampler import sample
from stn_numba.testing import check_vjp


@pytest.mark.parametrize("rows", [2, 3])
@pytest.mark.parametrize(("in_shape", "out_shape"), [((5, 7), (4, 3)), ((1, 6), (6, 1)), ((4, 4), (1, 1))])
def test_a_grid_from_a_pixel_matrix_maps_pixels_to_pixels(rows, in_shape, out_shape):
    matrices = np.array([[[0.9, -0.2, 1.5], [0.3, 1.1, -0.5], [0.01, 0.02, 1.0]], [[0, 2, 0], [-1, 0, 3], [0, 0, 1.0]]])
    matrices[:, 2] = matrices[:, 2] if rows == 3 else (0, 0, 1)
    pixels = to_pixels(stn.base_points(out_shape, False), out_shape, False)
    expected = map_points(matrices, pixels)
    given = matrices[:, :rows]
    for one in (given, given * (2.0 if rows == 3 else 1.0), given * (-1.0 if rows == 3 else 1.0)):
        positions = grid_from_pixel_matrix(one, in_shape, out_shape).dense()
        np.testing.assert_allclose(to_pixels(positions, in_shape, False).reshape(expected.shape), expected, atol=1e-12)
    back = grid_from_pixel_matrix(
        np.linalg.inv(matrices)[:, :rows] if rows == 2 else np.linalg.inv(matrices), in_shape, out_shape, inverse=True
    )
    np.testing.assert_allclose(back.dense(), grid_from_pixel_matrix(given, in_shape, out_shape).dense(), atol=1e-12)


@pytest.mark.parametrize("inverse", [True, False])
def test_a_grid_from_a_pixel_matrix_keeps_that_matrix(inverse):
    for size in range(1, 300):
        shape = (size, 300 - size)
        grid = grid_from_pixel_matrix([[1, 0, size], [0, 1, -3]], shape, shape, inverse=inverse)
        np.testing.assert_array_equal(grid.values, [[[1, 0, size], [0, 1, -3]]])
        sign = -1 if inverse else 1
        np.testing.assert_array_equal(grid.pixel_matrix(shape), [[[1, 0, sign * size], [0, 1, -3 * sign], [0, 0, 1]]])


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.eye(2), r"matrix: expected \(2, 3\) or \(3, 3\), or N of them, got \(2, 2\)"),
        (np.zeros((2, 3)), "matrix: expected one that has an inverse, got a singular one"),
        ("ab", "matrix: expected"),
        (np.eye(3, dtype=complex), "matrix: expected numbers, got dtype complex128"),
    ],
)
def test_other_values_as_pixel_matrix_are_refused(matrix, message):
    with pytest.raises((TypeError, ValueError), match=message):
        grid_from_pixel_matrix(matrix, (4, 4), (4, 4), inverse=True)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("inverse", [True, False])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e308])
def test_extreme_numbers_in_a_pixel_matrix_cause_no_warning(value, inverse):
    grid = grid_from_pixel_matrix(np.diag([value, 1.0, 1.0]), (3, 4), (3, 2), inverse=inverse)
    assert stn.sample(np.ones((1, 3, 4, 1)), grid).shape == (1, 3, 2, 1)


def test_a_grid_from_a_pixel_matrix_is_for_images_of_its_size():
    grid = grid_from_pixel_matrix([[1, 0, 1], [0, 1, 0]], (8, 4), (1, 4))
    with pytest.raises(ValueError, match=r"image: expected \(H, W\) = \(8, 4\), for which the grid was made, got \(4, 8\)"):
        sample(np.zeros((1, 4, 8, 1)), grid)
    with pytest.raises(ValueError, match=r"got \(4, 8\)"):
        sample(np.zeros((1, 1, 4, 8)), grid, layout="NCHW")
    with pytest.raises(TypeError, match=r"in_shape: expected two whole numbers"):
        grid_from_pixel_matrix(np.eye(3), (4, 4, 3), (4, 4))
    for antialias in (True, False):
        rows = sample(np.arange(32.0).reshape(1, 8, 4, 1), grid, antialias=antialias)
        assert rows[0, 0, :, 0].tolist() == [1.0, 2.0, 3.0, 0.0]


@pytest.mark.parametrize("inverse", [True, False])
@pytest.mark.parametrize("scale", [1.0, -1.0, 1e-150, 1e150])
def test_the_scale_of_a_matrix_does_not_matter(scale, inverse):
    matrix = np.array([[0.9, -0.2, 15], [0.3, 1.1, -5], [1e-3, 2e-3, 1.0]])
    expected = grid_from_pixel_matrix(matrix, (40, 50), (30, 20), inverse=inverse).dense()
    got = grid_from_pixel_matrix(scale * matrix, (40, 50), (30, 20), inverse=inverse).dense()
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_the_larger_part_of_an_image_cut_by_the_horizon_is_visible():
    for horizon in (30.0, 70.0):  # the horizon runs through row 30, or 70, of an input of 100 rows
        to_output = np.array([[1, 0, 0], [0, 1, 0], [0, 1 / horizon, -1.0]])
        for sign in (1, -1):
            grid = grid_from_pixel_matrix(sign * to_output, (100, 100), (300, 300), inverse=True)
            seen = to_pixels(grid.dense(), (100, 100), False)[..., 1]
            seen = seen[np.isfinite(seen)]
            assert seen.size
            assert (seen > horizon).all() if horizon < 50 else (seen < horizon).all()


def test_a_horizon_through_the_center_does_not_depend_on_the_sign():
    to_output = np.array([[1, 0, 0], [0, 1, 0], [0, 1 / 49.5, -1.0]])
    one, other = (grid_from_pixel_matrix(sign * to_output, (100, 100), (50, 60), inverse=True).dense() for sign in (1, -1))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("rows", [2, 3])
@pytest.mark.parametrize("inverse", [True, False])
@pytest.mark.parametrize("sign", [1, -1])
def test_gradients_of_a_grid_from_a_pixel_matrix_are_by_that_matrix(rows, inverse, sign):
    matrices = np.array([[[0.9, -0.2, 1.5], [0.3, 1.1, -0.5], [0.01, 0.02, 1.0]], [[0.5, 1.2, 0], [-1, 0.3, 3], [0, 0, 2.0]]])
    given = matrices[:, :2] if rows == 2 else sign * matrices

    def positions(matrix):
        grid = grid_from_pixel_matrix(matrix, (9, 7), (4, 5), inverse=inverse)
        return grid.dense(), grid.pull_back

    check_vjp(positions, given)


def test_a_slice_of_a_batch_is_a_grid():
    matrices = np.stack([np.eye(3), [[0, -1, 4], [1, 0, 0], [0, 0, 1]], [[1, 0.1, 3], [0.05, 1, 2], [1e-3, 2e-3, 1]]])
    for grid in (grid_from_pixel_matrix(matrices, (5, 6), (4, 4)), stn.MatrixGrid(matrices, (4, 4))):
        np.testing.assert_array_equal(grid[1:3].dense(), grid.dense()[1:3])
        np.testing.assert_array_equal(grid[1:3].values, grid.values[1:3])
    with pytest.raises(TypeError, match=r"grid: expected a slice of the batch, as grid\[0:1\], got 0"):
        grid[0]
