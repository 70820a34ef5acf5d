"""Parallel layers, and transformers inside them."""

import json
import warnings

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.models import two_st_fcn
from stn_numba.nn import AvgPool, Chain, Classifier, Dense, Flatten, Parallel, SpatialTransformer
from stn_numba.nn.saving.rebuild import rebuild
from tests.nn.examples import localisation

RNG = np.random.default_rng(0)
X = RNG.random((24, 12, 12, 2), np.float32)
Y = RNG.integers(0, 2, 24)


def nested():
    """A transformer, then two of other kinds in parallel, one of them after a pooling layer."""
    return Classifier(
        Chain(
            SpatialTransformer(localisation(), "affine"),
            Parallel(
                Chain(AvgPool(2), SpatialTransformer(localisation(), "tps", (6, 6), options={"control_points": [3, 3]})),
                SpatialTransformer(localisation(), "projective", (6, 6)),
            ),
            Flatten(),
            Dense(2),
        ),
        (12, 12, 2),
        2,
    )


def test_outputs_are_joined_in_order():
    model = two_st_fcn((12, 12, 2), 2, shape=(6, 6), initial=[0.5, 0, 0, 0, 0.5, 0])
    pair = model.network.layers["parallel1"]
    first, second = model.transformers
    second.theta_layer.params["bias"][2] += 0.3
    joined = pair.forward(X)[0]
    assert joined.shape == (24, 6, 6, 4)
    assert np.array_equal(joined[..., :2], first.forward(X)[0])
    assert np.array_equal(joined[..., 2:], second.forward(X)[0])
    assert not np.array_equal(joined[..., :2], joined[..., 2:])


def test_all_transformers_are_found_and_learn():
    model = nested()
    assert [layer.transform_name for layer in model.transformers] == ["affine", "tps", "projective"]
    before = [layer.theta_layer.params["bias"].copy() for layer in model.transformers]
    stn.fit(model, X, Y, epochs=2, batch_size=8, progress=False)
    for layer, bias in zip(model.transformers, before, strict=True):
        assert not np.array_equal(layer.theta_layer.params["bias"], bias)


def test_theta_of_an_inner_transformer_uses_its_own_input():
    model = Classifier(
        Chain(Parallel(Chain(AvgPool(2), SpatialTransformer(localisation()))), Flatten(), Dense(2)), (12, 12, 2), 2
    )
    model.transformers[0].theta_layer.params["weight"][:] = 0.1
    small = AvgPool(2).forward(X)[0]
    assert np.array_equal(model.theta(X), model.transformers[0].theta(small))
    assert model.transform(X).shape == small.shape


def test_a_nested_network_can_be_saved_and_loaded(tmp_path):
    model = nested()
    stn.save(model, tmp_path / "model.safetensors")
    assert np.array_equal(stn.load(tmp_path / "model.safetensors").logits(X), model.logits(X))


def test_a_region_outside_is_reported_for_nested_transformers():
    model = nested()
    model.transformers[2].theta_layer.params["bias"][2] = 9
    with pytest.warns(RuntimeWarning, match="layer 'parallel1.spatialtransformer1': the sampled region has left"):
        stn.fit(model, X, Y, epochs=1, learning_rate=0, progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stn.fit(nested(), X, Y, epochs=1, learning_rate=0, progress=False)


def test_a_file_with_too_large_an_output_shape_is_refused():
    architecture = json.loads(json.dumps({"dtype": "float32", **nested().config()}))
    architecture["layers"][1]["layers"][1]["shape"] = [1 << 20, 1 << 20]
    with pytest.raises(ValueError, match="shape: expected at most"):
        rebuild(architecture, nested().params)


def test_a_file_that_doubles_the_channels_40_times_is_refused():
    layers = [{"layer": "Parallel", "layers": [{"layer": "ReLU"}, {"layer": "ReLU"}]}] * 40
    architecture = {"dtype": "float32", "input_shape": [12, 12, 2], "n_classes": 2, "layers": layers}
    with pytest.raises(ValueError, match="Parallel: expected at most"):
        rebuild(architecture, {})
