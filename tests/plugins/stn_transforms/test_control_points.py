import numpy as np
import pytest

from stn_numba.grid import base_points
from stn_transforms.control_points import as_control_points


@pytest.mark.parametrize(("given", "ndim", "sizes"), [(None, None, (4, 4)), (None, 3, (4, 4, 4)), ((2, 3, 4), None, (2, 3, 4))])
def test_regular_grids(given, ndim, sizes):
    regular, points = as_control_points(given, ndim)
    assert regular == sizes
    np.testing.assert_array_equal(points, base_points(sizes))


def test_points_say_how_many_axes_there_are():
    points = np.random.default_rng(0).uniform(-1, 1, (5, 3))
    regular, found = as_control_points(points, None)
    assert regular is None
    np.testing.assert_array_equal(found, points)


@pytest.mark.parametrize(
    ("given", "ndim", "message"),
    [
        ((2, 1, 2), None, "control_points: expected at least 2 planes, 2 rows and 2 columns"),
        (np.eye(3), 3, "control_points: expected at least 4 points, got 3"),
        ((4, 4), 3, r"control_points: expected \(K, 3\), got \(2,\)"),
    ],
)
def test_errors(given, ndim, message):
    with pytest.raises(ValueError, match=message):
        as_control_points(given, ndim)
