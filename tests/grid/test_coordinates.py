"""Normalized and pixel coordinates."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.grid import as_floats, check_shape, to_normalized, to_pixels

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


@pytest.mark.parametrize("shape", [3, "ab", (1, 2, 3), None, (1.5, 2), (2.0, 3), (True, 2)])
def test_a_shape_must_be_two_whole_numbers(shape):
    with pytest.raises(TypeError, match=r"shape: expected two whole numbers \(h, w\), got"):
        check_shape(shape)


def test_a_negative_shape_is_refused():
    with pytest.raises(ValueError, match=r"shape: expected two whole numbers \(h, w\) >= 0, got \(-1, 2\)"):
        check_shape((-1, 2))


def test_as_floats_keeps_floats_and_converts_the_rest_to_float64():
    for given, expected in [("f4", "f4"), ("f8", "f8"), ("i4", "f8"), ("u1", "f8"), ("f2", "f8"), (">f4", "f8")]:
        assert as_floats(np.ones((2, 3), given), "a", ("N", 3)).dtype == np.dtype(expected)
