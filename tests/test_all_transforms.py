"""Every transform that is installed, by name: the contract, warps, networks, files and registration."""

import functools

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import Flatten, SpatialTransformer
from stn_numba.testing import check_vjp, parametrize_checks
from tests.registration.scenes import SHAPE, pair

OPTIONS = {
    "bounded": {"transform": "affine", "low": [-1.5] * 6, "high": [1.5] * 6},
    "bspline": {"control_points": (4, 5)},
    "compose": {"transforms": ["rotation", "radial"]},
    "flow": {"shape": (4, 5)},
    "tps": {"control_points": (3, 3)},
}
NO_IDENTITY = {"logpolar"}
NAMES = stn.available_transforms()
RNG = np.random.default_rng(0)
every = pytest.mark.parametrize("name", NAMES)


def made(name):
    return stn.get_transform(name, **OPTIONS.get(name, {}))


def near_identity(transform, count, spread):
    return transform.identity() + np.random.default_rng(0).normal(0, spread, (count, transform.n_params))


@parametrize_checks(*(functools.partial(made, name) for name in NAMES if name not in NO_IDENTITY))
def test_contract(check):
    check()


@parametrize_checks(*(functools.partial(made, name) for name in NAMES if name in NO_IDENTITY), exact_identity=False)
def test_contract_without_an_identity(check):
    check()


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in NO_IDENTITY])
def test_the_identity_is_exact(name, align_corners):
    """To the bit for homographies, to 1e-6 for all others."""
    transform = made(name).for_image((7, 11), align_corners)
    theta, points = transform.identity()[None], stn.base_points((7, 11), align_corners)
    mapped = transform.forward(theta, (7, 11), align_corners)[0].dense().reshape(-1, 2)
    np.testing.assert_allclose(mapped, points, rtol=0, atol=0 if isinstance(transform, stn.MatrixTransform) else 1e-6)
    if isinstance(transform, stn.MatrixTransform):
        np.testing.assert_array_equal(transform.matrix(theta), np.eye(3)[None])
        image = RNG.random((7, 11))
        np.testing.assert_array_equal(stn.warp(image, theta[0], transform, align_corners=align_corners), image)


@every
def test_warps_read_where_apply_says(name):
    transform, images = made(name), RNG.random((2, 12, 15, 3))
    theta, bound = near_identity(transform, 2, 0.05), transform.for_image((12, 15))
    grid = np.asarray(bound.apply(theta, stn.base_points((6, 8)))).reshape(2, 6, 8, 2)
    warped = stn.warp(images, theta, transform, (6, 8))
    np.testing.assert_allclose(warped, stn.sample(images, grid), atol=1e-9)


@every
def test_a_layer_gives_the_gradient_of_its_parameters(name):
    image = np.random.default_rng(1).random((2, 9, 11, 1))
    layer = SpatialTransformer(Flatten(), name, (5, 6), options=OPTIONS.get(name))
    layer.initialize((9, 11, 1), np.random.default_rng(0), np.float64)
    names = sorted(layer.params)
    generator = np.random.default_rng(2)
    for key in names:
        layer.params[key] += generator.normal(0, 0.003, layer.params[key].shape)

    def output(*values):
        for key, value in zip(names, values, strict=True):
            layer.params[key][...] = value
        out, backprop = layer.forward(image)
        return out, lambda d_out: tuple(backprop(d_out)[1][key] for key in names)

    check_vjp(output, *(layer.params[key].copy() for key in names), tolerance=1e-4)


@every
def test_models_are_saved_with_name_and_options(name, tmp_path):
    model = stn.models.st_fcn((8, 16, 1), units=4, transform=name, options=OPTIONS.get(name))
    images = RNG.random((3, 8, 16, 1), np.float32)
    for array in model.params.values():
        array += np.random.default_rng(0).normal(0, 0.01, array.shape).astype(array.dtype)
    stn.save(model, tmp_path / "model")
    again = stn.load(tmp_path / "model")
    np.testing.assert_array_equal(again.theta(images), model.theta(images))
    np.testing.assert_array_equal(again.predict_proba(images), model.predict_proba(images))


@every
def test_registration_finds_a_small_motion(name):
    transform = made(name).for_image(SHAPE)
    theta = near_identity(transform, 1, 0.02)[0]
    moving, fixed = pair(transform, theta, gain=1.2, bias=5)
    result = stn.register(moving, fixed, name, options=OPTIONS.get(name))
    assert result.success
    points = stn.base_points((9, 9)) * 0.9
    off = (result.apply(points) - transform.apply(theta[None], points)) * (np.array(SHAPE[::-1]) - 1) / 2
    assert np.linalg.norm(off, axis=-1).max() < 0.02
