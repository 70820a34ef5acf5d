"""Call every public function with one odd argument: it gives a right answer or raises a documented exception.

An argument of another form that means the same (a list, another byte order, a subclass, ...) must give the same answer.
"""

from __future__ import annotations

import contextlib
import re

import numpy as np

import stn_numba as stn
from stn_numba import nn
from tests.fuzz.odd_values import ODD, other_values, same_values
from tests.fuzz.public_calls import random_call

DOCUMENTED = (TypeError, ValueError, OSError, MemoryError, stn.PluginError, NotImplementedError, nn.NonFiniteError)
CALLER_FUNCTIONS = ("augment", "callbacks", "schedule")  # their errors are passed on as they are
CLEAR = re.compile(r"[^:]{1,120}: |Affine\(\) takes no arguments")


def odd_argument(rng):
    """Call one function with an odd argument; returns what came of it."""
    name, function, options = random_call(rng)
    key = list(options)[rng.integers(len(options))]
    valid, form = options[key], rng.integers(4)
    is_array = isinstance(valid, np.ndarray | list) and np.asarray(valid).dtype.kind in "fiu" and np.ndim(valid)
    if form == 0 and is_array:
        return same_answer(rng, function, options, name, key)
    if form == 1 and key != "out" and is_array and np.asarray(valid).dtype.kind == "f":
        return expect_refusal(function, options | {key: masked(rng, valid)}, name, key)
    value = ODD[rng.integers(len(ODD))]
    if form == 2 and is_array:
        with contextlib.suppress(TypeError, ValueError):
            value = other_values(rng, valid)
    try:
        function(**options | {key: value})
    except DOCUMENTED as error:
        expect_clear(name, key, error)
        return "refused"
    except Exception:
        if key not in CALLER_FUNCTIONS:
            raise
        return "passed on"
    return "answered"


def masked(rng, valid):
    """The same array with random values masked, the first one always."""
    mask = rng.random(np.shape(valid)) < 0.5
    mask.flat[0] = True
    return np.ma.array(valid, mask=mask)


def same_answer(rng, function, options, name, key):
    """Give the same values in another form."""
    form = same_values(rng, options[key])
    if key == "out" and not isinstance(form, np.ndarray):
        return "right"
    expected = first(function(**options))
    try:
        got = first(function(**options | {key: form}))
    except DOCUMENTED as error:
        expect_clear(name, key, error)
        return "refused"
    if isinstance(expected, np.ndarray):
        np.testing.assert_allclose(np.asarray(got, float), expected, rtol=1e-4, atol=1e-5)
    return "right"


def first(result):
    return result[0] if isinstance(result, tuple) else result


def expect_refusal(function, options, name, key):
    try:
        function(**options)
    except DOCUMENTED as error:
        expect_clear(name, key, error)
        return "refused"
    raise AssertionError(f"{name}: masked values of {key} were read")


def expect_clear(name, key, error):
    """A message names the argument, or the system raised the error, which names the file or the bytes."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno) or key in CALLER_FUNCTIONS:
        return
    assert CLEAR.match(str(error)), f"{name}, {key}: {type(error).__name__}: {str(error)[:300]}"


CALLS = {"odd argument": odd_argument}
