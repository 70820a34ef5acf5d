"""Convolutions and dense layers that run as one, with samples in vector lanes, against every layer by itself."""

import copy

import numpy as np
import pytest

from stn_numba.nn import AvgPool, Chain, Conv2d, Dense, Dropout, Flatten, MaxPool, ReLU
from stn_numba.nn.engine import dense
from stn_numba.testing import check_vjp

RNG = np.random.default_rng(11)

CHAINS = {
    "one pooled": lambda: Chain(Conv2d(3, 3), MaxPool(2), ReLU()),
    "two pooled": lambda: Chain(Conv2d(3, 3), MaxPool(2), ReLU(), Conv2d(17, 2), ReLU(), MaxPool(2)),
    "not rectified": lambda: Chain(Conv2d(5, 3), MaxPool(2), Conv2d(2, 2)),
    "padded and strided": lambda: Chain(Conv2d(4, 3, stride=2, padding=1), MaxPool(2), ReLU()),
    "wide patches": lambda: Chain(Conv2d(9, 3), MaxPool(2), ReLU(), Conv2d(5, 3), MaxPool(2)),
    "wide patches, padded and strided": lambda: Chain(Conv2d(12, 2), Conv2d(4, 3, stride=2, padding=1), MaxPool(2), ReLU()),
    "fully connected": lambda: Chain(Flatten(), Dense(7), ReLU(), Dense(5), Dense(3), ReLU()),
    "both": lambda: Chain(Conv2d(8, 3), ReLU(), MaxPool(2), Flatten(), ReLU(), Dense(4), Dropout(0.5), Dense(3)),
    "between others": lambda: Chain(AvgPool(2), ReLU(), Conv2d(4, 2), ReLU(), MaxPool(3)),
}


def plain(chain, x):
    """`forward` of every layer by itself, convolutions as products of matrices."""
    backprops = []
    for name, layer in chain.layers.items():
        x, layer_backprop = layer.forward_im2col(x) if isinstance(layer, Conv2d) else layer.forward(x)
        backprops.append((name, layer_backprop))

    def backprop(dy):
        gradients = {}
        for name, layer_backprop in reversed(backprops):
            dy, own = layer_backprop(dy)
            gradients.update({f"{name}.{key}": array for key, array in own.items()})
        return dy, gradients

    return x, backprop


def initialized(make, dtype=np.float64):
    chain = make()
    chain.initialize((11, 10, 2), np.random.default_rng(0), dtype)
    for name, array in chain.params.items():
        if name.endswith("bias"):
            array += 0.1 * RNG.standard_normal(array.shape).astype(dtype)
    return chain


@pytest.mark.parametrize("make", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("count", [9, 70])  # lanes that stay empty, and several parts
def test_fused_chains_agree_with_matrix_products(make, count):
    chain, x = initialized(make), RNG.standard_normal((count, 11, 10, 2))
    (y, backprop), (expected, expected_backprop) = chain.forward(x), plain(chain, x)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    dy = RNG.standard_normal(y.shape)
    (dx, gradients), (expected_dx, expected_gradients) = backprop(dy), expected_backprop(dy)
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-11, atol=1e-11)
    assert set(gradients) == set(expected_gradients)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, expected_gradients[name], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["two pooled", "wide patches", "fully connected"])
def test_gradients_of_fused_chains_agree_with_differences(name):
    chain = initialized(CHAINS[name])
    names = list(chain.params)

    def function(x, *params):
        for name, array in zip(names, params, strict=True):
            chain.params[name][...] = array
        y, backprop = chain.forward(x)

        def in_order(dy):
            dx, gradients = backprop(dy)
            return dx, *(gradients[name] for name in names)

        return y, in_order

    check_vjp(function, RNG.standard_normal((9, 11, 10, 2)), *(chain.params[name].copy() for name in names))


def test_gradients_of_parts_of_a_batch_add_up(monkeypatch):
    chain = initialized(CHAINS["fully connected"])
    again, x = copy.deepcopy(chain), RNG.standard_normal((70, 11, 10, 2))
    whole, whole_backprop = chain.forward(x)
    dy = RNG.standard_normal(whole.shape)
    _, whole_gradients = whole_backprop(dy)
    monkeypatch.setattr(dense, "_WORTH_A_PART", 10_000)
    y, backprop = again.forward(x)
    runs = [next(iter(run._plans.values()))[0][0].op for each in (chain, again) for run in each._segments[1:]]
    assert [len(run.parts) for run in runs] == [1, 11]
    dx, gradients = backprop(dy, input_gradient=False)
    assert dx is None
    np.testing.assert_allclose(y, whole, rtol=1e-12)
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, whole_gradients[name], rtol=1e-11, atol=1e-12)


def test_nan_passes_through_fused_pooling():
    chain = initialized(CHAINS["one pooled"], np.float32)
    x = RNG.standard_normal((32, 11, 10, 2)).astype(np.float32)
    x[3, 4, 4, 1] = np.nan
    found = np.isnan(chain.forward(x)[0]).any(axis=(1, 2, 3))
    assert found.tolist() == [n == 3 for n in range(32)]
