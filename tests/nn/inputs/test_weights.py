"""Weights of classes and images."""

import numpy as np
import pytest

from stn_numba.nn.inputs.weights import as_class_weights, expect_weights


def test_balanced_weights_agree_with_scikit_learn():
    sklearn = pytest.importorskip("sklearn.utils.class_weight")
    labels = np.random.default_rng(0).integers(0, 4, 50) ** 2 % 4
    labels = np.unique(labels, return_inverse=True)[1]
    count = labels.max() + 1
    expected = sklearn.compute_class_weight("balanced", classes=np.arange(count), y=labels)
    np.testing.assert_allclose(as_class_weights("balanced", labels, count), expected)


def test_balanced_weights_have_a_mean_of_one_over_the_images_and_ignore_missing_classes():
    labels = np.array([0, 0, 0, 2])
    weights = as_class_weights("balanced", labels, 3)
    assert weights[1] == 1
    assert weights[labels].mean() == 1
    assert weights[0] * 3 == weights[2] * 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("even", "class_weight: expected 'balanced', a dict or"),
        ("balanced", "'balanced' needs the labels"),
        ({3: 1.0}, "class_weight: expected classes 0 to 2 as keys, got 3"),
        ({"a": 1.0}, "class_weight's key: expected a whole number, got 'a'"),
        ({0: -1.0}, r"class_weight\[0\]: expected"),
        ([1, 2], r"class_weight: expected \(3,\), got \(2,\)"),
        ([1, 2, np.nan], "class_weight: expected finite numbers"),
        (["a", "b", "c"], "class_weight: expected real numbers"),
    ],
)
def test_mistakes_are_named(given, message):
    with pytest.raises((TypeError, ValueError), match=message):
        as_class_weights(given, None, 3)


def test_weights_are_checked_by_their_count():
    with pytest.raises(ValueError, match=r"sample_weight: expected \(3,\), got \(2,\)"):
        expect_weights([1, 2], "sample_weight", 3)
