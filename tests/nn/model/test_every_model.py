"""What holds for every kind of model: training lowers the loss, files restore it, a loop of one's own is possible."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import (
    Adam,
    Chain,
    Classifier,
    Dense,
    Dropout,
    Flatten,
    Heads,
    Model,
    MultiHead,
    Regressor,
    ReLU,
    SpatialTransformer,
    training_threads,
)
from tests.nn.examples import localisation

RNG = np.random.default_rng(1)
X = RNG.random((80, 6, 6, 1), np.float32)
BRIGHT, LABELS = X.mean(axis=(1, 2)), (X[:, 2, 2, 0] > 0.5).astype(int)
SEVERAL = np.stack([LABELS, X[:, 3, 3, 0] > 0.5, X[:, 1, 1, 0] > 0.2], axis=1).astype(int)


def body(*last, seed=0):
    return Chain(SpatialTransformer(localisation(), "affine"), Flatten(), Dense(16), ReLU(), *last)


MODELS = {  # a model and its targets
    "classifier": (lambda: Classifier(body(Dense(2)), (6, 6, 1), 2, classes=["dark", "bright"]), LABELS),
    "soft labels": (lambda: Classifier(body(Dense(2)), (6, 6, 1), 2), np.eye(2)[LABELS] * 0.8 + 0.1),
    "multi-label": (lambda: Classifier(body(Dense(3)), (6, 6, 1), 3, multi_label=True), SEVERAL),
    "regressor": (lambda: Regressor(body(Dense(1)), (6, 6, 1)), BRIGHT),
    "images": (lambda: Regressor(Chain(SpatialTransformer(localisation(), "translation")), (6, 6, 1), loss="huber"), 0.5 * X),
    "heads": (
        lambda: MultiHead(
            body(Heads(kind=Dense(2), bright=Dense(1))), (6, 6, 1),
            losses={"kind": "cross_entropy", "bright": "mean_squared_error"}, weights={"bright": 3.0},
        ),
        {"kind": LABELS, "bright": BRIGHT[:, 0]},
    ),
    "named later": (lambda: Model(body(Dense(1)), (6, 6, 1), loss="huber"), BRIGHT),
}  # fmt: skip


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return np.array_equal(one, other)


@pytest.mark.parametrize("kind", MODELS)
def test_training_lowers_the_loss_and_files_restore_the_model(kind, tmp_path):
    make, targets = MODELS[kind]
    model = make()
    before = model.evaluate(X, targets)[0]
    history = stn.fit(model, X, targets, epochs=12, batch_size=20, learning_rate=0.01, validation=(X, targets), progress=False)
    after, error = model.evaluate(X, targets)
    assert after < 0.95 * before
    assert (history[-1].validation_loss, history[-1].validation_error) == (after, error)
    stn.save(model, tmp_path / "model")
    loaded = stn.load(tmp_path / "model")
    assert type(loaded) is type(model)
    assert loaded.config() == model.config()
    assert same(loaded.predict(X), model.predict(X))
    assert loaded.evaluate(X, targets) == (after, error)
    assert kind == "images" or type(model).__name__ in repr(model)


@pytest.mark.parametrize("kind", MODELS)
def test_a_resumed_run_has_the_same_bits(kind, tmp_path):
    make, targets = MODELS[kind]
    options = {"epochs": 4, "batch_size": 20, "progress": False}
    whole, resumed = make(), make()
    expected = stn.fit(whole, X, targets, **options)

    def cut(model, history):
        if len(history) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stn.fit(make(), X, targets, checkpoint=tmp_path / "run", callbacks=[cut], **options)
    history = stn.fit(resumed, X, targets, checkpoint=tmp_path / "run", **options)
    assert history.column("loss") == expected.column("loss")
    assert history.column("error") == expected.column("error")
    assert same(dict(whole.params), dict(resumed.params))


def test_a_checkpoint_of_another_loss_is_refused(tmp_path):
    make, targets = MODELS["regressor"]
    stn.fit(make(), X, targets, epochs=1, checkpoint=tmp_path / "run", progress=False)
    with pytest.raises(stn.nn.StorageError, match="loss = 'MeanSquaredError\\(\\)', got 'Huber\\(delta=1.0\\)'"):
        stn.fit(make(), X, targets, loss="huber", epochs=1, checkpoint=tmp_path / "run", progress=False)


@pytest.mark.parametrize("kind", ["classifier", "heads"])
def test_a_loop_of_ones_own_takes_the_same_steps_as_fit(kind):
    make, targets = MODELS[kind]
    fitted, own = make(), make()
    options = {"schedule": stn.nn.constant, "label_smoothing": 0, "clip_norm": None}
    stn.fit(fitted, X, targets, epochs=1, batch_size=80, progress=False, **options)
    optimizer, loss = Adam(), own.loss
    rows = np.random.default_rng(np.random.SeedSequence(0).spawn(3)[0]).permutation(80)
    state, picked = (
        optimizer.init(own.params),
        {name: y[rows] for name, y in targets.items()} if kind == "heads" else targets[rows],
    )
    with training_threads():
        outputs, backprop = own.forward(X[rows], np.random.default_rng(0))
        _, d_outputs = loss(outputs, loss.check_targets(picked, 80, own.target_shape))
        _, gradients = backprop(d_outputs)
    optimizer.apply(own.params, gradients, state, dict.fromkeys(gradients, 4e-3))
    assert same(dict(fitted.params), dict(own.params))


def test_the_gradient_by_the_images_is_there_on_demand():
    model = MODELS["regressor"][0]()
    outputs, backprop = model.forward(X)
    assert backprop(np.ones_like(outputs))[0] is None
    assert backprop(np.ones_like(outputs), input_gradient=True)[0].shape == X.shape
    with pytest.raises(ValueError, match=r"d_outputs: expected \(80, 1\), shaped as the outputs, got \(80,\)"):
        backprop(np.ones(80))


def test_predictions_of_several_labels_follow_their_probabilities():
    model = MODELS["multi-label"][0]()
    probabilities = model.predict_proba(X)
    assert ((probabilities > 0) & (probabilities < 1)).all()
    assert np.array_equal(model.predict(X), probabilities > 0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Classifier(body(Dense(2)), (6, 6, 1), 2, classes=["a"]), "classes: expected the names of 2 classes, got"),
        (lambda: Classifier(body(Dense(2)), (6, 6, 1), 2, classes=["a", "a"]), "classes: expected different names"),
        (lambda: Classifier(body(Dense(2)), (6, 6, 1), 2, classes="ab"), "classes: expected the names of 2 classes"),
        (lambda: MultiHead(body(Dense(2)), (6, 6, 1)), "network: expected Heads as its last layer, got Dense"),
        (lambda: MultiHead(body(Heads(a=Dense(1))), (6, 6, 1)), "losses: expected a head of at least 2 outputs"),
        (lambda: MultiHead(body(Heads(a=Dense(2))), (6, 6, 1), losses={"b": "huber"}), "losses: expected those of the heads a"),
        (lambda: MultiHead(body(Heads(a=Dense(2))), (6, 6, 1), weights={"b": 2}), "weights: expected a dict with some of a"),
        (lambda: stn.fit(Chain(Dense(2)), X, LABELS), "model: expected a Model, as a Classifier is, got Chain"),
        (lambda: MODELS["regressor"][0]().evaluate(X, BRIGHT[:5]), r"y: expected \(80, 1\), got \(5, 1\)"),
        (lambda: Model(body(Dense(1)), (6, 6, 1)).evaluate(X, BRIGHT), "loss: expected one, as loss='mean_squared_error'"),
    ],
)  # fmt: skip
def test_mistakes_are_named(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_a_model_with_a_loss_of_ones_own_says_why_it_cannot_be_saved(tmp_path):
    model = Model(body(Dense(1)), (6, 6, 1), loss=lambda outputs, targets: (0.0, outputs))
    with pytest.raises(ValueError, match="loss: expected one of cross_entropy, .* to save a model, got FunctionLoss"):
        stn.save(model, tmp_path / "model")


def test_errors_of_heads_are_told_one_by_one():
    make, targets = MODELS["heads"]
    model = make()
    errors = model.errors(X, targets)
    predictions = model.predict(X)
    assert errors["kind"] == np.mean(predictions["kind"] != LABELS)
    assert errors["bright"] == pytest.approx(np.abs(predictions["bright"] - BRIGHT).mean())
    assert model.evaluate(X, targets)[1] == errors["kind"]


def test_dropout_draws_the_same_in_a_step_whatever_the_loss():
    network = Chain(Flatten(), Dropout(0.5), Dense(1))
    model = Model(network, (6, 6, 1))
    one, other = (model.forward(X, np.random.default_rng(4))[0] for _ in range(2))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, model.forward(X)[0])
