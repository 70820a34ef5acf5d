"""Losses."""

import numpy as np
import pytest

from stn_numba.nn import softmax_cross_entropy
from stn_numba.testing import check_vjp


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_gradient_agrees_with_differences(smoothing):
    labels = np.array([0, 3, 1])

    def function(logits):
        loss, backprop = softmax_cross_entropy(logits, labels, label_smoothing=smoothing)
        return np.array(loss), lambda u: u * backprop()

    check_vjp(function, np.random.default_rng(3).standard_normal((3, 4)))


def test_cross_entropy_of_huge_logits_is_finite():
    assert softmax_cross_entropy(np.array([[1e4, -1e4]]), [0])[0] == 0.0


def test_labels_out_of_range_are_refused():
    with pytest.raises(ValueError, match="labels: expected 0 to 3, got 4 to 4"):
        softmax_cross_entropy(np.zeros((1, 4)), [4])
    with pytest.raises(ValueError, match=r"labels: expected \(1,\) whole numbers"):
        softmax_cross_entropy(np.zeros((1, 4)), [0.5])
