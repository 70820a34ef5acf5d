"""Labels of another form are refused; a conversion is recommended only where it gives the right labels."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import Chain, Classifier, Dense, Flatten
from stn_numba.nn.inputs.labels import expect_classes, expect_labels

RNG = np.random.default_rng(0)
Y = np.arange(12) % 3  # the labels that are right
SOFT = RNG.dirichlet(np.ones(3), 12)


def refusal(y, n_classes=3):
    with pytest.raises(ValueError, match="^y: expected") as failed:
        expect_labels(y, 12, n_classes)
    return str(failed.value)


RIGHT = {  # labels, and the expression that the message must recommend
    "a column": (Y[:, None], "y[:, 0]"),
    "a column of floats": (Y[:, None].astype(float), "y[:, 0].astype(int)"),
    "floats": (Y.astype(np.float32), "y.astype(int)"),
    "objects": (Y.astype(object), "y.astype(int)"),
    "digits as texts": (Y.astype(str), "y.astype(int)"),
    "from 1": (Y + 1, "y - 1"),
    "from 1, floats": (Y + 1.0, "y.astype(int) - 1"),
    "from 1, a column": (Y[:, None] + 1, "y[:, 0] - 1"),
}


@pytest.mark.parametrize("kind", RIGHT)
def test_the_recommended_conversion_gives_the_right_labels(kind):
    y, expression = RIGHT[kind]
    message = refusal(y)
    assert f"`{expression}`" in message
    assert np.array_equal(expect_labels(eval(expression, {"y": np.asarray(y)}), 12, 3), Y)


NAMES = ["ant", "bee", "cat"]


@pytest.mark.parametrize("y", [np.array(NAMES)[Y], np.array(NAMES, object)[Y, None], Y * 10 - 7, Y + 5])
def test_names_and_other_numbers_are_numbered_by_unique(y):
    message = refusal(y)
    expression = message.split(", y = numpy.")[1].split("`")[0]
    assert np.array_equal(eval(f"np.{expression}", {"np": np, "y": y})[1], Y)


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (0, 255), (1, 2)])
def test_two_codes_become_two_classes(low, high):
    message = refusal(np.where(Y == 1, high, low), n_classes=2)
    assert ("unique(y, return_inverse=True)" in message) or (low == 1 and "`y - 1`" in message)


def test_booleans_become_two_classes():
    assert "`y.astype(int)`" in refusal(Y == 1, n_classes=2)


WITHOUT = {  # labels, and what the message says instead of a conversion
    "measurements": (RNG.random(12), "a Regressor is trained on measurements"),
    "measurements in a column": (RNG.random((12, 1)), "a Regressor is trained on measurements"),
    "several measurements": (RNG.random((12, 3)), "soft labels are probabilities: expected rows whose sum is 1"),
    "two labels": (np.stack([Y, Y], 1), "expected one label an image"),
    "several classes at once": (np.ones((12, 3), int), "several classes an image need Classifier(..., multi_label=True)"),
    "one-hot rows and an empty one": (np.eye(3)[Y] * (np.arange(12) > 0)[:, None], "several classes an image need"),
    "one-hot rows of more classes": (np.eye(4)[Y], "one-hot rows of 4 classes, and the model has 3"),
    "one-hot rows of fewer classes": (np.eye(2)[Y % 2], "one-hot rows of 2 classes, and the model has 3"),
    "not a number": (np.where(Y == 0, np.nan, Y), "a Regressor is trained on measurements"),
    "names, some missing": (np.array(["ant", "bee"])[Y % 2], "numpy.searchsorted(names, y)"),
    "too many names": (np.array([f"x{k}" for k in range(12)]), "12 different names, and the model has 3 classes"),
    "names and None": (np.array(["ant", None, "cat"], object)[Y], "got object (12,)"),
    "too few": (Y[:5], "got int64 (5,)"),
    "one-hot, too few": (np.eye(3)[Y[:5]], "got float64 (5, 3)"),
    "of images": (np.zeros((12, 4, 4)), "got float64 (12, 4, 4)"),
    "out of range": (Y + 7 * (Y == 2) * (np.arange(12) > 6), "expected labels 0 to 2, got 0 to 9"),
    "below 0": (np.where(np.arange(12) == 5, -1, Y), "expected labels 0 to 2, got -1 to 2"),
    "one to ignore": (np.where(Y == 2, 255, Y), "expected labels 0 to 2, got 0 to 255"),
    "from 1, and 0": (np.where(np.arange(12) == 5, 3, Y), "expected labels 0 to 2, got 0 to 3"),
}


@pytest.mark.parametrize("kind", WITHOUT)
def test_ambiguous_labels_get_no_conversion(kind):
    y, words = WITHOUT[kind]
    message = refusal(y)
    assert words in message
    assert not any(word in message for word in ("argmax", "astype", "y - 1", "unique"))


def test_fit_and_evaluate_name_their_argument():
    X = np.zeros((12, 4, 4, 1), np.float32)
    model = Classifier(Chain(Flatten(), Dense(3)), (4, 4, 1), 3)
    with pytest.raises(ValueError, match=r"^y: expected .12,. whole numbers, .*soft labels"):
        stn.fit(model, X, 2 * SOFT, progress=False)
    with pytest.raises(ValueError, match=r"^validation y: .* a Regressor is trained on measurements"):
        stn.fit(model, X, Y, validation=(X, SOFT[:, 0]), progress=False)
    with pytest.raises(ValueError, match=r"^y: .*pass `y - 1`"):
        model.evaluate(X, Y + 1)


@pytest.mark.parametrize("rows", [SOFT, np.eye(3)[Y], np.eye(3, dtype=bool)[Y], np.eye(3, dtype=int)[Y].tolist()])
def test_rows_of_probabilities_are_soft_labels(rows):
    assert np.array_equal(expect_classes(rows, 12, 3), np.asarray(rows, float))


@pytest.mark.parametrize("make", [getattr(stn.models, name) for name in stn.models.__all__])
@pytest.mark.parametrize("n_classes", [1, 0, -3])
def test_fewer_than_two_classes_are_refused(make, n_classes):
    with pytest.raises(ValueError, match=f"n_classes: expected at least 2, got {n_classes}"):
        make((28, 28, 1), n_classes)
    with pytest.raises(ValueError, match=f"n_classes: expected at least 2, got {n_classes}"):
        Classifier(Chain(Flatten(), Dense(1)), (4, 4, 1), n_classes)


def test_labels_of_another_kind_are_refused_with_a_conversion():
    X, model = np.zeros((12, 4, 4, 1), np.float32), Classifier(Chain(Flatten(), Dense(3)), (4, 4, 1), 3)
    with pytest.raises(ValueError, match="y: expected .12,. whole numbers.*return_inverse"):
        stn.fit(model, X, np.array(NAMES)[Y], progress=False)
    with pytest.raises(ValueError, match="y: expected labels 0 to 2, got 5 to 7"):
        model.evaluate(X, Y + 5)
