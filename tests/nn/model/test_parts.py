"""A network computed in parts of the batch."""

import numpy as np
import pytest

from stn_numba.kernels.runtime import dispatch
from stn_numba.nn import Chain, Conv2d, Dense, Flatten, Layer, SpatialTransformer, forward_in_parts
from tests.nn.examples import localisation

RNG = np.random.default_rng(8)


def network(dtype=np.float64):
    chain = Chain(SpatialTransformer(localisation(), "affine"), Conv2d(3, 3), Flatten(), Dense(2))
    chain.initialize((8, 8, 2), np.random.default_rng(0), dtype)
    return chain


@pytest.mark.parametrize("count", [1, 31, 64, 100])
def test_parts_give_what_the_whole_gives(count):
    layer, x, dy = network(), RNG.random((count, 8, 8, 2)), RNG.standard_normal((count, 2))
    y, backprop = layer.forward(x)
    expected_dx, expected = backprop(dy)
    in_parts, backprop_in_parts = forward_in_parts(layer, x)
    dx, gradients = backprop_in_parts(dy)
    np.testing.assert_allclose(in_parts, y, rtol=1e-12)
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-9, atol=1e-12)
    assert list(gradients) == list(expected)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-9, atol=1e-12)
    assert backprop_in_parts(dy, input_gradient=False)[0] is None


def test_the_number_of_threads_changes_no_bit():
    layer, x = network(np.float32), RNG.random((100, 8, 8, 2), np.float32)
    results = []
    for threads in (1, 2):
        with dispatch.limited(threads):
            y, backprop = forward_in_parts(layer, x, np.random.default_rng(0))
            results.append((y, *backprop(np.ones_like(y))[1].values()))
    assert all(map(np.array_equal, *results))


class _Odd(Layer):
    """Returns another gradient for each part."""

    calls = 0

    def forward(self, x, rng=None):
        def backprop(dy, *, input_gradient=True):
            _Odd.calls += 1
            return dy, {f"gradient {_Odd.calls}": np.zeros(1)}

        return x, backprop


def test_parts_with_other_gradients_are_refused():
    _, backprop = forward_in_parts(_Odd(), np.zeros((64, 2)), np.random.default_rng(0))
    with pytest.raises(ValueError, match="gradient of 'gradient .': expected"):
        backprop(np.zeros((64, 2)))


class _WholeBatch(Layer):
    whole_batch = True

    def __init__(self):
        self.counts = []

    def forward(self, x, rng=None):
        self.counts.append(len(x))
        return x, lambda dy, *, input_gradient=True: (dy, {})


def test_layers_that_look_at_the_whole_batch_get_it_in_training():
    layer = Chain(Chain(_WholeBatch()))
    forward_in_parts(layer, np.zeros((100, 2)), np.random.default_rng(0))
    forward_in_parts(layer, np.zeros((100, 2)))
    (inner,) = next(iter(layer.layers.values())).layers.values()
    assert inner.counts[0] == 100
    assert sorted(inner.counts[1:]) == [50, 50]
