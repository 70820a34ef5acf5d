"""Homographies."""

import numpy as np
import pytest

import stn_numba as stn

RNG = np.random.default_rng(0)


def test_without_perspective_terms_the_map_is_affine():
    theta, points = RNG.standard_normal((2, 6)), RNG.uniform(-1, 1, (7, 2))
    flat = np.concatenate([theta, np.zeros((2, 2))], axis=1)
    np.testing.assert_allclose(
        stn.get_transform("projective").apply(flat, points), stn.get_transform("affine").apply(theta, points)
    )


def test_straight_lines_stay_straight():
    theta = stn.get_transform("projective").identity() + RNG.normal(0, 0.2, 8)
    line = np.linspace([-1, -0.5], [0.8, 1], 9)
    a, *rest, b = stn.get_transform("projective").apply(theta[None], line)[0]
    (dx, dy) = b - a
    for x, y in np.array(rest) - a:
        assert x * dy - y * dx == pytest.approx(0, abs=1e-12)


def test_four_corners_are_mapped_to_four_points():
    corners = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
    places = corners * 0.7 + RNG.normal(0, 0.1, (4, 2))
    rows, right = [], []
    for (x, y), (u, v) in zip(corners, places, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    theta = np.linalg.solve(rows, right)
    np.testing.assert_allclose(stn.get_transform("projective").apply(theta[None], corners)[0], places, atol=1e-12)


@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_positions_at_or_beyond_the_horizon_are_zero_and_have_no_gradient(padding):
    """The denominator 2 x + 1 is positive on the right side only."""
    theta = np.array([[1.0, 0, 0, 0, 1, 0, 2, 0]])
    grid, to_theta = stn.get_transform("projective").forward(theta, (4, 5))
    hidden = stn.base_points((4, 5))[:, 0].reshape(4, 5) <= -0.5
    out, backprop = stn.sample_vjp(np.ones((1, 6, 6, 1)), grid, padding=padding)
    assert not out[0, hidden].any()
    np.testing.assert_allclose(out[0, ~hidden], 1)
    d_image, d_grid = backprop(np.broadcast_to(hidden[None, ..., None], out.shape).astype(float))
    assert not d_image.any()
    assert not to_theta(d_grid).any()


def test_the_scale_of_the_matrix_does_not_matter():
    points = RNG.uniform(-1, 1, (5, 2))
    matrix = np.eye(3) + RNG.normal(0, 0.1, (3, 3))
    theta = (matrix / matrix[2, 2]).ravel()[:8]
    x, y, z = matrix @ np.vstack([points.T, np.ones(5)])
    np.testing.assert_allclose(stn.get_transform("projective").apply(theta[None], points)[0], np.stack([x / z, y / z], 1))
