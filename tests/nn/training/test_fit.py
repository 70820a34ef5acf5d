"""`fit`: options, data and results."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.models import fcn, st_fcn
from stn_numba.nn import (
    SGD,
    Adam,
    Chain,
    Classifier,
    Dense,
    Flatten,
    Heads,
    MultiHead,
    Regressor,
    ReLU,
    SpatialTransformer,
)
from stn_numba.nn.schedules import constant, step_decay

RNG = np.random.default_rng(0)
X = RNG.random((96, 12, 12, 1), np.float32)
Y = (X[:, 3:9, 3:9].mean(axis=(1, 2, 3)) > 0.5).astype(int)


def small(seed=0, transform="affine"):
    return st_fcn((12, 12, 1), 2, transform=transform, units=16, localisation_units=8, seed=seed)


def train(model, **options):
    return stn.fit(model, X, Y, **{"epochs": 3, "batch_size": 32, "progress": False, **options})


def noisy(images, rng):
    return images + 0.1 * rng.standard_normal(images.shape).astype(images.dtype)


@pytest.mark.parametrize("optimizer", [Adam(), SGD(), SGD(0.8, nesterov=True)])
def test_training_lowers_the_loss(optimizer):
    losses = train(small(), epochs=40, optimizer=optimizer, learning_rate=0.02).column("loss")
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("transform", ["affine", "projective", "tps"])
def test_the_localisation_net_learns(transform):
    model = small(transform=transform)
    before = model.theta(X)
    train(model, learning_rate_multipliers={"localisation": 1})
    assert np.abs(model.theta(X) - before).max() > 1e-4
    assert not np.array_equal(model.transform(X), X)


def test_one_seed_repeats_a_run_bit_for_bit():
    models = [small(), small(), small()]
    for model, seed in zip(models, (5, 5, 6), strict=True):
        train(model, seed=seed, augment=noisy, clip_norm=1.0, label_smoothing=0.1)
    first, again, other = (np.concatenate([p.ravel() for p in m.params.values()]) for m in models)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_learning_rate_multipliers_of_zero_freeze_parts():
    model = small()
    before = {name: array.copy() for name, array in model.params.items()}
    train(model, learning_rate_multipliers={"localisation": 0.0})
    changed = {name for name, array in model.params.items() if not np.array_equal(array, before[name])}
    assert changed
    assert not any("localisation" in name for name in changed)


def test_the_history_has_an_entry_per_epoch_and_callbacks_can_stop():
    seen = []

    def stop_after_two(model, history):
        seen.append(len(history))
        return len(history) == 2

    history = train(small(), validation=(X[:10], Y[:10]), callbacks=[stop_after_two], schedule=step_decay())
    assert seen == [1, 2]
    assert history.column("epoch") == [1, 2]
    assert all(0 <= error <= 1 for error in history.column("validation_error"))


def test_a_time_budget_ends_training():
    assert len(train(small(), epochs=10**6, seconds=0.2)) < 10**6


def test_augmentation_may_change_the_size():
    model = fcn((6, 6, 1), 2, units=8)
    train(model, augment=lambda images, rng: images[:, 3:9, 3:9])
    assert model.predict(X[:, 3:9, 3:9]).shape == (96,)


def test_two_transformers_in_sequence_both_learn():
    first, second = (SpatialTransformer(Chain(Flatten(), Dense(4), ReLU()), t) for t in ("affine", "tps"))
    model = Classifier(Chain(first, second, Flatten(), Dense(2)), (12, 12, 1), 2)
    before = {name: array.copy() for name, array in model.params.items()}
    train(model, learning_rate_multipliers={"localisation": 1})
    for name in ("spatialtransformer1.localisation.theta.bias", "spatialtransformer2.localisation.theta.bias"):
        assert not np.array_equal(model.params[name], before[name])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X[:, :5], Y), r"X: expected \(N, 12, 12, 1\), got \(96, 5, 12, 1\)"),
        ((X, Y[:5]), r"y: expected \(96,\) whole numbers"),
        ((X, Y + 1), "y: expected labels 0 to 1, got 1 to 2"),
        ((X[:0], Y[:0]), "X: expected at least one image"),
    ],
)
def test_bad_data_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        stn.fit(small(), *arguments, progress=False)


@pytest.mark.parametrize("optimizer", [Adam(), SGD(0.0)])
def test_weights_decay_and_biases_do_not(optimizer):
    models = [small(), small()]
    for model, decay in zip(models, (0.0, 0.5), strict=True):
        train(model, epochs=1, batch_size=len(X), optimizer=optimizer, schedule=constant, learning_rate=0.1, weight_decay=decay)
    start = small().params
    plain, decayed = (model.params for model in models)
    for name, array in start.items():
        lost = 0.5 * 0.1 * array if array.ndim > 1 else 0
        np.testing.assert_allclose(plain[name] - decayed[name], lost + 0 * array, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"validation": (X[:, :5], Y)}, r"validation X: expected \(N, 12, 12, 1\), got \(96, 5, 12, 1\)"),
        ({"validation": (X, Y[:5])}, r"validation y: expected \(96,\) whole numbers"),
        (
            {"learning_rate_multipliers": {"localization": 0.1}},
            "learning_rate_multipliers: expected parts of parameter names .*, got 'localization'; did you mean 'localisation'",
        ),
        ({"epochs": 0}, "epochs: expected at least 1, got 0"),
        ({"batch_size": 0}, "batch_size: expected at least 1, got 0"),
        ({"seconds": 0}, r"seconds: expected a number in \(0, inf\], got 0"),
        ({"learning_rate": np.inf}, r"learning_rate: expected a number in \[0, inf\), got inf"),
        ({"weight_decay": -1}, r"weight_decay: expected a number in \[0, inf\), got -1"),
        ({"label_smoothing": 1}, r"label_smoothing: expected a number in \[0, 1\), got 1"),
    ],
)
def test_bad_options_are_refused_before_training(options, message):
    def no_work(images, rng):
        raise AssertionError("it has begun")

    with pytest.raises(ValueError, match=message):
        train(small(), augment=no_work, **options)


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        (lambda images, rng: images[:7], "augment: expected 32 images, as many as it was given, got 7"),
        (lambda images, rng: None, "augment's images: expected"),
    ],
)
def test_an_augmentation_that_drops_images_is_refused(augment, message):
    with pytest.raises((ValueError, TypeError), match=message):
        train(small(), augment=augment)


def test_balanced_classes_count_the_same():
    rare = np.flatnonzero((Y == 0) | (np.arange(96) % 8 == 0))
    labels = Y[rare]
    shares = {}
    for weights in (None, "balanced", {1: len(labels) / labels.sum()}):
        model = Classifier(Chain(Flatten(), Dense(2)), (12, 12, 1), 2)
        model.params["dense1.weight"][:] = 0
        options = {"class_weight": weights, "learning_rate_multipliers": {"dense1.weight": 0}, "learning_rate": 0.05}
        stn.fit(model, X[rare], labels, epochs=80, progress=False, **options)  # the biases alone learn
        shares[str(weights)] = model.predict_proba(X[:1])[0, 1]
    assert shares["None"] == pytest.approx(labels.mean(), abs=0.02)
    assert shares["balanced"] == pytest.approx(0.5, abs=0.02)
    assert shares["None"] < shares[str({1: len(labels) / labels.sum()})]


def test_an_image_of_weight_zero_is_not_trained_on():
    weights = (np.arange(96) < 64).astype(float)
    models = [small(), small()]
    for model, pixels in zip(models, (X, np.where(weights[:, None, None, None] > 0, X, 0.5).astype(np.float32)), strict=True):
        stn.fit(model, pixels, Y, sample_weight=weights, epochs=2, batch_size=96, progress=False)
    for name, array in models[0].params.items():
        np.testing.assert_allclose(array, models[1].params[name], rtol=1e-4, atol=1e-6)


def test_a_stream_may_yield_weights():
    class Weighted:
        def __len__(self):
            return 1

        def __call__(self, rng):
            yield X, Y, np.zeros(96)

    with pytest.raises(ValueError, match="class_weight: 'balanced' needs the labels"):
        stn.fit(small(), Weighted(), class_weight="balanced", epochs=1, progress=False)
    Weighted.labels = Y
    assert stn.fit(small(), Weighted(), class_weight="balanced", epochs=1, progress=False)[0].loss == 0
    model = small()
    before = {name: array.copy() for name, array in model.params.items()}
    stn.fit(model, Weighted(), optimizer=SGD(), epochs=1, progress=False)
    assert all(np.array_equal(array, before[name]) for name, array in model.params.items())


def test_the_state_of_the_optimizer_is_carried_over():
    state, options = {}, {"schedule": constant, "epochs": 1, "batch_size": 96, "progress": False}
    once, twice = small(), small()
    stn.fit(twice, X, Y, optimizer_state=state, **options)
    assert state["step"] == 1
    stn.fit(twice, X, Y, optimizer_state=state, seed=1, **options)
    assert state["step"] == 2
    stn.fit(once, X, Y, **options)
    stn.fit(once, X, Y, seed=1, **options)
    assert not np.array_equal(once.params["dense1.weight"], twice.params["dense1.weight"])
    wider = Classifier(Chain(*list(twice.network.layers.values())[:-1], Dense(2)), (12, 12, 1), 2)
    stn.fit(wider, X, Y, optimizer_state=state, seed=1, **options)
    assert state["step"] == 3


def test_smoothing_and_class_weights_belong_to_the_cross_entropy():
    model = Regressor(Chain(Flatten(), Dense(1)), (12, 12, 1))
    targets = X.mean(axis=(1, 2))
    with pytest.raises(ValueError, match="label_smoothing: expected 0 with a loss other than the cross entropy, got 0.1"):
        stn.fit(model, X, targets, label_smoothing=0.1, progress=False)
    with pytest.raises(ValueError, match="class_weight: expected None with a loss other than the cross entropy"):
        stn.fit(model, X, targets, class_weight="balanced", progress=False)
    heads = MultiHead(
        Chain(Flatten(), Heads(kind=Dense(2), bright=Dense(1))),
        (12, 12, 1),
        losses={"kind": "cross_entropy", "bright": "huber"},
    )
    both = {"kind": Y, "bright": targets}
    assert stn.fit(heads, X, both, label_smoothing=0.1, epochs=1, progress=False)[0].error <= 1
    with pytest.raises(ValueError, match=r"give the loss of a head its own, as CrossEntropy\(class_weight"):
        stn.fit(heads, X, both, class_weight="balanced", progress=False)


def test_soft_labels_can_be_smoothed_and_weighted():
    soft = np.where(Y[:, None] == np.arange(2), 0.9, 0.1)
    history = train_on(soft, label_smoothing=0.1, class_weight=[1, 2])
    assert history[-1].loss < history[0].loss
    with pytest.raises(ValueError, match="'balanced' needs the labels"):
        train_on(soft, class_weight="balanced")


def train_on(targets, **options):
    return stn.fit(small(), X, targets, epochs=20, learning_rate=0.01, progress=False, **options)
