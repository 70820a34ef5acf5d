"""Models made of layers that already have parameters."""

import copy

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import Chain, Classifier, Conv2d, Dense, Flatten, Layer, Parallel, ReLU, SpatialTransformer
from tests.nn.examples import localisation

RNG = np.random.default_rng(0)
X, Y = RNG.random((40, 12, 12, 1), np.float32), np.arange(40) % 3


def trained(**options):
    layers = SpatialTransformer(localisation(), "affine"), Conv2d(4, 3), ReLU(), Flatten(), Dense(3)
    model = Classifier(Chain(*layers), (12, 12, 1), 3, **options)
    stn.fit(model, X, Y, epochs=2, learning_rate=0.05, progress=False)
    return model


def body(model):
    return list(model.network.layers.values())[:-1]


def copies(model):
    return {name: array.copy() for name, array in model.params.items()}


def same(model, before):
    return all(np.array_equal(array, before[name]) for name, array in model.params.items())


def test_a_new_head_on_an_old_body_keeps_the_body():
    old = trained()
    before, answers = copies(old), old.logits(X)
    new = Classifier(Chain(*body(old), Dense(5)), (12, 12, 1), 5)
    for name, array in new.params.items():
        if not name.startswith("dense1"):
            assert np.array_equal(array, before[name])
            assert not np.shares_memory(array, old.params[name])
    stn.fit(new, X, np.arange(40) % 5, epochs=2, learning_rate=0.1, progress=False)
    assert not same(new, before | {"dense1.weight": 0, "dense1.bias": 0})
    assert same(old, before)
    assert np.array_equal(old.logits(X), answers)


def test_training_the_old_model_does_not_change_the_new_one():
    old = trained()
    new = Classifier(Chain(*body(old), Dense(5)), (12, 12, 1), 5)
    before = copies(new)
    stn.fit(old, X, Y, epochs=1, learning_rate=0.1, progress=False)
    assert same(new, before)


def test_a_trained_transformer_or_localisation_net_keeps_its_parameters():
    old = trained()
    transformer = old.network.layers["spatialtransformer1"]
    whole = Classifier(Chain(transformer, Flatten(), Dense(3)), (12, 12, 1), 3)
    assert np.array_equal(whole.theta(X), old.theta(X))
    new = Classifier(Chain(SpatialTransformer(transformer.localisation, "projective"), Flatten(), Dense(3)), (12, 12, 1), 3)
    name = "spatialtransformer1.localisation.dense1.weight"
    assert np.array_equal(new.params[name], old.params[name])
    assert np.allclose(new.transform(X), X, atol=1e-6)  # the layer of theta is new: it starts at the identity


@pytest.mark.parametrize("wrong", [{"n_classes": 4}, {"input_shape": (14, 14, 1)}, {"input_shape": (12, 12, 2)}])
def test_a_failed_construction_changes_no_layer(wrong):
    old, head = trained(), Dense(5)
    before = copies(old)
    options = {"input_shape": (12, 12, 1), "n_classes": 5, **wrong}
    with pytest.raises(ValueError, match="network: "):
        Classifier(Chain(*body(old), head), **options)
    assert same(old, before)
    assert not head.params
    Classifier(Chain(Flatten(), head), (9, 9, 1), 5)  # it is still new


def test_parameters_that_do_not_fit_are_named():
    old = trained()
    with pytest.raises(
        ValueError,
        match=r"'dense1.weight': expected \(144, 3\) for this input, .* already has one of \(400, 3\); make a new Dense",
    ):
        Classifier(Chain(Flatten(), old.network.layers["dense1"]), (12, 12, 1), 3)


def test_parameters_set_by_hand_are_kept_in_the_dtype_of_the_model():
    dense = Dense(3)
    dense.params = {"weight": RNG.random((144, 3)), "bias": np.arange(3)}
    model = Classifier(Chain(Flatten(), dense), (12, 12, 1), 3)
    assert {array.dtype for array in model.params.values()} == {np.dtype(np.float32)}
    assert np.array_equal(model.params["dense1.weight"], dense.params["weight"].astype(np.float32))
    double = Classifier(model.network, (12, 12, 1), 3, dtype=np.float64)
    assert np.array_equal(double.params["dense1.weight"], model.params["dense1.weight"])
    dense.params["bias"] = np.array(["a", "b", "c"])
    with pytest.raises(TypeError, match="parameter 'dense1.bias': expected real numbers, got dtype <U1"):
        Classifier(Chain(Flatten(), dense), (12, 12, 1), 3)
    dense.params = {"weights": np.zeros((144, 3))}
    with pytest.raises(ValueError, match="to have no parameter 'dense1.weights', got one: make a new layer"):
        Classifier(Chain(Flatten(), dense), (12, 12, 1), 3)


