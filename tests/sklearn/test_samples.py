"""Weighted samples."""

import numpy as np
import pytest

from stn_numba.sklearn.samples import as_weights, class_factors, merged

RNG = np.random.default_rng(0)
X, Y = RNG.random((6, 2, 2, 1), np.float32), np.array([0, 1, 1, 0, 2, 2])


def samples_of(images, targets, weights=None):
    return merged(images, targets, as_weights(weights, len(images)))


def assert_same(a, b):
    for name in ("images", "targets", "weights"):
        assert np.array_equal(getattr(a, name), getattr(b, name))


def test_weights_are_repetitions_in_any_order():
    weights = np.array([3, 0, 1, 2, 1, 4])
    order = RNG.permutation(6)
    again = RNG.permutation(weights.sum())
    repeated = samples_of(X.repeat(weights, axis=0)[again], Y.repeat(weights)[again])
    assert_same(samples_of(X[order], Y[order], weights[order]), repeated)
    assert len(repeated.images) == 5
    assert repeated.weights.sum() == weights.sum()


def test_samples_stay_together():
    samples = samples_of(X, Y, np.arange(1, 7))
    for image, target, weight in zip(samples.images, samples.targets, samples.weights, strict=True):
        row = int(weight) - 1
        assert np.array_equal(image, X[row])
        assert target == Y[row]


def test_equal_images_with_different_targets_are_two_samples():
    assert len(samples_of(X[[0, 0]], np.array([0, 1])).images) == 2
    assert len(samples_of(X[[0, 0]], np.array([[0.0, 1.0], [0.0, 1.5]])).images) == 2


def test_only_ratios_of_weights_matter():
    np.testing.assert_allclose(
        samples_of(X, Y, [1, 2, 3, 4, 5, 6]).mean_one(), samples_of(X, Y, [2, 4, 6, 8, 10, 12]).mean_one()
    )
    assert samples_of(X, Y, np.full(6, 7.0)).mean_one() is None
    assert samples_of(X, Y, [1, 2, 3, 4, 5, 6]).mean_one().mean() == pytest.approx(1)


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.zeros(6), ValueError, "sample_weight: expected at least one weight other than zero"),
        ([1, 2], ValueError, r"sample_weight: expected \(6,\), got \(2,\)"),
        (np.ones((6, 1)), ValueError, r"sample_weight: expected \(6,\), got \(6, 1\)"),
        ([1, 1, 1, 1, 1, -1], ValueError, "sample_weight: expected finite numbers of at least 0"),
        (["a"] * 6, TypeError, "sample_weight: expected real numbers"),
    ],
)
def test_bad_weights_are_refused(weights, error, message):
    with pytest.raises(error, match=message):
        as_weights(weights, 6)


def test_a_mask_is_a_weight():
    assert as_weights(np.array([True, False]), 2).tolist() == [1, 0]
    assert as_weights(None, 2).tolist() == [1, 1]


def test_the_order_does_not_depend_on_the_scale_of_targets():
    assert np.array_equal(samples_of(X, 100.0 + Y).images, samples_of(X, Y).images)


def test_balanced_classes_have_equal_sums():
    classes, totals = np.array(["a", "b", "c"]), np.array([6.0, 3.0, 1.0])
    sums = totals * class_factors("balanced", classes, totals)
    np.testing.assert_allclose(sums, 10 / 3)
    assert class_factors(None, classes, totals).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ("equal", "class_weight: expected None, 'balanced' or a dict of weights by label, got 'equal'"),
        ({"x": 2}, r"class_weight: expected weights by label, \['a', 'b'\], got those of \['x'\]"),
        ({"a": -1}, r"class_weight\['a'\]: expected a number in \[0, inf\), got -1"),
    ],
)
def test_bad_class_weights_are_refused(class_weight, message):
    with pytest.raises(ValueError, match=message):
        class_factors(class_weight, np.array(["a", "b"]), np.ones(2))
