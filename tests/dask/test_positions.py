"""Positions in windows are those that `sample` reads in the whole output."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.grid import DenseGrid, MatrixGrid, to_pixels
from tests.dask.problems import TRANSFORMS, VOLUMES, thetas

pytest.importorskip("dask", reason="Dask is not installed")
from stn_numba.dask.positions import OutputPositions, positions_in_window


def test_windows_of_a_matrix_grid_count_from_the_whole():
    grid = MatrixGrid(np.array([[[1, 0, 0.5], [0, 1, -0.25], [0, 0, 1]]]), (9, 9))
    expected = grid.dense()[0, 2:5, 3:7] * 4 + 4
    found = positions_in_window(grid, (9, 9), (slice(2, 5), slice(3, 7)))
    np.testing.assert_array_equal(np.moveaxis(found[0], 0, -1), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dense_positions_of_both_dtypes(dtype):
    points = np.random.default_rng(0).uniform(-1, 1, (2, 6, 7, 2)).astype(dtype)
    found = positions_in_window(DenseGrid(points), (5, 9), (slice(1, 6), slice(2, 4)))
    expected = to_pixels(points[:, 1:6, 2:4], (5, 9))
    np.testing.assert_allclose(np.moveaxis(found, 1, -1), expected, rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize(("makers", "name"), [(m, n) for m in (TRANSFORMS, VOLUMES) for n in m])
def test_windows_agree_with_the_grid_of_the_whole(makers, name):
    transform = makers[name]()
    shape = in_shape = (11, 13) if transform.ndim == 2 else (5, 6, 7)
    transform = transform.for_image(in_shape)
    theta = thetas(transform, 2, np.random.default_rng(0), 0.1)
    window = tuple(slice(2, n - 1) for n in shape)
    positions = OutputPositions(transform, theta, in_shape, shape, True)
    expected = to_pixels(transform.forward(theta, shape)[0].dense()[:, *window], in_shape)
    found = np.concatenate([positions.in_window(band, slice(None)) for band in positions.bands(window)], axis=2)
    np.testing.assert_allclose(np.moveaxis(found, 1, -1), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(positions.in_window(window, slice(1, 2)), found[1:])


def test_bands_cover_the_window_and_are_small():
    positions = OutputPositions(stn.get_transform("affine"), np.eye(2, 3).reshape(1, 6), (9, 9), (10**6, 10**6), True)
    bands = positions.bands((slice(7, 5000), slice(1, 2000)))
    assert [band[0].start for band in bands[1:]] == [band[0].stop for band in bands[:-1]]
    assert (bands[0][0].start, bands[-1][0].stop) == (7, 5000)
    assert max((b[0].stop - b[0].start) * 1999 for b in bands) <= 1 << 17
    assert positions.in_window(bands[-1], slice(None)).shape[:2] == (1, 2)
