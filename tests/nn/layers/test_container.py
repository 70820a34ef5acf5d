"""Chains and Parallels: their parameters by name, and the places of their layers."""

import copy
import pickle

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import Chain, Classifier, Conv2d, Dense, Flatten, Parallel, ReLU, SpatialTransformer
from tests.nn.examples import localisation, network
from tests.nn.odd_arrays import read_only

RNG = np.random.default_rng(0)
X, Y = RNG.random((40, 6, 6, 1), np.float32), np.arange(40) % 3


def test_params_update_writes_all_values_or_none():
    model = Classifier(Chain(Flatten(), Dense(3)), (28, 28, 1), 3)
    before = model.params["dense1.weight"].copy()
    read_only(model.params["dense1.bias"])
    with pytest.raises(ValueError, match=r"params\['dense1.bias'\]: expected an array that can be written to"):
        model.params.update({"dense1.weight": before + 1, "dense1.bias": np.zeros(3)})
    with pytest.raises(TypeError, match=r"params\['dense1.weight'\]: expected real numbers, got dtype"):
        model.params["dense1.weight"] = np.full((784, 3), "a")
    assert np.array_equal(model.params["dense1.weight"], before)


def test_params_of_a_model_are_those_of_its_layers():
    dense = Dense(3)
    first = network(Flatten(), dense)
    assert first.params["dense1.weight"] is dense.params["weight"]
    first.params["dense1.weight"] = np.full((36, 3), 2.0)
    first.params["dense1.weight"] += 1
    first.params.update({"dense1.bias": [1, 2, 3]})
    assert (dense.params["weight"] == 3).all()
    assert dense.params["bias"].tolist() == [1, 2, 3]
    assert type(copy.deepcopy(first.params)) is dict
    with pytest.raises(ValueError, match=r"params\['dense1.bias'\]: expected \(3,\), got \(\)"):
        first.params["dense1.bias"] = 0
    with pytest.raises(KeyError, match="params: expected one of dense1.weight, dense1.bias, got 'bias'"):
        first.params.update(bias=np.zeros(3))


def test_a_layer_with_parameters_at_two_places_is_refused():
    twice, shared = Dense(3), localisation()
    with pytest.raises(ValueError, match="the same Dense stands at dense1 and dense2"):
        network(Flatten(), twice, twice)
    pair = Parallel(SpatialTransformer(shared), SpatialTransformer(shared))
    with pytest.raises(ValueError, match=r"spatialtransformer1\.localisation\.dense1 and .*transformer2\.localisation\.dense1"):
        network(pair, Flatten(), Dense(3))
    rectifier = ReLU()
    network(Flatten(), Dense(3), rectifier, Dense(3), rectifier)  # has none


def test_an_empty_chain_returns_its_input(tmp_path):
    model = network(SpatialTransformer(localisation()), Parallel(Chain(), Conv2d(2, 3, padding=1)), Flatten(), Dense(3))
    stn.fit(model, X, Y, epochs=1, progress=False)
    stn.save(model, tmp_path / "model")
    assert np.array_equal(stn.load(tmp_path / "model").logits(X), model.logits(X))


def test_a_network_can_be_pickled_before_and_after_training():
    model = network(SpatialTransformer(localisation()), Flatten(), Dense(3))
    for _ in range(2):
        again = pickle.loads(pickle.dumps(model))
        assert np.array_equal(again.logits(X), model.logits(X))
        stn.fit(again, X, Y, epochs=1, progress=False)
        model = again


def test_a_replaced_layer_is_used():
    model = network(Flatten(), Dense(4), ReLU(), Dense(3))
    model.predict(X)
    head = Dense(3)
    head.initialize((4,), np.random.default_rng(5))
    model.network.layers["dense2"] = head
    head.params["weight"][:], head.params["bias"][:] = 0, [1, 2, 3]
    np.testing.assert_array_equal(model.logits(X), np.tile(np.float32([1, 2, 3]), (40, 1)))
