"""Projection of volumes along z."""

import numpy as np
import pytest

from stn_numba.nn import Project

RNG = np.random.default_rng(0)


def test_z_is_projected():
    x = RNG.normal(size=(2, 5, 3, 4, 2))
    np.testing.assert_allclose(Project().forward(x)[0], x.mean(axis=1))
    np.testing.assert_array_equal(Project("max").forward(x)[0], x.max(axis=1))


def test_the_first_maximum_gets_the_gradient():
    x = np.array([1.0, 3, 3, 2]).reshape(1, 4, 1, 1, 1)
    _, backprop = Project("max").forward(x)
    assert backprop(np.full((1, 1, 1, 1), 5.0))[0].ravel().tolist() == [0, 5, 0, 0]


def test_images_are_refused():
    with pytest.raises(ValueError, match=r"Project: expected floats \(N, D, H, W, C\), got float64 \(1, 4, 4, 1\)"):
        Project().forward(np.zeros((1, 4, 4, 1)))
