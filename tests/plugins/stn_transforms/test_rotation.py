"""Rotations."""

import numpy as np
import pytest
from scipy import ndimage

import stn_numba as stn
from stn_transforms.rotation import Rotation

RNG = np.random.default_rng(0)
either = pytest.mark.parametrize("align_corners", [True, False])


@either
@pytest.mark.parametrize("shape", [(6, 6), (5, 9), (8, 3)])
def test_half_a_turn_reverses_both_axes(shape, align_corners):
    image = RNG.random(shape)
    out = stn.warp(image, [np.pi], Rotation(), align_corners=align_corners, padding="border")
    np.testing.assert_allclose(out, image[::-1, ::-1], atol=1e-12)


@either
@pytest.mark.parametrize("turns", [-1, 1, 2, 3])
def test_positive_quarter_turns_are_those_of_rot90(turns, align_corners):
    image = RNG.random((7, 7))
    out = stn.warp(image, [turns * np.pi / 2], Rotation(), align_corners=align_corners, padding="border")
    np.testing.assert_allclose(out, np.rot90(image, turns), atol=1e-12)


@either
@pytest.mark.parametrize("degrees", [90, 30, -117])
@pytest.mark.parametrize("shape", [(12, 20), (21, 9)])
def test_scipy_turns_alike(shape, degrees, align_corners):
    """Compared where SciPy, which cuts off at the outermost pixels, reads the image."""
    image = ndimage.gaussian_filter(RNG.random(shape), 1)
    out = stn.warp(image, [np.radians(degrees)], Rotation(), align_corners=align_corners)
    expected = ndimage.rotate(image, degrees, reshape=False, order=1)
    inside = ndimage.rotate(np.ones(shape), degrees, reshape=False, order=1) > 0.999
    assert inside.sum() > 30
    np.testing.assert_allclose(out[inside], expected[inside], atol=1e-10)


@either
@pytest.mark.parametrize("degrees", [30, 90])
def test_a_disc_stays_a_disc_in_a_wide_image(degrees, align_corners):
    y, x = np.mgrid[:40, :80]
    disc = np.exp(-(((x - 45) ** 2 + (y - 19.5) ** 2) / 200))
    out = stn.warp(disc, [np.radians(degrees)], Rotation(), align_corners=align_corners)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    expected = np.exp(-(((x - 39.5 - 5.5 * c) ** 2 + (y - 19.5 + 5.5 * s) ** 2) / 200))  # turned counterclockwise
    np.testing.assert_allclose(out[10:-10, 24:-24], expected[10:-10, 24:-24], atol=3e-3)
    sheared = stn.warp(disc, [np.radians(degrees)], Rotation(aspect=1), align_corners=align_corners)
    assert np.abs(sheared - expected)[8:-8, 20:-20].max() > 0.1
