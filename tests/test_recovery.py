"""What is known is found again: points by the inverse, parameters from points, maps from images."""

import numpy as np
import pytest
from scipy import ndimage

import stn_numba as stn
from tests.registration.scenes import Scene
from tests.test_all_transforms import NAMES, NO_IDENTITY, made

CORNERS = stn.base_points((2, 2))
SHAPE = (160, 200)


def parameters(transform, count, spread):
    return transform.identity() + np.random.default_rng(1).normal(0, spread, (count, transform.n_params))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NO_IDENTITY])
def test_the_inverse_leads_back(name):
    transform = made(name).for_image(SHAPE)
    points = np.random.default_rng(0).uniform(-0.8, 0.8, (50, 2))
    theta = parameters(transform, 20, 0.01)  # with 0.03 some lenses fold the image: two positions read the same one
    back = transform.apply_inverse(theta, transform.apply(theta, points))
    np.testing.assert_allclose(back, np.broadcast_to(points, back.shape), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", [name for name in NAMES if made(name).n_params <= 40])
def test_parameters_are_found_from_20_points(name):
    transform = made(name).for_image(SHAPE)
    local = isinstance(transform, stn.transform.LatticeTransform)  # 20 points leave some of its control points undetermined
    points = np.random.default_rng(2).uniform(-1, 1, (200 if local else 20, 2))
    for row in parameters(transform, 5, 0.03):
        found = transform.fit_points(points, transform.apply(row[None], points)[0])
        np.testing.assert_allclose(found[0], row, rtol=0, atol=1e-9)


def random_affine(rng):
    """Parameters (6,) that turn up to 20 degrees, scale each axis up to 20 % and shift up to 10 % of the image, in pixels."""
    height, width = SHAPE
    angle, (turn, back) = rng.uniform(-np.pi / 9, np.pi / 9), rng.uniform(-np.pi, np.pi) * np.array([1, -1])

    def rotation(a):
        return np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])

    linear = rotation(angle) @ rotation(turn) @ np.diag(rng.uniform(0.8, 1.2, 2)) @ rotation(back)
    aspect = np.diag([width - 1, height - 1])
    shift = rng.uniform(-0.2, 0.2, 2)  # normalized: 10 % of a width of 2
    return np.concatenate([np.linalg.inv(aspect) @ linear @ aspect, shift[:, None]], axis=1).ravel()


def texture(seed):
    """Smooth noise of several scales, as a photo has, with edges."""
    rng = np.random.default_rng(seed)
    waves = sum(sigma * ndimage.gaussian_filter(rng.standard_normal(SHAPE), sigma) for sigma in (1.5, 3, 6, 12, 24))
    blocks = ndimage.gaussian_filter((waves > np.median(waves)).astype(float), 1)
    return waves / waves.std() + blocks


def scene(seed):
    return Scene(seed, shortest=0.08)(stn.base_points(SHAPE)).reshape(SHAPE)


@pytest.mark.parametrize("image_of", [scene, texture])
def test_an_image_is_registered_with_its_own_warp(image_of):
    """For 100 affine maps: at least 95 are found to 0.01 pixel, and none of the others passes for found."""
    rng, transform = np.random.default_rng(0), stn.get_transform("affine")
    errors, flags = np.zeros(100), np.zeros(100, bool)
    for k in range(100):
        image, theta = image_of(k % 10), random_affine(rng)
        fixed = stn.warp(image, theta, fill=np.nan)
        result = stn.register(image, fixed)
        off = (result.apply(CORNERS) - transform.apply(theta[None], CORNERS)) * (np.array(SHAPE[::-1]) - 1) / 2
        errors[k], flags[k] = np.linalg.norm(off, axis=-1).max(), result.success
    assert not (flags & (errors > 0.01)).any(), errors[flags & (errors > 0.01)]
    assert flags.sum() >= 95
