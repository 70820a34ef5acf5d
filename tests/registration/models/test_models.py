import numpy as np
import pytest

import stn_numba as stn
from stn_numba.registration.models import model_of
from stn_numba.registration.models.lighting import Lighting
from stn_numba.registration.models.positions import PositionsModel
from stn_numba.registration.pyramid.levels import make_levels
from stn_numba.registration.pyramid.planes import as_planes
from tests.registration.scenes import pair

PROJECTIVE = stn.get_transform("projective")
THETA = np.array([[1.02, 0.05, 0.03, -0.04, 0.98, 0.02, 0.03, -0.05], [0.9, 0, 0.3, 0.1, 1, 0, 0, 0.1]])
PAIRS = np.array([0, 0])


def level_of(masked=False, channels=1):
    images = [pair(PROJECTIVE, THETA[0], shape=(40, 50), seed=k) for k in range(channels)]
    moving, fixed = (np.stack(each, axis=-1) for each in zip(*images, strict=True))
    mask = np.ones((40, 50), bool)
    mask[10:20, 15:30] = not masked
    return make_levels(as_planes(moving, mask, "moving"), as_planes(fixed, mask[::-1], "fixed"), True)[0]


def test_sums_of_values_are_those_without_derivatives():
    model, level = PositionsModel(PROJECTIVE), level_of(masked=True, channels=2)
    whole, part = model.sums(level, THETA, PAIRS, Lighting()), model.sums_of_values(level, THETA, PAIRS)
    np.testing.assert_allclose(part.rr, whole.rr, rtol=1e-6)
    np.testing.assert_array_equal(part.count, whole.count)
    assert part.jj.shape == (2, 2, 0, 0)


@pytest.mark.parametrize("cubic", [False, True])
@pytest.mark.parametrize(("masked", "channels", "robust"), [(False, 1, 0), (True, 1, 1), (False, 2, 2)])
def test_the_general_model_gives_the_same_sums_as_that_of_matrices(cubic, masked, channels, robust):
    level = level_of(masked, channels)
    level = level.with_splines() if cubic else level
    ones = np.ones((2, channels))
    lighting = Lighting(robust, 1.1 * ones, 0.1 * ones, 0.2 * ones) if robust else Lighting()
    expected = PositionsModel(PROJECTIVE).sums(level, THETA, PAIRS, lighting)
    found = model_of(PROJECTIVE).sums(level, THETA, PAIRS, lighting)
    for name in ("jj", "jr", "rr", "count"):
        value, other = getattr(found, name), getattr(expected, name)
        np.testing.assert_allclose(value, other, atol=3e-3 * np.abs(other).max(), err_msg=name)


def test_values_are_those_that_warp_reads():
    level = level_of(channels=2)
    expected = stn.warp(np.moveaxis(level.moving, 0, -1)[None], THETA, "projective", fill=np.nan)
    for model in (model_of(PROJECTIVE), PositionsModel(PROJECTIVE)):
        found = np.moveaxis(model.values(level, THETA, PAIRS), 1, -1)
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_residuals_follow_theta_as_the_sums_say():
    level, step = level_of(), 1e-4
    for transform in (PROJECTIVE, stn.get_transform("tps", control_points=(3, 3))):
        theta = transform.identity()[None] + 0.02 * np.random.default_rng(0).normal(size=transform.n_params)
        direction = np.random.default_rng(1).normal(size=theta.shape)
        model, pair_ = model_of(transform), np.array([0])

        def squares(theta, model=model, pair_=pair_):
            moving = model.values(level, theta, pair_)[0, 0].astype(np.float64)
            return np.nansum(moving**2)

        slope = (squares(theta + step * direction) - squares(theta - step * direction)) / (2 * step)
        sums = model.sums(level, theta, pair_, Lighting())
        np.testing.assert_allclose(2 * sums.jr[0, 0, :, 0] @ direction[0], slope, rtol=0.2)
