"""Attention: scale and shift."""

import numpy as np
import pytest

import stn_numba as stn
from stn_transforms.affine import Affine
from stn_transforms.attention import Attention

RNG = np.random.default_rng(0)
POINTS = RNG.uniform(-1, 1, (9, 2))


def test_equation_2_of_the_article():
    theta = np.array([[0.5, 0.1, -0.2]])
    np.testing.assert_array_equal(Attention().apply(theta, POINTS), Affine().apply([[0.5, 0, 0.1, 0, 0.5, -0.2]], POINTS))


def test_two_scales():
    theta = [[0.5, 2, 0.1, -0.2]]
    expected = Affine().apply([[0.5, 0, 0.1, 0, 2, -0.2]], POINTS)
    np.testing.assert_array_equal(Attention(isotropic=False).apply(theta, POINTS), expected)


def test_a_window_is_read():
    image = np.arange(81.0).reshape(9, 9)
    np.testing.assert_allclose(stn.warp(image, [0.5, 0.5, -0.5], Attention(), (5, 5)), image[:5, 4:])
    np.testing.assert_allclose(stn.warp(image, [0.5, 1, 0.5, 0], Attention(False), (9, 5)), image[:, 4:])


@pytest.mark.parametrize("isotropic", [1, None, "no"])
def test_a_bad_option_is_refused(isotropic):
    with pytest.raises(TypeError, match="isotropic: expected True or False"):
        Attention(isotropic=isotropic)
