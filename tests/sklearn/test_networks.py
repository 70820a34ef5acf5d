"""The models that estimators train."""

import numpy as np
import pytest

from stn_numba import get_transform, models, nn
from stn_numba.sklearn import SpatialTransformerClassifier, SpatialTransformerRegressor
from stn_numba.sklearn.networks import build_classifier, build_regressor, in_double_precision, scale_of

X = np.random.default_rng(0).random((5, 28, 28, 1), np.float32)


def classifier(input_shape=(28, 28, 1), scale=1.0, **options):
    return build_classifier(SpatialTransformerClassifier(**options), input_shape, 3, scale, 0)


@pytest.mark.parametrize("name", [*models.__all__, "auto"])
def test_every_network(name):
    model = classifier(network=name)
    assert model.outputs(X).shape == (5, 3)
    measuring = build_regressor(SpatialTransformerRegressor(network=name), (28, 28, 1), 1, 1.0, 0)
    assert measuring.outputs(X).shape == (5, 1)


def test_a_network_is_that_of_models():
    options = {"units": 16, "localisation_units": 8}
    model = classifier(warp="tps", warp_options={"control_points": (3, 3)}, network="st_fcn", network_options=options)
    expected = models.st_fcn((28, 28, 1), 3, transform="tps", options={"control_points": (3, 3)}, **options)
    assert np.array_equal(model.outputs(X), expected.outputs(X))


def test_small_images_get_a_network_without_large_convolutions():
    assert [type(layer) for layer in classifier((24, 40, 1)).network.layers.values()].count(nn.Conv2d) == 2
    assert [type(layer) for layer in classifier((23, 40, 1)).network.layers.values()].count(nn.Conv2d) == 0


def test_a_transform_may_be_an_object():
    assert classifier(warp=get_transform("attention")).theta(X).shape == (5, 3)


def test_the_scale_is_a_layer():
    model, plain = classifier(scale=1 / 256, network="st_fcn"), classifier(network="st_fcn")
    assert np.array_equal(model.outputs(X * 256), plain.outputs(X))


@pytest.mark.parametrize(
    ("largest", "expected"), [(1, 1), (0.6, 1), (0.5, 2), (16, 1 / 16), (255, 1 / 256), (-3, 1 / 4), (0, 1), (1e-40, 2.0**100)]
)
def test_automatic_scales(largest, expected):
    assert scale_of(np.array([0, largest / 3, largest]), "auto") == expected
    assert scale_of(np.array([0, largest]), 3) == 3


@pytest.mark.parametrize(("given", "error"), [("max", ValueError), (0, ValueError), (None, TypeError), (np.nan, ValueError)])
def test_bad_scales_are_refused(given, error):
    with pytest.raises(error, match="pixel_scale: expected"):
        scale_of(X, given)


def test_double_precision():
    for model in (classifier(), build_regressor(SpatialTransformerRegressor(loss="huber"), (28, 28, 1), 2, 1.0, 0)):
        exact = in_double_precision(model)
        assert type(exact) is type(model)
        assert exact.outputs(X).dtype == np.float64
        np.testing.assert_allclose(exact.outputs(X), model.outputs(X), rtol=1e-3, atol=1e-5)
        assert all(array.dtype == np.float32 for array in model.params.values())
    assert type(exact.loss) is type(model.loss)


def own(input_shape, n_outputs, seed):
    return nn.Classifier(nn.Chain(nn.Flatten(), nn.Dense(n_outputs)), input_shape, n_outputs, seed=seed)


def test_a_function_makes_its_own_model():
    model = classifier(network=own, scale=0.5)
    assert [*model.network.layers] == ["flatten1", "dense1"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"network": "st-cnn"},
            ValueError,
            "network: expected one of auto, .*, or a function, got 'st-cnn'; did you mean 'st_cnn'?",
        ),
        ({"network": 3}, ValueError, "network: expected one of"),
        ({"network_options": 3}, TypeError, "network_options: expected a dict, got int"),
        ({"network_options": {"transform": "tps"}}, ValueError, "network_options: expected none of transform, options, seed"),
        ({"network": lambda *_: None}, TypeError, "network: expected a function that returns a Classifier, got a NoneType"),
        (
            {"network": lambda shape, n, seed: own(shape, n + 1, seed)},
            ValueError,
            r"to 3 outputs, got one from \(28, 28, 1\) to \(4,\)",
        ),
        (
            {"network": lambda shape, n, _: nn.Classifier(nn.Chain(nn.Flatten(), nn.Dense(n)), shape, n, multi_label=True)},
            ValueError,
            "network: expected a model of one label an image",
        ),
        ({"warp": "affin"}, Exception, "affin"),
    ],
)
def test_errors(options, error, message):
    with pytest.raises(error, match=message):
        classifier(**options)
