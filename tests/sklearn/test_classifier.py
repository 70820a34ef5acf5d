"""The classifier, and what it has in common with the regressor."""

import copy
import io
import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

import stn_numba as stn
from stn_numba import nn
from stn_numba.data import RandomWarp
from stn_numba.sklearn import SpatialTransformerClassifier


def quick(**options):
    return SpatialTransformerClassifier(**{"epochs": 3, "random_state": 0, "network_options": {"units": 16}, **options})


def same(a, b, X):
    return np.array_equal(a.decision_function(X), b.decision_function(X))


def test_labels_may_be_strings(bars):
    X, y = bars
    model = SpatialTransformerClassifier(random_state=0).fit(X[:80], y[:80])
    assert model.classes_.tolist() == ["level", "upright"]
    assert model.score(X[80:], y[80:]) == 1
    assert set(model.predict(X)) == set(y)
    objects = SpatialTransformerClassifier(random_state=0).fit(X[:80], y[:80].astype(object))
    assert same(model, objects, X)


@pytest.mark.parametrize("kind", ["f8", "f4", "u1"])
def test_flattened_and_shaped_images_are_alike(bars, kind):
    X, y = (100 * bars[0]).astype(kind), bars[1]
    shaped, flat = quick().fit(X, y), quick(image_shape=(8, 8)).fit(X.reshape(120, 64), y)
    assert shaped.image_shape_ == flat.image_shape_ == (8, 8, 1)
    assert same(shaped, flat, X)
    assert same(shaped, shaped, X.reshape(120, 64))
    assert np.array_equal(shaped.predict_proba(X[..., None]), flat.predict_proba(X))


def test_colors(bars):
    X, y = np.stack([bars[0]] * 3, axis=-1), bars[1]
    model = quick(image_shape=(8, 8, 3)).fit(X.reshape(120, 192), y)
    assert model.model_.input_shape == (8, 8, 3)
    assert model.warped(X).shape == (120, 8, 8, 3)


def test_predictions_have_the_precision_of_the_images(bars):
    X, y = bars
    model = quick().fit(X, y)
    single = model.predict_proba(X.astype(np.float32))
    assert model.model_.dtype == np.float32
    assert (model.predict_proba(X).dtype, single.dtype) == (np.float64, np.float32)
    np.testing.assert_allclose(model.predict_proba(X), single, rtol=1e-4)
    np.testing.assert_allclose(model.model_.predict_proba(X), single, rtol=1e-4)


def test_three_classes_and_two(bars):
    X, y = bars[0], np.arange(120) % 3
    three, two = quick().fit(X, y), quick().fit(*bars)
    assert three.decision_function(X).shape == (120, 3)
    assert two.decision_function(X).shape == (120,)
    np.testing.assert_allclose(two.predict_proba(X)[:, 1], 1 / (1 + np.exp(-two.decision_function(X))))
    np.testing.assert_allclose(three.predict_proba(X).sum(axis=1), 1)


def test_the_transformer_can_be_asked(bars):
    X, y = bars
    model = quick(warp="attention", fit_options={"seconds": 1e9}).fit(16 * X, y)
    assert model.pixel_scale_ == 1 / 16
    theta = model.theta(16 * X)
    assert theta.shape == (120, 3)
    np.testing.assert_allclose(model.warped(16 * X), 16 * stn.warp(X[..., None], theta, "attention"), atol=1e-6)
    with pytest.raises(ValueError, match="transformer: expected"):
        model.theta(X, transformer=1)


def test_a_seed_gives_the_same_bits_whatever_the_order_or_the_number_of_threads(bars):
    X, y = bars
    model = quick().fit(X, y)
    order = np.random.default_rng(1).permutation(120)
    assert same(model, quick().fit(X[order], y[order]), X)
    assert same(model, quick(n_jobs=1).fit(X, y), X)
    assert not same(model, quick(random_state=1).fit(X, y), X)
    assert not same(quick(random_state=None).fit(X, y), quick(random_state=None).fit(X, y), X)


