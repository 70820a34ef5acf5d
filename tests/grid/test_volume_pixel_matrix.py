"""Grids made from matrices between voxels."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.grid import DenseGrid, grid_from_pixel_matrix, map_points, to_pixels
from stn_numba.testing import check_vjp

RNG = np.random.default_rng(0)
IN_SHAPE, OUT_SHAPE = (5, 6, 7), (3, 4, 11)
AFFINE = np.concatenate([np.eye(3, 4) + 0.2 * RNG.normal(size=(2, 3, 4)), np.tile([[[0, 0, 0, 1.0]]], (2, 1, 1))], axis=1)
HOMOGRAPHY = np.eye(4) + np.array([[0.2], [0.2], [0.2], [0.03]]) * RNG.normal(size=(2, 4, 4))
VOLUME = RNG.normal(size=(2, *IN_SHAPE, 2))
VOXELS = np.stack(np.meshgrid(*map(np.arange, OUT_SHAPE), indexing="ij")[::-1], axis=-1).reshape(-1, 3)


@pytest.mark.parametrize("in_shape", [IN_SHAPE, (1, 6, 7), (1, 1, 1)])
@pytest.mark.parametrize("matrix", [AFFINE, HOMOGRAPHY], ids=["affine", "homography"])
def test_the_grid_maps_voxels_to_voxels(matrix, in_shape):
    expected = map_points(matrix, VOXELS).reshape(2, *OUT_SHAPE, 3)
    for factor in (1.0, 2.0, -1.0):
        grid = grid_from_pixel_matrix(factor * matrix, in_shape, OUT_SHAPE)
        np.testing.assert_allclose(to_pixels(grid.dense(), in_shape, False), expected, atol=1e-12)
    back = grid_from_pixel_matrix(np.linalg.inv(matrix), in_shape, OUT_SHAPE, inverse=True)
    np.testing.assert_allclose(to_pixels(back.dense(), in_shape, False), expected, atol=1e-9)


@pytest.mark.parametrize("inverse", [True, False])
@pytest.mark.parametrize("matrix", [AFFINE[:, :3], AFFINE, HOMOGRAPHY], ids=["3 x 4", "affine", "homography"])
def test_volumes_are_sampled_where_the_positions_lie_also_in_windows(matrix, inverse):
    grid = grid_from_pixel_matrix(matrix, IN_SHAPE, OUT_SHAPE, inverse=inverse)
    out = stn.sample(VOLUME, grid)
    np.testing.assert_allclose(out, stn.sample(VOLUME, DenseGrid(grid.dense(), align_corners=False)), atol=1e-12)
    window = slice(1, 3), slice(1, 3), slice(2, 9)
    np.testing.assert_allclose(stn.sample(VOLUME, grid.window(*window)), out[:, *window], atol=1e-11)
    np.testing.assert_allclose(grid.window(*window).dense(), grid.dense()[:, *window], atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_crops_by_whole_voxels_are_exact(dtype):
    volume = RNG.integers(-99, 99, (1, 8, 9, 10, 1)).astype(dtype)
    shift = [[1, 0, 0, 3], [0, 1, 0, 2], [0, 0, 1, 1]]
    out = stn.sample(volume, grid_from_pixel_matrix(shift, (8, 9, 10), (4, 5, 6)))
    np.testing.assert_array_equal(out, volume[:, 1:5, 2:7, 3:9])
    back = stn.sample(out, grid_from_pixel_matrix(shift, (4, 5, 6), (8, 9, 10), inverse=True))
    np.testing.assert_array_equal(back[:, 1:5, 2:7, 3:9], out)
    assert np.count_nonzero(back) == np.count_nonzero(out)


@pytest.mark.parametrize("inverse", [True, False])
@pytest.mark.parametrize("matrix", [AFFINE[:, :3], AFFINE, HOMOGRAPHY], ids=["3 x 4", "affine", "homography"])
def test_gradients_are_by_the_matrix_that_was_passed(matrix, inverse):
    def sampled(matrix):
        grid = grid_from_pixel_matrix(matrix, IN_SHAPE, OUT_SHAPE, inverse=inverse)
        out, backprop = stn.sample_vjp(VOLUME, grid, kernel="cubic")
        return out, lambda d_out: backprop(d_out, image=False)[1]

    def positions(matrix):
        grid = grid_from_pixel_matrix(matrix, IN_SHAPE, OUT_SHAPE, inverse=inverse)
        return grid.dense(), grid.pull_back

    check_vjp(sampled, matrix)
    check_vjp(positions, matrix)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.eye(4)[:2], IN_SHAPE, OUT_SHAPE), r"matrix: expected \(3, 4\) or \(4, 4\), or N of them, got \(2, 4\)"),
        ((np.eye(4), (4, 4), OUT_SHAPE), r"in_shape: expected three whole numbers \(d, h, w\), got \(4, 4\)"),
        ((np.eye(4), IN_SHAPE, (4, 4)), r"out_shape: expected three whole numbers"),
        ((np.zeros((4, 4)), IN_SHAPE, OUT_SHAPE), "matrix: expected one that has an inverse, got a singular one"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        grid_from_pixel_matrix(*arguments, inverse=True)
