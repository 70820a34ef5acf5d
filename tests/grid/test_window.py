"""The grid of a part of the output reads what the whole grid reads there."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.grid.basis_rows import BasisRows

SHAPE, WINDOW = (13, 17), (slice(3, 8), slice(6, 15))
RNG = np.random.default_rng(0)
BENT = np.eye(3) + RNG.normal(0, 0.1, (2, 3, 3))
AFFINE = np.concatenate([BENT[:, :2], np.tile([[[0.0, 0, 1]]], (2, 1, 1))], axis=1)
COEFFICIENTS, FUNCTIONS = RNG.normal(0, 0.5, (2, 2, 3)), RNG.normal(0, 0.5, (13 * 17, 3))
IMAGE = RNG.normal(size=(2, 11, 12, 2))
STREAMED = BasisRows(lambda first, last: FUNCTIONS[first:last], 3, SHAPE)
GRIDS = {
    "positions": stn.DenseGrid(RNG.uniform(-1.2, 1.2, (2, *SHAPE, 2))),
    "affine": stn.MatrixGrid(AFFINE, SHAPE),
    "affine, edges": stn.MatrixGrid(AFFINE, SHAPE, align_corners=False),
    "homography": stn.MatrixGrid(BENT, SHAPE),
    "pixels": stn.grid_from_pixel_matrix(AFFINE[:, :2], (11, 12), SHAPE),
    "pixels, inverse": stn.grid_from_pixel_matrix(BENT, (11, 12), SHAPE, inverse=True),
    "basis": stn.BasisGrid(FUNCTIONS, COEFFICIENTS, SHAPE),
    "streamed basis": stn.BasisGrid(STREAMED, COEFFICIENTS, SHAPE),
}
EACH_GRID = pytest.mark.parametrize("grid", [pytest.param(grid, id=name) for name, grid in GRIDS.items()])
COMPUTED = {"rtol": 1e-11, "atol": 1e-12}


@EACH_GRID
def test_positions_are_those_of_the_whole(grid):
    window, part = grid.window(*WINDOW), (slice(None), *WINDOW)
    assert (type(window), window.shape, window.align_corners) == (type(grid), (5, 9), grid.align_corners)
    if isinstance(grid, stn.BasisGrid):  # a product of other matrices, in which BLAS may sum in another order
        np.testing.assert_allclose(window.dense(), grid.dense()[part], **COMPUTED)
    else:
        np.testing.assert_array_equal(window.dense(), grid.dense()[part])


@EACH_GRID
def test_a_window_of_a_window_is_a_window(grid):
    once, twice = grid.window(slice(4, 7), slice(8, 12)), grid.window(*WINDOW).window(slice(1, 4), slice(2, 6))
    np.testing.assert_array_equal(twice.dense(), once.dense())


@EACH_GRID
def test_outputs_are_those_of_the_whole(grid):
    whole = stn.sample(IMAGE, grid, padding="border")
    got = stn.sample(IMAGE, grid.window(*WINDOW), padding="border")
    np.testing.assert_allclose(got, whole[:, *WINDOW], **COMPUTED)


@pytest.mark.parametrize("name", ["affine", "affine, edges", "pixels"])
def test_an_affine_window_is_antialiased_like_the_whole(name):
    image = RNG.normal(size=(2, 51, 52, 1)) if name != "pixels" else IMAGE
    whole = stn.sample(image, GRIDS[name], antialias=True)
    got = stn.sample(image, GRIDS[name].window(*WINDOW), antialias=True)
    np.testing.assert_allclose(got, whole[:, *WINDOW], **COMPUTED)


def test_a_window_shares_no_plan_with_a_grid_of_its_size():
    whole = stn.MatrixGrid(AFFINE, (5, 9))
    expected = stn.sample(IMAGE, GRIDS["affine"])[:, *WINDOW]
    for grid in (whole, whole):
        stn.sample(IMAGE, grid)
    np.testing.assert_allclose(stn.sample(IMAGE, GRIDS["affine"].window(*WINDOW)), expected, **COMPUTED)


@EACH_GRID
def test_gradients_of_tiles_sum_to_that_of_the_whole(grid):
    d_out = RNG.normal(size=(2, *SHAPE, 2))
    _, backprop = stn.sample_vjp(IMAGE, grid)
    d_image, d_grid = backprop(d_out)
    image_sum, grid_sum = np.zeros_like(d_image), np.zeros_like(d_grid)
    for rows in (slice(0, 5), slice(5, 13)):
        for columns in (slice(0, 9), slice(9, 17)):
            _, backprop = stn.sample_vjp(IMAGE, grid.window(rows, columns))
            d_part, d_own = backprop(np.ascontiguousarray(d_out[:, rows, columns]))
            image_sum += d_part
            if isinstance(grid, stn.DenseGrid):
                grid_sum[:, rows, columns] = d_own
            else:
                grid_sum += d_own
    np.testing.assert_allclose(image_sum, d_image, atol=1e-12)
    np.testing.assert_allclose(grid_sum, d_grid, rtol=1e-10, atol=1e-11)


@EACH_GRID
def test_pulling_back_and_slicing_know_the_window(grid):
    window, d_dense = grid.window(*WINDOW), RNG.normal(size=(2, 5, 9, 2))
    whole = np.zeros((2, *SHAPE, 2))
    whole[:, *WINDOW] = d_dense
    expected = grid.pull_back(whole)
    expected = expected[:, *WINDOW] if isinstance(grid, stn.DenseGrid) else expected
    np.testing.assert_allclose(window.pull_back(d_dense), expected, rtol=1e-10, atol=1e-11)
    np.testing.assert_array_equal(window[1:2].dense(), window.dense()[1:2])


@EACH_GRID
def test_windows_may_be_empty_or_everything(grid):
    assert grid.window(slice(4, 2), slice(None)).dense().shape == (2, 0, 17, 2)
    np.testing.assert_array_equal(grid.window(slice(None), slice(-100, 100)).dense(), grid.dense())


def test_errors_name_the_axis():
    grid = GRIDS["affine"]
    with pytest.raises(TypeError, match=r"rows: expected a slice, as slice\(0, 8\), got 3"):
        grid.window(3, slice(None))
    with pytest.raises(ValueError, match="columns: expected a slice with step 1, got slice"):
        grid.window(slice(None), slice(0, 4, 2))
