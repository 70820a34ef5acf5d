"""Affine maps."""

import numpy as np
import pytest

import stn_numba as stn

POINTS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.3, -0.7]])


def test_theta_is_the_first_two_rows_of_the_matrix():
    theta = np.array([1.1, 0.2, 0.3, -0.4, 0.9, -0.5])
    homogeneous = np.concatenate([POINTS, np.ones((4, 1))], axis=1)  # the 1 that the article leaves out
    np.testing.assert_allclose(stn.get_transform("affine").apply(theta[None], POINTS)[0], homogeneous @ theta.reshape(2, 3).T)


def test_output_points_are_mapped_to_input_points():
    """A scale below one zooms in: the output's corner reads the middle of the way to the input's."""
    mapped = stn.get_transform("affine").apply([[0.5, 0, 0, 0, 0.5, 0]], [[1.0, 1.0]])
    assert mapped.tolist() == [[[0.5, 0.5]]]


@pytest.mark.parametrize("align_corners", [True, False])
def test_zooming_in_on_a_corner_reads_that_corner(align_corners):
    image = np.zeros((8, 8))
    image[:4, 4:] = 1  # upper right
    out = stn.warp(image, [0.4, 0, 0.6, 0, 0.4, -0.6], shape=(3, 3), align_corners=align_corners, padding="border")
    np.testing.assert_allclose(out, 1)


def test_composed_maps_are_the_product_of_their_matrices():
    affine, rng = stn.get_transform("affine"), np.random.default_rng(0)
    first, second = rng.standard_normal((2, 2, 3))
    last = [[0, 0, 1]]
    both = (np.vstack([second, last]) @ np.vstack([first, last]))[:2]
    np.testing.assert_allclose(
        affine.apply(both.reshape(1, 6), POINTS)[0],
        affine.apply(second.reshape(1, 6), affine.apply(first.reshape(1, 6), POINTS)[0])[0],
    )
