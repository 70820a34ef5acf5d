"""Free-form deformations by cubic B-splines."""

import numpy as np
import pytest
from scipy.interpolate import BSpline as ScipyBSpline

import stn_numba as stn
from stn_transforms.affine import Affine
from stn_transforms.bspline import BSpline

RNG = np.random.default_rng(0)
SIZES = [(4, 4), (5, 7), (12, 4)]


def scipy_basis(x, count):
    """Cubic B-splines on uniform knots, of which count - 3 spans cover [-1, 1]."""
    step = 2 / (count - 3)
    knots = -1 + step * np.arange(-3, count + 1)
    return ScipyBSpline.design_matrix(x, knots, 3).toarray()


@pytest.mark.parametrize("size", SIZES)
def test_weights_are_those_of_scipy(size):
    rows, columns = size
    theta, points = RNG.standard_normal((2, 2, rows, columns)), RNG.uniform(-1, 0.999, (40, 2))
    of_x, of_y = scipy_basis(points[:, 0], columns), scipy_basis(points[:, 1], rows)
    expected = points + np.einsum("mr,mc,nkrc->nmk", of_y, of_x, theta)
    np.testing.assert_allclose(BSpline(size).apply(theta.reshape(2, -1), points), expected, atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_displacements_that_are_affine_make_an_affine_map(size):
    rows, columns = size
    x = -1 + 2 * (np.arange(columns) - 1) / (columns - 3)  # places of the control points, as documented
    y = -1 + 2 * (np.arange(rows) - 1) / (rows - 3)
    places = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    affine, points = np.array([[1.1, 0.2, 0.1, -0.3, 0.9, 0.05]]), RNG.uniform(-1, 1, (20, 2))
    theta = (Affine().apply(affine, places)[0] - places).T.reshape(1, -1)
    np.testing.assert_allclose(BSpline(size).apply(theta, points), Affine().apply(affine, points), atol=1e-12)


def test_a_control_point_moves_its_surroundings_only():
    spline, theta = BSpline((11, 11)), np.zeros((1, 2, 11, 11))
    theta[0, 0, 5, 5] = 1  # at (0, 0); cells are 0.25 wide
    points = RNG.uniform(-1, 1, (500, 2))
    moved = (spline.apply(theta.reshape(1, -1), points)[0] != points).any(axis=1)
    np.testing.assert_array_equal(moved, (np.abs(points) < 0.5).all(axis=1))


def test_the_map_is_twice_continuously_differentiable():
    spline, theta = BSpline((6, 6)), RNG.standard_normal((1, 72))
    line = np.stack([np.linspace(-1, 1, 3001), np.full(3001, 0.3)], axis=1)
    second = np.diff(spline.apply(theta, line)[0], 2, axis=0) / (2 / 3000) ** 2
    assert np.abs(np.diff(second, axis=0)).max() < 0.01 * np.abs(second).max()


@pytest.mark.parametrize(
    ("control_points", "error", "message"),
    [
        ((3, 8), ValueError, r"expected at least 4 rows and 4 columns, got \(3, 8\)"),
        ((8, 0), ValueError, "expected at least 4 rows and 4 columns"),
        (8, TypeError, "expected two whole numbers"),
        ((8.5, 8), TypeError, "expected two whole numbers"),
    ],
)
def test_bad_lattices_are_refused(control_points, error, message):
    with pytest.raises(error, match=f"control_points: {message}"):
        BSpline(control_points=control_points)


def test_fits_recover_the_displacements():
    spline, points = BSpline((5, 6)), stn.base_points((12, 12))
    theta = RNG.normal(0, 0.1, (2, 60))
    np.testing.assert_allclose(spline.fit_points(points, spline.apply(theta, points)), theta, atol=1e-9)
    with pytest.raises(ValueError, match="source: expected at least 30 points"):
        spline.fit_points(points[:10], points[:10])