def test_new_layers_are_used_and_layers_with_parameters_are_copied():
    dense, head = Dense(4), Dense(3)
    chain = Chain(Flatten(), dense, head)
    first = Classifier(chain, (12, 12, 1), 3)
    assert first.network is chain
    assert first.params["dense1.weight"] is dense.params["weight"]
    head = Dense(5)
    second = Classifier(Chain(Flatten(), dense, head), (12, 12, 1), 5)
    assert second.params["dense2.weight"] is head.params["weight"]
    assert second.network.layers["dense1"] is not dense


class Own(Layer):
    """A custom layer, with a lock that cannot be copied if `locked`."""

    def initialize(self, input_shape, rng, dtype=np.float32):
        self.params = {"shift": np.zeros(input_shape, dtype)}
        return input_shape

    def forward(self, x, rng=None):
        return x + self.params["shift"], lambda dy, *, input_gradient=True: (dy, {"shift": dy.sum(axis=0)})


def test_parameters_of_custom_layers_are_kept_too():
    old = Classifier(Chain(Flatten(), Dense(4), Own(), Dense(3)), (12, 12, 1), 3)
    stn.fit(old, X, Y, epochs=1, progress=False)
    new = Classifier(Chain(*body(old), Dense(2)), (12, 12, 1), 2)
    assert old.params["own1.shift"].any()
    assert np.array_equal(new.params["own1.shift"], old.params["own1.shift"])


def test_a_layer_that_cannot_be_copied_is_refused():
    layer = Own()
    layer.stream = (number for number in range(3))
    old = Classifier(Chain(Flatten(), Dense(4), layer, Dense(3)), (12, 12, 1), 3)
    with pytest.raises(TypeError, match="network: expected layers that can be copied, since some have parameters already"):
        Classifier(Chain(*body(old), Dense(2)), (12, 12, 1), 2)


def test_a_transform_is_shared_with_the_copy():
    transform = stn.get_transform("affine")
    layers = (
        Parallel(SpatialTransformer(localisation(), transform), SpatialTransformer(localisation(), transform)),
        Flatten(),
        Dense(3),
    )
    old = Classifier(Chain(*layers), (12, 12, 1), 3)
    new = Classifier(Chain(*body(old), Dense(2)), (12, 12, 1), 2)
    assert all(layer.transform is transform for layer in new.transformers)


def test_initialize_draws_new_parameters():
    model = trained()
    fresh = Classifier(
        Chain(SpatialTransformer(localisation()), Conv2d(4, 3), ReLU(), Flatten(), Dense(3)), (12, 12, 1), 3, seed=7
    )
    model.network.initialize((12, 12, 1), np.random.default_rng(7))
    assert same(model, fresh.params)


def test_one_layer_at_two_places_is_refused_with_and_without_parameters():
    dense = Dense(3)
    with pytest.raises(ValueError, match="the same Dense stands at dense1 and dense2"):
        Classifier(Chain(Flatten(), dense, dense), (1, 1, 3), 3)
    dense.initialize((3,), RNG)
    with pytest.raises(ValueError, match="the same Dense stands at dense1 and dense2"):
        Classifier(Chain(Flatten(), dense, dense), (1, 1, 3), 3)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: Classifier(model.network, (12, 12, 1), 3)])
def test_a_copy_predicts_the_same_and_is_independent(again):
    old = trained()
    new = again(old)
    assert np.array_equal(new.logits(X), old.logits(X))
    before = copies(old)
    stn.fit(new, X, Y, epochs=1, progress=False)
    assert same(old, before)


def test_layers_of_a_loaded_model_can_be_reused(tmp_path):
    pytest.importorskip("safetensors")
    old = trained()
    stn.save(old, tmp_path / "model")
    loaded = stn.load(tmp_path / "model")
    assert np.array_equal(loaded.logits(X), old.logits(X))
    new = Classifier(Chain(*body(loaded), Dense(5)), (12, 12, 1), 5)
    assert np.array_equal(new.theta(X), old.theta(X))
