"""The models of all kinds of transforms against a plain oracle in float64."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba import limit_threads
from stn_numba.registration.models import model_of
from stn_numba.registration.models.lattice import LatticeModel
from stn_numba.registration.models.lighting import Lighting
from stn_numba.registration.models.linear import LinearModel
from stn_numba.registration.models.positions import PositionsModel
from stn_numba.registration.models.volumes.near_matrix import NearMatrix
from stn_numba.registration.pyramid.levels import make_levels
from stn_numba.registration.pyramid.planes import as_stack
from tests.registration.models.oracle import model_sums, model_values

RNG = np.random.default_rng(0)


class FishEye(stn.Transform):
    n_params = 2

    def identity(self):
        return np.zeros(2)

    def apply(self, theta, points):
        theta, points = np.asarray(theta), np.asarray(points)
        squared = np.sum(points**2, axis=-1, keepdims=True)
        return points * (1 + theta[:, None, :1] * squared + theta[:, None, 1:] * squared**2)


class Holes(stn.LinearTransform):
    """Affine, but nothing is read in a disk; infinite in a corner."""

    def basis(self, points):
        x, y = points.T
        one = np.where(x**2 + y**2 < 0.1, np.nan, np.where(x + y > 1.6, np.inf, 1.0))
        return np.stack([one, x, y], axis=1)


TRANSFORMS = {
    "tps": (stn.get_transform("tps", control_points=(3, 4)), LinearModel),
    "polynomial": (stn.get_transform("polynomial", degree=3), LinearModel),
    "bspline": (stn.get_transform("bspline", control_points=(5, 8)), LatticeModel),
    "flow": (stn.get_transform("flow", shape=(4, 6)), LatticeModel),
    "flow of a row": (stn.get_transform("flow", shape=(1, 6)), PositionsModel),
    "fish-eye": (FishEye(), PositionsModel),
}


def level_of(shape=(40, 61), size=(37, 70), *, masked=False, channels=1, cubic=False, align_corners=True, count=2):
    rng = np.random.default_rng(0)
    moving, fixed = (rng.normal(size=(count, *each, channels)) for each in (shape, size))
    masks = [np.ones(each, bool) for each in (shape, size)]
    if masked:
        masks[0][10:20, 15:30], masks[1][:5, :9] = False, False
    level = make_levels(as_stack(moving, masks[0]), as_stack(fixed, masks[1]), align_corners)[0]
    return level.with_splines() if cubic else level


def theta_of(transform, count=2, scale=0.03):
    return transform.identity() + scale * np.random.default_rng(1).normal(size=(count, transform.n_params))


def whole(sums, shape):
    """Sums as an array: near matrices as matrices (N, C, P, P)."""
    return sums.dense().reshape(shape) if isinstance(sums, NearMatrix) else sums


def expect_close(found, expected, tolerance):
    size = expected.jj.shape[-1]
    roots = np.sqrt(np.concatenate([np.einsum("ncpp->ncp", each) for each in (expected.jj, expected.rr)], axis=2)) + 1e-3
    for name, first, second in (
        ("jj", slice(size), slice(size)),
        ("jr", slice(size), slice(size, None)),
        ("rr", slice(size, None), slice(size, None)),
    ):
        error = np.abs(whole(getattr(found, name), expected.jj.shape) - getattr(expected, name))
        assert (error / (roots[..., first, None] * roots[..., None, second])).max() < tolerance, name
    np.testing.assert_allclose(found.count, expected.count, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize(
    ("cubic", "masked", "channels", "robust", "align_corners"),
    [(True, False, 1, 0, True), (True, True, 2, 2, False), (False, True, 1, 1, True), (False, False, 2, 0, False)],
)
def test_sums(name, cubic, masked, channels, robust, align_corners):
    transform, kind = TRANSFORMS[name]
    level = level_of(masked=masked, channels=channels, cubic=cubic, align_corners=align_corners)
    theta, pairs, ones = theta_of(transform), np.array([1, 0]), np.ones((2, channels))
    lighting = Lighting(robust, 0.9 * ones, 0.1 * ones, 0.3 * ones) if robust else Lighting()
    model = model_of(transform)
    assert type(model) is kind
    expected = model_sums(transform, level, theta, pairs, lighting)
    # A position that rounds across a pixel line takes the slope of the next pixel
    expect_close(model.sums(level, theta, pairs, lighting), expected, 3e-5 if cubic else 4e-3)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("cubic", [False, True])
def test_values(name, cubic):
    transform, _ = TRANSFORMS[name]
    level, theta, pairs = level_of(channels=2, cubic=cubic), theta_of(transform), np.array([1, 0])
    expected = model_values(transform, level, theta, pairs)
    np.testing.assert_allclose(model_of(transform).values(level, theta, pairs), expected, atol=2e-4)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_same_bits_with_any_number_of_threads(name):
    transform, _ = TRANSFORMS[name]
    level, theta, found = level_of((300, 310), (290, 300)), theta_of(transform), []
    for count in (1, 2, 3):
        with limit_threads(count):
            model = model_of(transform)
            sums = model.sums(level, theta, np.array([0, 1]), Lighting())
            found.append([sums.jj, sums.jr, sums.rr, sums.count, model.values(level, theta, np.array([0, 1]))])
    for other in found[1:]:
        for value, expected in zip(other, found[0], strict=True):
            np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize(
    ("shape", "size"), [((2, 2), (1, 1)), ((1, 1), (2, 5)), ((5, 7), (1, 9)), ((3, 2), (6, 5)), ((2, 9), (1, 257))]
)
@pytest.mark.parametrize("cubic", [False, True])
def test_small_images(name, shape, size, cubic):
    transform, _ = TRANSFORMS[name]
    level, theta, pairs = level_of(shape, size, cubic=cubic, count=1), theta_of(transform, 1), np.array([0])
    expected = model_sums(transform, level, theta, pairs, Lighting())
    found = model_of(transform).sums(level, theta, pairs, Lighting())
    expect_close(found, expected, 4e-3)
    if 1 not in size:
        assert expected.count[0] > 0


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, -1e30])
def test_wild_parameters_read_nothing_bad(name, value):
    transform, _ = TRANSFORMS[name]
    for cubic in (False, True):
        level = level_of(cubic=cubic)
        theta = theta_of(transform)
        theta[0, ::3] = value
        with np.errstate(all="ignore"):
            sums = model_of(transform).sums(level, theta, np.array([0, 1]), Lighting())
        assert 0 <= sums.count[0] < sums.count[1]
        assert np.isfinite(sums.rr).all()
        assert np.isfinite(sums.jj).all()


def test_where_functions_are_not_finite_nothing_is_read():
    transform, level = Holes(), level_of(cubic=True)
    theta = np.array([[0.01, 1, 0, 0.02, 0, 0.9]])
    with np.errstate(all="ignore"):
        found = model_of(transform).sums(level, theta, np.array([0]), Lighting())
        values = model_of(transform).values(level, theta, np.array([0]))[0, 0]
    assert np.isfinite(found.jj).all()
    assert np.isfinite(found.jr).all()
    points = level.points().reshape(*level.shape, 2)
    assert np.isnan(values[(points**2).sum(axis=2) < 0.1]).all()
    np.testing.assert_allclose(found.count, np.isfinite(values).sum())


def test_large_bases_are_not_kept():
    transform, _ = TRANSFORMS["tps"]
    model, level, theta, pairs = model_of(transform, 10**9), level_of(cubic=True), theta_of(transform), np.array([0, 1])
    assert type(model) is PositionsModel
    expect_close(model.sums(level, theta, pairs, Lighting()), model_sums(transform, level, theta, pairs, Lighting()), 1e-4)


def test_a_lattice_with_its_own_apply_is_read_by_positions():
    class Doubled(type(TRANSFORMS["flow"][0])):
        def apply(self, theta, points):
            return super().apply(2 * np.asarray(theta), points)

    assert type(model_of(Doubled((4, 6)))) is PositionsModel


@pytest.mark.parametrize("name", ["fish-eye", "tps"])
def test_derivatives_of_large_images_are_linear_between_every_fourth_pixel(name):
    transform, _ = TRANSFORMS[name]
    level, theta, pairs = level_of((150, 161), (140, 150), cubic=True), theta_of(transform), np.array([0, 1])
    found = PositionsModel(transform).sums(level, theta, pairs, Lighting())
    expect_close(found, model_sums(transform, level, theta, pairs, Lighting()), 2e-2)
