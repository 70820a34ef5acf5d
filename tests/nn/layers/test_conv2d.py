"""Convolution against slow, obvious loops."""

import numpy as np
import pytest

from stn_numba.nn import Conv2d

RNG = np.random.default_rng(3)


def naive_convolution(x, weight, bias, stride, padding):
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    size, filters = weight.shape[0], weight.shape[3]
    h, w = ((length - size) // stride + 1 for length in x.shape[1:3])
    y = np.zeros((len(x), h, w, filters))
    for i in range(h):
        for j in range(w):
            patch = x[:, i * stride : i * stride + size, j * stride : j * stride + size]
            y[:, i, j] = np.tensordot(patch, weight, axes=3) + bias
    return y


@pytest.mark.parametrize(("size", "stride", "padding"), [(1, 1, 0), (3, 1, 0), (3, 2, 1), (4, 3, 2), (5, 1, 4)])
def test_convolution_agrees_with_loops(size, stride, padding):
    layer = Conv2d(3, size, stride=stride, padding=padding)
    layer.initialize((9, 7, 2), RNG, np.float64)
    layer.params["bias"][:] = RNG.standard_normal(3)
    x = RNG.standard_normal((4, 9, 7, 2))
    expected = naive_convolution(x, layer.params["weight"], layer.params["bias"], stride, padding)
    np.testing.assert_allclose(layer.forward(x)[0], expected, rtol=1e-12, atol=1e-12)
