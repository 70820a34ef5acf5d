"""Pooling against slow, obvious loops."""

import numpy as np
import pytest

from stn_numba.nn import AvgPool, MaxPool


@pytest.mark.parametrize(("layer", "reduce"), [(MaxPool(2), np.max), (AvgPool(2), np.mean), (MaxPool(3), np.max)])
def test_pooling_agrees_with_loops(layer, reduce):
    x = np.random.default_rng(3).standard_normal((2, 7, 8, 3))
    s, y = layer.size, layer.forward(x)[0]
    for i, j in np.ndindex(7 // s, 8 // s):
        np.testing.assert_allclose(y[:, i, j], reduce(x[:, i * s : i * s + s, j * s : j * s + s], axis=(1, 2)))


def test_max_pool_propagates_nan():
    x = np.zeros((1, 2, 2, 1))
    x[0, 0, 1, 0] = np.nan
    assert np.isnan(MaxPool(2).forward(x)[0]).all()
