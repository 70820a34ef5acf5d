"""Losses of one's own: functions and subclasses, and names of losses."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import Chain, Dense, Flatten, Heads, Huber, Loss, Model, MultiHead
from stn_numba.nn.losses.choose import LOSSES, as_loss, describe_loss, loss_from

RNG = np.random.default_rng(2)
X = RNG.random((96, 5, 5), np.float32)
TARGETS = X.mean(axis=(1, 2))


def linear(**options):
    return Model(Chain(Flatten(), Dense(1)), (5, 5, 1), **options)


def absolute(outputs, targets):
    difference = outputs[:, 0] - targets
    return float(np.abs(difference).mean()), np.sign(difference)[:, None] / len(difference)


def test_a_function_is_trained_on_and_validated():
    model = linear()
    options = {"loss": absolute, "epochs": 60, "learning_rate": 0.05, "validation": (X, TARGETS), "progress": False}
    history = stn.fit(model, X, TARGETS, **options)
    assert history[-1].loss < 0.5 * history[0].loss
    assert history.column("error") == [None] * 60
    assert history[-1].validation_loss == model.evaluate(X, TARGETS, loss=absolute)[0]
    assert "validation" in repr(history)


def test_a_function_sees_the_whole_batch():
    sizes = []

    def spread(outputs, targets):
        sizes.append(len(outputs))
        return float(outputs.sum()), np.ones_like(outputs)

    stn.fit(linear(), X, TARGETS, loss=spread, batch_size=96, epochs=1, progress=False)
    assert sizes == [96]


def test_a_function_gets_heads_by_name():
    model = MultiHead(Chain(Flatten(), Heads(a=Dense(1), b=Dense(2))), (5, 5, 1), losses="mean_squared_error")

    def loss(outputs, targets):
        assert {name: output.shape[1] for name, output in outputs.items()} == {"a": 1, "b": 2}
        return 1.0, {name: np.ones_like(output) for name, output in outputs.items()}

    before = model.params["heads1.b.bias"].copy()
    stn.fit(model, X, {"anything": TARGETS}, loss=loss, epochs=1, progress=False)
    assert (model.params["heads1.b.bias"] < before).all()


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda outputs, targets: 1.0, r"loss: expected \(value, d_outputs\), got float"),
        (lambda outputs, targets: (outputs, outputs), "loss: expected a number as its value"),
        (
            lambda outputs, targets: (1.0, outputs[:, 0]),
            r"loss: expected the gradient \(96, 1\), shaped as",
        ),
        ("squares", "loss: expected one of cross_entropy, binary_cross_entropy, mean_squared_error, huber, got 'squares'"),
        (Huber, "loss: expected an instance, got the class Huber itself"),
        (3, "loss: expected one of .* a Loss or a function, got int"),
        (None, "loss: expected one, as loss='mean_squared_error', since this model was made without one"),
    ],
)
def test_mistakes_are_named(loss, message):
    with pytest.raises((TypeError, ValueError), match=message):
        stn.fit(linear(), X, TARGETS, loss=loss, epochs=1, batch_size=96, progress=False)


def test_a_function_takes_no_sample_weight():
    with pytest.raises(ValueError, match="sample_weight: expected None with a loss that is a function"):
        stn.fit(linear(), X, TARGETS, loss=absolute, sample_weight=TARGETS, epochs=1, progress=False)


def test_a_subclass_may_report_errors_and_check_targets():
    class Absolute(Loss):
        def __call__(self, outputs, targets, sample_weight=None):
            return absolute(outputs, targets)

        def errors(self, outputs, targets):
            return np.abs(outputs[:, 0] - targets) > 0.1

    history = stn.fit(linear(), X, TARGETS, loss=Absolute(), epochs=2, progress=False)
    assert all(0 <= error <= 1 for error in history.column("error"))
    with pytest.raises(ValueError, match=r"y: expected \(96, \.\.\.\), one target an image, got \(3,\)"):
        stn.fit(linear(), X, TARGETS[:3], loss=Absolute(), epochs=1, progress=False)


@pytest.mark.parametrize("name", LOSSES)
def test_names_stand_for_losses_that_can_be_saved(name):
    loss = as_loss(name)
    assert repr(loss_from(describe_loss(loss))) == repr(loss)
    with pytest.raises(ValueError, match="loss: expected a description of one of"):
        loss_from({"loss": "os.system"})