def test_weights_are_repetitions(bars):
    X, y = bars
    weights = np.random.default_rng(2).integers(0, 4, 120)
    weighted = quick(epochs=2).fit(X, y, sample_weight=weights)
    assert same(weighted, quick(epochs=2).fit(X.repeat(weights, axis=0), y.repeat(weights)), X)
    np.testing.assert_allclose(
        weighted.decision_function(X), quick(epochs=2).fit(X, y, sample_weight=0.3 * weights).decision_function(X), rtol=1e-3
    )


def test_a_weight_of_zero_leaves_out_also_a_class(bars):
    X, y = bars
    third = np.where(np.arange(120) < 20, "unknown", y)
    kept = third != "unknown"
    model = quick().fit(X, third, sample_weight=kept)
    assert model.classes_.tolist() == ["level", "upright"]
    assert same(model, quick().fit(X[kept], third[kept]), X)


def test_class_weights_are_sample_weights(bars):
    X, y = bars
    keep = np.flatnonzero((y == "level") | (np.arange(120) < 20))
    X, y = X[keep], y[keep]
    factor = np.sum(y == "level") / np.sum(y == "upright")
    by_sample = quick().fit(X, y, sample_weight=np.where(y == "upright", factor, 1))
    for class_weight in ("balanced", {"upright": factor}):
        model = quick(class_weight=class_weight).fit(X, y)
        np.testing.assert_allclose(model.decision_function(X), by_sample.decision_function(X), rtol=1e-3, atol=1e-5)


def test_partial_fit_continues(bars):
    X, y = bars
    model = quick().partial_fit(X[:60], y[:60], classes=["level", "upright"])
    first = copy.deepcopy(model)
    model.partial_fit(X[60:], y[60:])
    assert not same(first, model, X)
    assert (model.n_iter_, len(model.history_)) == (2, 2)
    assert same(first.partial_fit(X[60:], y[60:]), model, X)
    for _ in range(40):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.95
    restored = pickle.loads(pickle.dumps(model))
    assert same(restored.partial_fit(X, y), model.partial_fit(X, y), X)


def test_partial_fit_after_fit_keeps_the_state_of_the_optimizer(bars):
    X, y = bars
    model = quick().fit(X, y)
    steps = model._optimizer_state["step"]
    before = {name: array.copy() for name, array in model.model_.params.items()}
    model.partial_fit(X, y)
    assert model._optimizer_state["step"] == steps + 2
    assert model.n_iter_ == 4
    assert all(np.abs(model.model_.params[name] - array).max() < 0.1 for name, array in before.items())


def test_partial_fit_errors(bars):
    X, y = bars
    with pytest.raises(ValueError, match=r"classes: expected all labels in the first call of partial_fit"):
        quick().partial_fit(X, y)
    model = quick().partial_fit(X, y, classes=np.unique(y))
    with pytest.raises(ValueError, match="classes: expected those of earlier calls"):
        model.partial_fit(X, y, classes=["level", "oblique"])
    with pytest.raises(ValueError, match=r"y: expected labels among \['level', 'upright'\], got 'oblique'"):
        model.partial_fit(X[:1], ["oblique"])


@pytest.mark.parametrize("way", ["pickle", "joblib", "copy"])
def test_a_fitted_estimator_can_be_stored(bars, way):
    X, y = bars
    model = quick(warp="tps", warp_options={"control_points": (3, 3)}).fit(X, y)
    if way == "pickle":
        restored = pickle.loads(pickle.dumps(model))
    elif way == "copy":
        restored = copy.deepcopy(model)
    else:
        file = io.BytesIO()
        joblib.dump(model, file)
        file.seek(0)
        restored = joblib.load(file)
    assert same(restored, model, X)
    assert np.array_equal(restored.theta(X), model.theta(X))
    assert restored.get_params() == model.get_params()
    assert restored.history_.column("loss") == model.history_.column("loss")


