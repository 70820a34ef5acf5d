"""Pairs of digits to be added."""

import numpy as np

from stn_numba.nn import Stream
from stn_numba.paper.addition import AdditionBatches, addition_set


def test_addition_adds_digits_of_both_channels():
    images = np.zeros((6, 28, 28, 1), np.float32)
    images[:, 8:20, 8:20, 0] = np.arange(6)[:, None, None] / 10  # the brightness tells the digit
    stream = AdditionBatches(images, np.arange(6), 4)
    assert isinstance(stream, Stream)
    for pair, sums in stream(np.random.default_rng(0)):
        brightness = np.rint(10 * pair.max(axis=(1, 2))).astype(int)
        assert pair.shape[1:] == (42, 42, 2)
        assert np.array_equal(brightness.sum(axis=1), sums)
    X, y = addition_set(images, np.arange(6), seed=1)
    assert X.shape == (6, 42, 42, 2)
    assert y.sum() == 2 * 15
