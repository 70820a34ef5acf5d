import numpy as np
import pytest

import stn_numba as stn
from stn_numba.registration.pyramid.levels import make_levels
from stn_numba.registration.pyramid.planes import as_planes
from stn_numba.registration.starts import random_starts, similarity_starts
from tests.registration.scenes import pair

CORNERS = stn.base_points((2, 2))


@pytest.mark.parametrize("name", ["affine", "projective", "tps"])
def test_random_starts_move_the_corners_up_to_a_quarter_of_the_image(name):
    transform = stn.get_transform(name)
    starts = random_starts(transform, transform.identity(), 500, np.random.default_rng(0))
    assert starts.shape == (500, transform.n_params)
    moved = np.abs(transform.apply(starts, CORNERS) - CORNERS)
    assert 0.3 < np.nanmedian(moved.max(axis=(1, 2))) * 2 < 0.8
    assert np.nanquantile(moved, 0.99) < 0.8


def test_random_starts_follow_the_seed():
    affine = stn.get_transform("affine")
    first, again, other = (random_starts(affine, affine.identity(), 5, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_similarities_of_a_transform_without_a_formula_for_fits():
    lens = stn.get_transform("bounded", transform="radial", low=-2, high=2)
    moving, fixed = pair(stn.get_transform("affine"), [1, 0, 0.1, 0, 1, 0])
    level = make_levels(as_planes(moving, None, "moving"), as_planes(fixed, None, "fixed"), True)[-1]
    starts = similarity_starts(lens, level, 0)
    assert len(starts)
    assert np.isfinite(starts).all()


@pytest.mark.parametrize("shape", [(128, 128), (100, 160)])
def test_one_similarity_is_near_the_true_one(shape):
    affine, angle = stn.get_transform("affine"), np.radians(50)
    units = np.diag((np.array(shape[::-1]) - 1) / 2)
    turn = 1.1 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    theta = np.c_[np.linalg.inv(units) @ turn @ units, [0.1, -0.15]].ravel()
    moving, fixed = pair(affine, theta, shape=shape)
    level = make_levels(as_planes(moving, None, "moving"), as_planes(fixed, None, "fixed"), True)[-1]
    starts = similarity_starts(affine, level, 0)
    off = (affine.apply(starts, CORNERS) - affine.apply(theta[None], CORNERS)) @ units
    assert np.linalg.norm(off, axis=2).max(axis=1).min() < 0.15 * max(shape)
