"""Pooling of volumes against loops over blocks."""

import numpy as np
import pytest

from stn_numba.nn import AvgPool3d, MaxPool3d

RNG = np.random.default_rng(0)
sizes = pytest.mark.parametrize("size", [2, (1, 3, 2), (3, 1, 1), 1], ids=str)


def slow_pooling(x, size, reduce):
    y = np.zeros((len(x), *(length // side for length, side in zip(x.shape[1:4], size, strict=True)), x.shape[4]))
    for place in np.ndindex(y.shape[1:4]):
        block = x[:, *(slice(p * s, (p + 1) * s) for p, s in zip(place, size, strict=True))]
        y[:, *place] = reduce(block, axis=(1, 2, 3))
    return y


@sizes
@pytest.mark.parametrize(("kind", "reduce"), [(MaxPool3d, np.max), (AvgPool3d, np.mean)], ids=["max", "mean"])
def test_blocks_are_reduced(kind, reduce, size):
    x = RNG.normal(size=(2, 5, 6, 7, 3))
    sides = (size,) * 3 if isinstance(size, int) else size
    np.testing.assert_allclose(kind(size).forward(x)[0], slow_pooling(x, sides, reduce), rtol=1e-12)


def test_views_are_read_as_they_are():
    x = RNG.normal(size=(7, 6, 5, 2, 4)).transpose(3, 2, 1, 0, 4)[:, ::-1]
    for kind in (MaxPool3d, AvgPool3d):
        y, backprop = kind(2).forward(x)
        expected, expected_backprop = kind(2).forward(np.ascontiguousarray(x))
        np.testing.assert_array_equal(y, expected)
        np.testing.assert_array_equal(backprop(np.cos(y))[0], expected_backprop(np.cos(y))[0])


@sizes
def test_the_first_maximum_gets_the_gradient(size):
    x = RNG.integers(0, 2, (2, 4, 6, 4, 2)).astype(float)
    layer = MaxPool3d(size)
    y, backprop = layer.forward(x)
    dy, expected = RNG.normal(size=y.shape), np.zeros_like(x)
    sides = (size,) * 3 if isinstance(size, int) else size
    for n, *place, channel in np.ndindex(y.shape):
        block = n, *(slice(p * s, (p + 1) * s) for p, s in zip(place, sides, strict=True)), channel
        expected[block][np.unravel_index(x[block].argmax(), sides)] = dy[n, *place, channel]
    np.testing.assert_array_equal(backprop(dy)[0], expected)
