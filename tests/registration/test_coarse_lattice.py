import numpy as np
import pytest
from scipy import ndimage

import stn_numba as stn
from stn_numba.registration.coarse_lattice import CoarseLattice, is_large
from tests.registration.scenes import Scene

FLOW = stn.get_transform("flow", shape=(60, 70))
SPLINE = stn.get_transform("bspline", control_points=(50, 60))
SCENE = Scene()
POINTS = np.random.default_rng(0).uniform(-1, 1, (200, 2))


def scene(x, y):
    """A scene at pixels, of which 100 are as wide as the scene's unit."""
    return SCENE(np.stack([x, y], axis=-1) / 50 - 1)


@pytest.mark.parametrize("full", [FLOW, SPLINE], ids=["flow", "bspline"])
def test_the_full_lattice_displaces_as_the_coarse_one(full):
    coarse = CoarseLattice(full, (240, 300))
    assert coarse.lattice == (15, 18)
    theta = np.random.default_rng(0).normal(0, 0.05, (2, coarse.n_params))
    refined = coarse.refined(theta)
    assert refined.shape == (2, full.n_params)
    if full is FLOW:  # exact at its own control points
        points = np.stack(np.meshgrid(np.linspace(-1, 1, 70), np.linspace(-1, 1, 60)), axis=-1).reshape(-1, 2)
        np.testing.assert_allclose(full.apply(refined, points), coarse.apply(theta, points), atol=0.02)
    else:
        np.testing.assert_allclose(full.apply(refined, POINTS), coarse.apply(theta, POINTS), atol=0.005)
    np.testing.assert_allclose(coarse.coarsened(refined), theta, atol=0.03)


def test_small_axes_are_kept():
    coarse = CoarseLattice(stn.get_transform("flow", shape=(2000, 2)), (40, 640))
    assert coarse.lattice == (2, 2)
    assert CoarseLattice(SPLINE, (10, 10)).lattice == (4, 4)
    assert CoarseLattice(SPLINE, (9999, 9999)).lattice == (20, 20)


def test_which_transforms_are_large():
    assert is_large(FLOW)
    assert not is_large(stn.get_transform("bspline", control_points=(8, 8)))
    assert not is_large(stn.get_transform("affine"))


def test_a_flow_finds_a_smooth_field():
    shape, rng = (128, 144), np.random.default_rng(0)
    field = ndimage.gaussian_filter(rng.standard_normal((2, *shape)), (0, 25, 25), mode="mirror")
    field *= 3 / np.sqrt(np.mean(np.sum(field**2, axis=0)))
    y, x = np.indices(shape)
    moving, fixed = scene(x, y), scene(x + field[0], y + field[1])
    result = stn.register(moving, fixed, "flow", options={"shape": shape})
    assert result.success
    assert isinstance(result.transform, type(FLOW))
    assert result.theta.shape == (1, 2 * shape[0] * shape[1])
    assert result.covariance.shape == (1, result.theta.shape[1], result.theta.shape[1])
    found = result.theta.reshape(2, *shape) * (np.array([shape[1] - 1, shape[0] - 1]) / 2)[:, None, None]
    error = np.linalg.norm(found - field, axis=0)
    assert error[16:-16, 16:-16].mean() < 0.2


def test_a_flow_starts_from_given_parameters():
    shape = (96, 96)
    y, x = np.indices(shape)
    moving, fixed = scene(x, y), scene(x + 15.0, y - 10)
    theta = np.repeat([15.0, -10.0], shape[0] * shape[1]) * 2 / 95
    result = stn.register(moving, fixed, "flow", options={"shape": shape}, initial=theta)
    assert result.success
    middle = result.apply([[48, 48]], "pixels")[0, 0]
    np.testing.assert_allclose(middle, [63, 38], atol=0.2)


def test_frames_of_a_stack():
    y, x = np.indices((80, 96))
    frames = np.stack([scene(x + shift, y) for shift in (0.0, 1.5)])
    stack = stn.register_stack(frames, transform="flow", options={"shape": (80, 96)})
    assert stack.success.all()
    np.testing.assert_allclose(stack.apply([[48, 40]], "pixels")[:, 0], [[48, 40], [46.5, 40]], atol=0.2)


def test_other_transforms_may_not_have_as_many_parameters():
    with pytest.raises(ValueError, match="at most 4000 parameters"):
        stn.register(np.ones((20, 20)), np.ones((20, 20)), "tps", options={"control_points": (46, 46)})
