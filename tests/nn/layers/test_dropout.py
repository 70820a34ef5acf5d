"""Dropout."""

import numpy as np

from stn_numba.nn import Dropout


def test_dropout_keeps_the_mean_and_drops_in_training_only():
    layer, x = Dropout(0.25), np.ones((100, 100))
    y, _ = layer.forward(x, np.random.default_rng(0))
    assert abs(np.mean(y == 0) - 0.25) < 0.02
    assert abs(y.mean() - 1) < 0.02
    assert np.array_equal(layer.forward(x)[0], x)


def test_dropout_without_a_generator_returns_its_input():
    x = np.ones((4, 3))
    assert Dropout(0.5).forward(x)[0] is x
