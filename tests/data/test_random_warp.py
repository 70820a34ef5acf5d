"""Random warps."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.data import RandomWarp

RNG = np.random.default_rng(0)
X = RNG.random((5, 8, 9, 2), np.float32)


def test_parameters_are_drawn_around_the_identity():
    theta = stn.get_transform("affine").identity() + 0.2 * np.random.default_rng(3).standard_normal((5, 6))
    expected = stn.warp(X, theta.astype(np.float32), "affine", padding="border")
    assert np.array_equal(RandomWarp("affine", 0.2, padding="border")(X, np.random.default_rng(3)), expected)


OPTIONS = {"bounded": {"transform": "affine", "low": -2, "high": 2}, "compose": {"transforms": ["rigid", "radial"]}}


@pytest.mark.parametrize("name", stn.available_transforms())
def test_every_transform_can_be_drawn(name):
    options = OPTIONS.get(name)
    transform = stn.get_transform(name, **(options or {}))
    warped = RandomWarp(name, 0.1, options=options)(X, np.random.default_rng(0))
    still = RandomWarp(name, 0, options=options)(X, np.random.default_rng(0))
    assert warped.shape == X.shape
    assert warped.dtype == np.float32
    np.testing.assert_allclose(still, stn.warp(X, np.tile(transform.identity(), (5, 1)), transform), atol=1e-6)
    assert not np.allclose(warped, still)


def test_one_spread_per_parameter_and_another_shape():
    out = RandomWarp("affine", [0, 0, 0.5, 0, 0, 0], shape=(4, 4))(X, np.random.default_rng(0))
    assert out.shape == (5, 4, 4, 2)


def test_options_go_to_the_transform():
    assert RandomWarp("tps", options={"control_points": [3, 3]}).transform.n_params == 18


@pytest.mark.parametrize(
    ("spread", "message"),
    [
        ([1, 2], r"spread: expected \(6\), got \(2,\)"),
        (-1, "spread: expected finite numbers"),
        (np.nan, "spread: expected finite"),
    ],
)
def test_a_bad_spread_is_refused(spread, message):
    with pytest.raises(ValueError, match=message):
        RandomWarp("affine", spread)


def test_parameters_can_be_drawn_alone():
    theta = RandomWarp("affine", 0.2).draw(5, np.random.default_rng(3))
    expected = stn.get_transform("affine").identity() + 0.2 * np.random.default_rng(3).standard_normal((5, 6))
    assert np.array_equal(theta, expected)


def test_integer_images_are_warped():
    images = (255 * X).astype(np.uint8)
    warped = RandomWarp("affine", 0.2)(images, np.random.default_rng(3))
    theta = stn.get_transform("affine").identity() + 0.2 * np.random.default_rng(3).standard_normal((5, 6))
    assert np.array_equal(warped, stn.warp(images, theta, "affine"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RandomWarp(3), "transform: expected a registered name or a Transform, got int"),
        (lambda: RandomWarp(padding="foo"), "padding: expected one of zeros"),
        (lambda: RandomWarp(shape=3), r"shape: expected \(h, w\), got 3"),
        (lambda: RandomWarp(stn.get_transform("tps"), options={"control_points": (3, 3)}), "options: expected none"),
    ],
)
def test_bad_options_are_refused_at_once(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_images_without_channels_are_refused():
    with pytest.raises(ValueError, match=r"images: expected \(N, H, W, C\), got \(3, 8, 8\)"):
        RandomWarp()(np.zeros((3, 8, 8), np.float32), np.random.default_rng(0))
