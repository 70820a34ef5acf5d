"""Translations."""

import numpy as np
import pytest

import stn_numba as stn
from stn_transforms.translation import Translation

IMAGE = np.random.default_rng(0).random((5, 9))


@pytest.mark.parametrize(("align_corners", "x", "y"), [(True, 2 / 8, 2 / 4), (False, 2 / 9, 2 / 5)])
def test_shifts_by_whole_pixels_are_exact(align_corners, x, y):
    out = stn.warp(IMAGE, [2 * x, -y], Translation(), align_corners=align_corners)
    np.testing.assert_allclose(out[1:, :-2], IMAGE[:-1, 2:], atol=1e-14)
    np.testing.assert_allclose(out[0], 0, atol=1e-14)
    np.testing.assert_allclose(out[:, -2:], 0, atol=1e-14)


def test_the_inverse_goes_back():
    assert Translation().apply_inverse([[0.5, -1]], [[0.5, 0]]).tolist() == [[[0.0, 1.0]]]
