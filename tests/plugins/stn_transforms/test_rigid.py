"""Rigid motions; what they share with similarities is tested there."""

import numpy as np

import stn_numba as stn
from stn_transforms.rigid import Rigid


def test_turns_about_the_center_then_shifts():
    """A quarter turn of an image of 5 x 9 pixels, and two pixels further to the right."""
    image = np.random.default_rng(0).random((5, 9))
    out = stn.warp(image, [np.pi / 2, 2 * 2 / 8, 0], Rigid())
    expected = np.zeros((5, 9))
    expected[:, 2:7] = np.rot90(image[:, 4:9])  # the five columns around column 6
    np.testing.assert_allclose(out, expected, atol=1e-12)


def test_the_center_of_the_output_reads_the_shift():
    assert Rigid(3).apply([[0.7, 0.25, -0.5]], [[0, 0]]).tolist() == [[[0.25, -0.5]]]
