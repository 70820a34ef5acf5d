import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

import stn_numba as stn

RNG = np.random.default_rng(0)
SCATTERED = RNG.uniform(-1, 1, (9, 2))
CONTROL = [(4, 4), (2, 3), SCATTERED, SCATTERED * 1000 + 5000]


def spline_and_points(control_points):
    spline = stn.get_transform("tps", control_points=control_points)
    low, high = spline.control_points.min(axis=0), spline.control_points.max(axis=0)
    return spline, low + RNG.uniform(-0.2, 1.2, (25, 2)) * (high - low)


def test_regular_control_points_run_row_by_row():
    spline = stn.get_transform("tps", control_points=(2, 3))
    assert spline.control_points.tolist() == [[-1, -1], [0, -1], [1, -1], [-1, 1], [0, 1], [1, 1]]
    assert spline.identity().tolist() == [-1, 0, 1, -1, 0, 1, -1, -1, -1, 1, 1, 1]  # all x, then all y


@pytest.mark.parametrize("control_points", CONTROL)
def test_control_points_go_where_theta_says(control_points):
    spline, _ = spline_and_points(control_points)
    theta = RNG.standard_normal((2, spline.n_params))
    mapped = spline.apply(theta, spline.control_points)
    np.testing.assert_allclose(np.swapaxes(mapped, 1, 2).reshape(theta.shape), theta, atol=1e-10)


@pytest.mark.parametrize("control_points", CONTROL)
def test_affine_maps_are_reproduced_everywhere(control_points):
    spline, points = spline_and_points(control_points)
    matrix, shift = RNG.standard_normal((2, 2)), RNG.standard_normal(2)
    theta = (spline.control_points @ matrix.T + shift).T.ravel()
    expected = points @ matrix.T + shift
    np.testing.assert_allclose(spline.apply(theta[None], points)[0], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("control_points", CONTROL)
def test_it_is_the_spline_of_scipy(control_points):
    spline, points = spline_and_points(control_points)
    places = RNG.standard_normal((len(spline.control_points), 2))
    expected = RBFInterpolator(spline.control_points, places, kernel="thin_plate_spline", degree=1)(points)
    np.testing.assert_allclose(spline.apply(places.T.ravel()[None], points)[0], expected, rtol=1e-7, atol=1e-8)


def test_three_points_make_an_affine_map():
    spline, points = spline_and_points([[0, 0], [1, 0], [0, 1]])
    mapped = spline.apply([[0, 2, 0, 0, 0, 3]], points)[0]
    np.testing.assert_allclose(mapped, points * [2, 3], atol=1e-12)


@pytest.mark.parametrize(
    ("control_points", "message"),
    [
        ([[0, 0], [1, 1]], "expected at least 3 points, got 2"),
        ([[0, 0], [1, 1], [2, 2], [5, 5]], "all points lie on one line"),
        ([[0, 0], [0, 1], [0, 5]], "all points lie on one line"),
        ([[0, 0], [1, 0], [0, 1], [1, 0]], "points 1 and 3 coincide"),
        ([[1, 1], [1, 1], [1, 1]], "points 0 and . coincide"),
        ([[0, 0], [1, 0], [0, np.nan]], "expected finite positions"),
        (np.zeros((4, 3)), r"expected \(K, 2\), got \(4, 3\)"),
        ((1, 4), r"expected at least 2 rows and 2 columns, got \(1, 4\)"),
    ],
)
def test_points_that_determine_no_spline_are_refused(control_points, message):
    with pytest.raises(ValueError, match=f"control_points: {message}"):
        stn.get_transform("tps", control_points=control_points)


def test_the_identity_is_the_caller_s_own():
    points = np.stack([np.linspace(-1, 1, 9), np.linspace(-1, 1, 9) ** 2]).T  # in Fortran's order
    spline = stn.get_transform("tps", control_points=points)
    assert not np.shares_memory(spline.identity(), spline.control_points)


def test_masked_control_points_are_refused():
    points = np.ma.masked_array(np.random.default_rng(0).random((5, 2)), [[False, False]] * 4 + [[True, True]])
    with pytest.raises((TypeError, ValueError), match="control_points: .*masked"):
        stn.get_transform("tps", control_points=points)
