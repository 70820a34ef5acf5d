"""The models of all kinds of transforms of volumes against a plain oracle in float64."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba import limit_threads
from stn_numba.registration.models import model_of
from stn_numba.registration.models.lighting import Lighting
from stn_numba.registration.models.volumes.lattice import VolumeLatticeModel
from stn_numba.registration.models.volumes.matrix import VolumeMatrixModel
from stn_numba.registration.models.volumes.positions import VolumePositionsModel
from stn_numba.registration.pyramid.levels import make_levels
from stn_numba.registration.pyramid.planes import as_stack
from tests.registration.models.test_sums_of_transforms import expect_close, theta_of, whole
from tests.registration.models.volumes.oracle import model_sums, model_values
from tests.registration.volume_scenes import FishEye

TRANSFORMS = {
    "affine": (stn.get_transform("affine", ndim=3), VolumeMatrixModel),
    "rigid": (stn.get_transform("rigid", ndim=3), VolumeMatrixModel),
    "projective": (stn.get_transform("projective", ndim=3), VolumeMatrixModel),
    "bspline": (stn.get_transform("bspline", control_points=(4, 5, 6)), VolumeLatticeModel),
    "flow": (stn.get_transform("flow", shape=(2, 3, 4)), VolumeLatticeModel),
    "flow of a plane": (stn.get_transform("flow", shape=(1, 3, 4)), VolumePositionsModel),
    "tps": (stn.get_transform("tps", control_points=(2, 2, 2)), VolumePositionsModel),
    "fish-eye": (FishEye(), VolumePositionsModel),
}


def level_of(shape=(10, 13, 15), size=(9, 8, 19), *, masked=False, channels=1, cubic=False, align_corners=True, count=2):
    rng = np.random.default_rng(0)
    moving, fixed = (rng.normal(size=(count, *each, channels)) for each in (shape, size))
    masks = [np.ones(each, bool) for each in (shape, size)]
    if masked:
        masks[0][2:4, 3:6, 4:9], masks[1][:2, :3, :9] = False, False
    level = make_levels(as_stack(moving, masks[0], 3), as_stack(fixed, masks[1], 3), align_corners)[0]
    return level.with_splines() if cubic else level


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize(
    ("cubic", "masked", "channels", "robust", "align_corners"),
    [(True, False, 1, 0, True), (True, True, 2, 2, False), (False, True, 1, 1, True), (False, False, 2, 0, False)],
)
def test_sums(name, cubic, masked, channels, robust, align_corners):
    transform, kind = TRANSFORMS[name]
    level = level_of(masked=masked and not cubic, channels=channels, cubic=cubic, align_corners=align_corners)
    theta, pairs, ones = theta_of(transform), np.array([1, 0]), np.ones((2, channels))
    lighting = Lighting(robust, 0.9 * ones, 0.1 * ones, 0.3 * ones) if robust else Lighting()
    model = model_of(transform)
    assert type(model) is kind
    expected = model_sums(transform, level, theta, pairs, lighting)
    assert expected.count.min() > 100
    # A position that rounds across a voxel's border takes the slope of the next voxel
    expect_close(model.sums(level, theta, pairs, lighting), expected, 3e-5 if cubic else 4e-3)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("cubic", [False, True])
def test_values(name, cubic):
    transform, _ = TRANSFORMS[name]
    level, theta, pairs = level_of(channels=2, cubic=cubic), theta_of(transform), np.array([1, 0])
    expected = model_values(transform, level, theta, pairs)
    np.testing.assert_allclose(model_of(transform).values(level, theta, pairs), expected, atol=2e-4)


def test_splines_near_a_mask_have_no_weight():
    transform, _ = TRANSFORMS["affine"]
    level = level_of((20, 21, 22), (20, 21, 22), masked=True, cubic=True)
    theta, pairs = theta_of(transform, 1), np.array([0])
    expected = model_sums(transform, level, theta, pairs, Lighting())
    assert (
        100
        < expected.count[0]
        < 0.98 * model_sums(transform, level_of((20, 21, 22), (20, 21, 22)), theta, pairs, Lighting()).count[0]
    )
    expect_close(model_of(transform).sums(level, theta, pairs, Lighting()), expected, 3e-5)


@pytest.mark.parametrize("name", ["affine", "bspline", "fish-eye"])
def test_the_same_bits_with_any_number_of_threads(name):
    transform, _ = TRANSFORMS[name]
    level, theta, found = level_of((30, 41, 42), (35, 40, 43)), theta_of(transform), []
    for count in (1, 2, 3):
        with limit_threads(count):
            model = model_of(transform)
            sums = model.sums(level, theta, np.array([0, 1]), Lighting())
            found.append([whole(sums.jj, -1), sums.jr, sums.rr, sums.count, model.values(level, theta, np.array([0, 1]))])
    for other in found[1:]:
        for value, expected in zip(other, found[0], strict=True):
            np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("name", ["affine", "bspline", "fish-eye"])
@pytest.mark.parametrize(
    ("shape", "size"), [((1, 1, 1), (2, 3, 5)), ((1, 9, 7), (1, 9, 7)), ((3, 2, 2), (1, 1, 1)), ((3, 5, 2), (2, 3, 257))]
)
@pytest.mark.parametrize("cubic", [False, True])
def test_small_volumes(name, shape, size, cubic):
    transform, _ = TRANSFORMS[name]
    level, theta, pairs = level_of(shape, size, cubic=cubic, count=1), theta_of(transform, 1), np.array([0])
    expected = model_sums(transform, level, theta, pairs, Lighting())
    expect_close(model_of(transform).sums(level, theta, pairs, Lighting()), expected, 4e-3)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300, -1e30])
def test_wild_parameters_read_nothing_bad(name, value):
    transform, _ = TRANSFORMS[name]
    for cubic in (False, True):
        level, theta = level_of(cubic=cubic), theta_of(transform)
        theta[0, ::3] = value
        with np.errstate(all="ignore"):
            sums = model_of(transform).sums(level, theta, np.array([0, 1]), Lighting())
        assert 0 <= sums.count[0] < sums.count[1]
        assert np.isfinite(sums.rr).all()
        assert name == "rigid" or np.isfinite(whole(sums.jj, -1)).all()  # a rotation by NaN has no derivatives
