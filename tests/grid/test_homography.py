"""Points mapped by homographies."""

import numpy as np

import stn_numba as stn
from stn_numba.grid import map_points, map_points_vjp
from stn_numba.testing import check_vjp


def test_points_at_or_beyond_the_horizon_are_nan():
    mapped = map_points(np.array([[[1.0, 0, 0], [0, 1, 0], [1, 0, 1]]]), np.array([[0.0, 0], [-1, 0], [-2, 0]]))
    assert np.isnan(mapped[0]).all(axis=1).tolist() == [False, True, True]


def test_gradients_of_mapped_points_agree_with_differences():
    points, matrices = stn.base_points((3, 4)), np.eye(3) + np.random.default_rng(0).normal(0, 0.2, (2, 3, 3))
    check_vjp(lambda m: (map_points(m, points), lambda d: map_points_vjp(m, points, d)), matrices)
