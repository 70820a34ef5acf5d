"""Normalized and pixel coordinates."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.grid import to_normalized, to_pixels

BOTH = pytest.mark.parametrize("align_corners", [True, False])
RNG = np.random.default_rng(0)


def test_base_points_run_row_by_row_with_x_first():
    np.testing.assert_array_equal(stn.base_points((2, 3)), [[-1, -1], [0, -1], [1, -1], [-1, 1], [0, 1], [1, 1]])


def test_without_align_corners_the_outer_edges_are_at_one():
    np.testing.assert_allclose(stn.base_points((1, 4), False), [[-0.75, 0], [-0.25, 0], [0.25, 0], [0.75, 0]])


@BOTH
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (6, 1), (7, 4)])
def test_base_points_are_the_pixel_centers(shape, align_corners):
    pixels = to_pixels(stn.base_points(shape, align_corners), shape, align_corners).reshape(*shape, 2)
    for i, j in np.ndindex(*shape):
        np.testing.assert_allclose(pixels[i, j], (j, i), atol=1e-12)


@BOTH
def test_to_normalized_undoes_to_pixels(align_corners):
    points = RNG.uniform(-2, 2, (9, 2))
    there = to_pixels(points, (5, 8), align_corners)
    np.testing.assert_allclose(to_normalized(there, (5, 8), align_corners), points, atol=1e-12)


def test_an_aligned_axis_of_one_pixel_is_at_zero():
    assert to_normalized([[0.0, 0.0]], (1, 1)).tolist() == [[0.0, 0.0]]
