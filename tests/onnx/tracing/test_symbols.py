"""Symbols as numbers."""

import numpy as np
import pytest

from stn_numba.onnx.graph import Graph
from stn_numba.onnx.tracing.symbols import Recording, RecordingError, Symbol, recording, symbol_of_tag


@pytest.fixture
def run():
    with recording(Recording(Graph())) as _:
        yield


@pytest.fixture
def theta(run):
    return Symbol(np.array([[0.5], [-1.0]]), "theta")


def test_constants_are_numbers(run):
    two, line = Symbol(np.array([[2.0]])), Symbol(np.array([[1.0, 3.0]]))
    assert (float(two), int(two), bool(two == 2), [7, 8, 9][two]) == (2.0, 2, True, 9)
    assert (line + two).value.tolist() == [[3.0, 5.0]]
    assert line.number is None
    with pytest.raises(RecordingError, match="depends on theta or on the position"):
        int(line)


def test_a_symbol_survives_in_an_array_of_floats(theta):
    floats = np.zeros(3)
    floats[1] = theta
    kept = [symbol_of_tag(each) for each in floats.tolist()]
    assert kept[1] is theta
    assert kept[0] == kept[2] == 0
    assert np.isnan(symbol_of_tag(float("nan")))


@pytest.mark.parametrize("compute", [lambda x: x + 1, lambda x: x * x, np.exp, np.negative, lambda x: x @ x, np.sum])
def test_arithmetic_with_what_survives_is_reported(theta, compute):
    floats = np.ones(3)
    floats[1] = theta
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError, match="invalid value"):  # by NumPy, or afterwards
        [symbol_of_tag(each) for each in np.atleast_1d(compute(floats)).tolist()]


def test_samples_follow(theta):
    assert np.exp(theta * 2 - 1).value.tolist() == np.exp([[0.0], [-3.0]]).tolist()
    assert abs(theta).value.tolist() == [[0.5], [1.0]]


def test_a_condition_is_asked_once(theta):
    assert bool(theta > 0)
    assert bool(theta > 0)
    assert bool(theta > 1)


def test_unknown_attributes_are_missing(theta):
    assert not hasattr(theta, "dtype")
    assert not hasattr(theta, "shape")