def test_the_network_can_be_saved(bars, tmp_path):
    X, y = bars
    model = quick().fit(X, y)
    stn.save(model.model_, tmp_path / "model.safetensors")
    loaded = stn.load(tmp_path / "model.safetensors")
    assert np.array_equal(loaded.logits(X), model.model_.logits(X))


def test_clones_are_not_fitted(bars):
    model = quick(warp=stn.get_transform("rotation")).fit(*bars)
    other = clone(model)
    assert other.get_params().keys() == model.get_params().keys()
    assert isinstance(other.warp, type(model.warp))
    with pytest.raises(NotFittedError):
        check_is_fitted(other)
    for method in ("predict", "predict_proba", "decision_function", "theta", "warped"):
        with pytest.raises(NotFittedError, match="This SpatialTransformerClassifier instance is not fitted yet"):
            getattr(other, method)(bars[0])


def test_training_can_stop_early(bars):
    X, y = bars[0], np.random.default_rng(0).permutation(bars[1])  # nothing that images held out can confirm
    model = quick(epochs=60, early_stopping=True, n_iter_no_change=3, validation_fraction=0.25).fit(X, y)
    losses = model.history_.column("validation_loss")
    assert model.n_iter_ == len(losses) == losses.index(min(losses)) + 1 + 3
    assert model.n_iter_ < 60


def test_other_options_go_to_fit(bars):
    options = {
        "augment": RandomWarp("rotation", 0.1),
        "optimizer": nn.SGD(),
        "callbacks": [lambda _, history: len(history) == 2],
    }
    model = quick(fit_options=options).fit(*bars)
    assert model.n_iter_ == 2
    assert "velocity" in model._optimizer_state


def test_the_number_of_epochs_follows_the_number_of_samples(bars):
    X, y = bars
    assert quick(epochs=None, batch_size=60).fit(X, y).n_iter_ == 100
    assert quick(epochs=None, batch_size=1)._n_epochs(10_000) == 10


def test_progress_is_silent_unless_asked_for(bars, capfd):
    quick(epochs=1).fit(*bars)
    assert capfd.readouterr().err == ""
    quick(epochs=1, verbose=True).fit(*bars)
    assert "loss" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs: expected at least 1, got 0"),
        ({"batch_size": 0, "epochs": None}, ValueError, "batch_size: expected at least 1"),
        ({"learning_rate": -1}, ValueError, "learning_rate: expected a number"),
        ({"early_stopping": 1}, TypeError, "early_stopping: expected True or False"),
        ({"early_stopping": True, "validation_fraction": 1}, ValueError, r"validation_fraction: expected a number in \(0, 1\)"),
        ({"fit_options": {"epochs": 3}}, ValueError, "fit_options: expected none of .* got epochs"),
        ({"fit_options": ["augment"]}, TypeError, "fit_options: expected a dict"),
        ({"class_weight": {"level": 0, "upright": 0}}, ValueError, "class_weight: expected at least one class"),
        ({"image_shape": (7, 8)}, ValueError, r"X: expected images \(7, 8, 1\), as image_shape"),
        ({"random_state": "zero"}, ValueError, "'zero' cannot be used to seed"),
    ],
)
def test_bad_options_are_refused(bars, options, error, message):
    with pytest.raises(error, match=message):
        quick(**options).fit(*bars)


def test_bad_data_are_refused(bars):
    X, y = bars
    for bad in (1e300, -1e300):
        with pytest.raises(ValueError, match="X: expected pixels within the range of float32, got 1e"):
            quick().fit(np.full_like(X, bad), y)
    with pytest.raises(ValueError, match=r"y: expected at least two classes .* got one class, 'level'"):
        quick().fit(X[1::2], y[1::2])
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        quick().fit(X, X[:, 0, 0])
    with pytest.raises(ValueError, match="y should be a 1d array"):
        quick().fit(X, np.eye(2)[np.arange(120) % 2])


def test_another_scale_of_pixels_is_noticed_once(bars):
    X, y = bars
    model = quick().fit(X, y)
    with pytest.warns(RuntimeWarning, match="the model was trained on floats"):
        model.predict(255 * X)
    model.predict(255 * X)
