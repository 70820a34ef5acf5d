"""Points mapped by homographies."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.grid import map_points, map_points_vjp
from stn_numba.grid.homography import facing, inverted
from stn_numba.testing import check_vjp


def test_points_at_or_beyond_the_horizon_are_nan():
    mapped = map_points(np.array([[[1.0, 0, 0], [0, 1, 0], [1, 0, 1]]]), np.array([[0.0, 0], [-1, 0], [-2, 0]]))
    assert np.isnan(mapped[0]).all(axis=1).tolist() == [False, True, True]


def test_gradients_of_mapped_points_agree_with_differences():
    points, matrices = stn.base_points((3, 4)), np.eye(3) + np.random.default_rng(0).normal(0, 0.2, (2, 3, 3))
    check_vjp(lambda m: (map_points(m, points), lambda d: map_points_vjp(m, points, d)), matrices)


@pytest.mark.parametrize("size", [3, 4])
def test_inverses_are_inverses_and_whole_numbers_stay_whole(size):
    matrices = np.random.default_rng(0).normal(size=(5, size, size)) * np.logspace(-100, 100, 5)[:, None, None]
    np.testing.assert_allclose(inverted(matrices) @ matrices, np.tile(np.eye(size), (5, 1, 1)), atol=1e-12)
    shift = np.eye(size)
    shift[:-1, -1] = np.arange(1, size) * 7
    shift[0] *= -1
    np.testing.assert_array_equal(inverted(shift[None])[0], np.rint(np.linalg.inv(shift)))
    with np.errstate(all="ignore"):
        assert not np.isfinite(inverted(np.zeros((1, size, size)))).any()


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("size", [3, 4])
def test_the_center_of_the_input_lies_in_front(size, sign):
    rng, in_shape = np.random.default_rng(size), (5, 6, 7)[: size - 1]
    matrices = sign * rng.normal(size=(50, size, size))
    got, factors = facing(matrices, in_shape)
    np.testing.assert_array_equal(got, matrices * factors[:, None, None])
    center = np.append((np.array(in_shape[::-1]) - 1) / 2, 1)
    seen = np.linalg.solve(got, center[:, None])[..., 0]  # the output position that reads the center of the input
    assert (seen[:, -1] > 0).all()  # after division by the depth there
    one, other = (facing(s * matrices, in_shape)[0] for s in (1, -1))
    np.testing.assert_array_equal(one, other)
