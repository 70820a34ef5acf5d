"""Plans of what is done together, which hold the parameters they were made for."""

import copy
import pickle

import numpy as np
import pytest

from stn_numba.nn import Chain, Conv2d, Dense, Flatten, MaxPool, ReLU, fusion
from stn_numba.nn.chain import in_turn

RNG = np.random.default_rng(5)
X = RNG.standard_normal((32, 9, 9, 2)).astype(np.float32)


def network(seed=0):
    chain = Chain(Conv2d(4, 3), MaxPool(2), ReLU(), Flatten(), Dense(8), ReLU(), Dense(3))
    chain.initialise(X.shape[1:], np.random.default_rng(seed))
    return chain


def prefixes(chain, x):
    found = []
    for run in chain._runs:
        found += [step.prefix for step in run.steps(x)]
        x, _ = in_turn([run], x)
    return found


def test_a_plan_is_kept_for_batches_of_a_shape():
    run = network()._runs[0]
    assert run.steps(X) is run.steps(X.copy())
    assert run.steps(X) is not run.steps(X[:16])


@pytest.mark.parametrize("layer", ["conv2d1", "dense2"])
@pytest.mark.parametrize("key", ["weight", "bias"])
def test_parameters_changed_in_place_and_arrays_put_in_their_place_are_heard(layer, key):
    chain = network()
    before = chain.forward(X)[0].copy()
    array = chain.layers[layer].params[key]
    array += 1
    in_place = chain.forward(X)[0].copy()
    assert not np.array_equal(in_place, before)
    chain.layers[layer].params[key] = array - 1
    np.testing.assert_allclose(chain.forward(X)[0], before, rtol=1e-4, atol=1e-4)
    array += 1  # no longer the layer's
    np.testing.assert_allclose(chain.forward(X)[0], before, rtol=1e-4, atol=1e-4)


def test_initialising_anew_is_heard():
    chain, other = network(0), network(1)
    chain.forward(X)
    chain.initialise(X.shape[1:], np.random.default_rng(1))
    np.testing.assert_array_equal(chain.forward(X)[0], other.forward(X)[0])


@pytest.mark.parametrize("layer", ["conv2d1", "dense1"])
def test_arrays_that_kernels_do_not_take_are_left_to_the_layer(layer):
    chain = network()
    expected = chain.forward(X)[0].copy()
    for key in ("weight", "bias"):
        array = chain.layers[layer].params[key]
        chain.layers[layer].params[key] = np.stack([array, array], axis=-1)[..., 0]  # with gaps
        assert f"{layer}." in prefixes(chain, X)
        np.testing.assert_allclose(chain.forward(X)[0], expected, rtol=1e-4, atol=1e-4)
        chain.layers[layer].params[key] = array.astype(np.float64)
        np.testing.assert_allclose(chain.forward(X)[0], expected, rtol=1e-4, atol=1e-4)
        chain.layers[layer].params[key] = array
        assert f"{layer}." not in prefixes(chain, X)


@pytest.mark.parametrize("layer", ["conv2d1", "dense1", "dense2"])
@pytest.mark.parametrize("key", ["weight", "bias"])
def test_an_array_of_another_size_is_an_error_and_reads_nothing_foreign(layer, key):
    chain = network()
    chain.forward(X)
    array = chain.layers[layer].params[key]
    chain.layers[layer].params[key] = np.ascontiguousarray(array[..., :2])
    with pytest.raises(ValueError, match="shape|broadcast|mismatch"):
        chain.forward(X)


def test_copies_have_plans_of_their_own():
    chain = network()
    expected = chain.forward(X)[0].copy()
    for twin in (copy.deepcopy(chain), pickle.loads(pickle.dumps(chain))):
        assert not twin._runs[0]._plans
        chain.layers["conv2d1"].params["weight"][:] = 0
        np.testing.assert_array_equal(twin.forward(X)[0], expected)


def test_layers_may_get_their_parameters_after_a_first_try():
    chain = Chain(Conv2d(4, 3), MaxPool(2))
    with pytest.raises(ValueError, match="Conv2d: it has no weight yet"):
        chain.forward(X)
    chain.initialise(X.shape[1:], np.random.default_rng(0))
    y, backprop = chain.forward(X)
    assert set(backprop(y)[1]) == {"conv2d1.weight", "conv2d1.bias"}
    assert fusion.runs(chain.layers.items())[0].steps(X)[0].has_parameters
