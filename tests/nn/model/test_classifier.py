"""Classifiers: predictions, and arguments that they refuse."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.models import cnn, st_fcn
from stn_numba.nn import (
    Adam,
    Chain,
    Classifier,
    Conv2d,
    Dense,
    Dropout,
    EarlyStopping,
    Flatten,
    Parallel,
    Regressor,
    SpatialTransformer,
)
from tests.nn.examples import localisation

RNG = np.random.default_rng(0)
X, Y = RNG.random((40, 6, 6, 1), np.float32), np.arange(40) % 3


def four_classes():
    return Classifier(localisation(), (6, 6, 1), 4)


def test_predictions_follow_the_probabilities():
    model = cnn((28, 28, 1), filters=2)
    images = RNG.random((300, 28, 28), np.float32)
    probabilities = model.predict_proba(images)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert np.array_equal(model.predict(images), probabilities.argmax(axis=1))
    assert model.predict(images[:0]).shape == (0,)
    with pytest.raises(ValueError, match="it has no spatial transformer"):
        model.theta(images)


def test_non_finite_pixels_are_refused():
    model, bad = st_fcn((6, 6, 1), 3, units=4), X.copy()
    bad[20, 3, 3] = np.nan
    bad[30, 0, 0] = np.inf
    message = "X: expected finite pixels, got NaN or infinite ones in 2 of 40 images, the first of them number 20"
    for ask in (model.predict, model.predict_proba, model.theta, model.transform, lambda x: model.evaluate(x, Y)):
        with pytest.raises(ValueError, match=message):
            ask(bad)
    with pytest.raises(ValueError, match=f"validation {message}"):
        stn.fit(model, X, Y, epochs=1, validation=(bad, Y), progress=False)
    assert np.isfinite(model.logits(np.full_like(X, 1e30))).all()  # large, and finite


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Chain([Flatten(), Dense(3)]), "layer 1: expected a layer, got list"),
        (lambda: Chain(Flatten, Dense(3)), "layer 1: expected a layer, got the class Flatten itself"),
        (lambda: Parallel(Dense(3), None), "layer 2: expected a layer, got NoneType"),
        (lambda: SpatialTransformer("affine"), "localisation: expected a layer, got str"),
        (lambda: SpatialTransformer(localisation(), 3), "transform: expected a registered name or a Transform, got int"),
        (lambda: SpatialTransformer(localisation(), padding="foo"), "padding: expected one of zeros, .*, got 'foo'"),
        (
            lambda: SpatialTransformer(localisation(), stn.get_transform("affine"), options={"n": 3}),
            "options: expected none with",
        ),
        (lambda: Dropout("a"), r"rate: expected a number in \[0, 1\), got 'a'"),
        (lambda: Conv2d(3, 3, padding=-1), "padding: expected at least 0, got -1"),
        (lambda: Dense(3).forward(X.reshape(40, -1)), "Dense: it has no weight yet: call initialize"),
        (lambda: Conv2d(3, 3).forward(X), "Conv2d: it has no weight yet: call initialize"),
        (lambda: localisation().forward(X), "Dense: it has no weight yet: call initialize"),
        (lambda: Classifier(None, (6, 6, 1), 3), "network: expected a Chain of layers, got NoneType"),
        (lambda: Classifier(Parallel(Flatten()), (6, 6, 1), 36), "network: expected a Chain of layers, got Parallel"),
        (lambda: Classifier(localisation(), (6, 6, 1), 4, dtype=np.float16), "dtype: expected float32 or float64, got float16"),
        (lambda: Classifier(localisation(), (6, 6, 1), 4, dtype=">f4"), "dtype: expected float32 or float64, got >f4"),
        (lambda: four_classes().predict(X[0]), r"X: expected \(N, 6, 6, 1\), got \(6, 6, 1\)"),
        (
            lambda: four_classes().evaluate(X, Y[:3]),
            r"y: expected \(40,\) whole numbers, got int64 \(3,\)",
        ),
        (lambda: stn.fit(four_classes(), X, Y, optimizer=Adam), "got the class Adam itself"),
        (
            lambda: stn.fit(four_classes(), X, Y, optimizer="adam"),
            r"optimizer: .* as `Adam\(\)`, got 'adam'",
        ),
        (
            lambda: stn.fit(four_classes(), X, Y, callbacks=[EarlyStopping]),
            r"callbacks\[0\]: expected an instance, got the class EarlyStopping itself",
        ),
        (lambda: stn.models.fcn(downsample=0), "downsample: expected at least 1, got 0"),
    ],
)
def test_common_mistakes_are_named(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


@pytest.mark.parametrize("transform", ["affine", "projective"])
def test_matrices_of_a_spatial_transformer(transform):
    model = Classifier(Chain(SpatialTransformer(localisation(), transform), Flatten(), Dense(3)), (6, 6, 1), 3)
    assert np.array_equal(model.matrix(X), np.tile(np.eye(3), (40, 1, 1)))
    model.params["spatialtransformer1.localisation.theta.bias"][2] = 0.25
    matrix = model.matrix(X[:5], transformer="spatialtransformer1")
    assert (matrix.dtype, matrix[:, 0, 2].tolist()) == (np.float32, [0.25] * 5)
    np.testing.assert_array_equal(matrix, stn.get_transform(transform).matrix(model.theta(X[:5])))
    assert model.matrix(X[:0]).shape == (0, 3, 3)


def test_a_transform_without_matrices_is_named():
    model = Classifier(Chain(SpatialTransformer(localisation(), "tps"), Flatten(), Dense(3)), (6, 6, 1), 3)
    with pytest.raises(
        TypeError, match=r"expected one whose transform is a matrix, got 'spatialtransformer1' \(tps\); model.theta"
    ):
        model.matrix(X)


def test_a_new_head_stands_on_copies_of_the_trained_layers(tmp_path):
    model = st_fcn((6, 6, 1), 3, units=4)
    stn.fit(model, X, Y, epochs=1, progress=False)
    before = {name: array.copy() for name, array in model.params.items()}
    stn.save(model, tmp_path / "model")
    for tuned in (model.with_head(5, classes=list("abcde")), stn.load(tmp_path / "model", n_classes=5)):
        assert tuned.predict_proba(X).shape == (40, 5)
        assert tuned.pixels == model.pixels
        for name, array in tuned.params.items():
            assert name.startswith("dense3") or np.array_equal(array, before[name])
        stn.fit(tuned, X, np.arange(40) % 5, epochs=1, learning_rate_multipliers={"*": 0, "dense3": 1}, progress=False)
        assert np.array_equal(tuned.params["dense1.weight"], before["dense1.weight"])
    assert all(np.array_equal(array, before[name]) for name, array in model.params.items())


def test_a_model_without_a_dense_layer_at_its_end_gets_no_head(tmp_path):
    model = Classifier(Chain(Conv2d(3, 6), Flatten()), (6, 6, 1), 3)
    with pytest.raises(TypeError, match="model: expected a Dense layer at its end to put another in its place, got Flatten"):
        model.with_head(5)
    regressor = Regressor(Chain(Flatten(), Dense(1)), (6, 6, 1))
    stn.save(regressor, tmp_path / "model")
    with pytest.raises(TypeError, match="n_classes: expected None for a Regressor"):
        stn.load(tmp_path / "model", n_classes=5)
