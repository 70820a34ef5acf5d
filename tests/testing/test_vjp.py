"""`check_vjp` passes correct gradients and catches wrong ones."""

import subprocess
import sys

import numpy as np
import pytest

from stn_numba.testing import check_vjp

A, B = np.random.default_rng(0).standard_normal((2, 3, 4))


def product(a, b, factor=1.0):
    return a * b, lambda d: (d * b * factor, d * a)


def test_correct_gradients_pass():
    assert check_vjp(product, A, B) < 1e-6


def test_an_error_of_a_thousandth_is_caught():
    with pytest.raises(AssertionError, match=r"relative error"):
        check_vjp(lambda a, b: product(a, b, 1.001), A, B)


def test_one_wrong_entry_is_caught():
    def wrong(a):
        d = 2 * a
        d[1, 2] *= 1.01
        return a**2, lambda d_y: d_y * d

    with pytest.raises(AssertionError, match=r"gradient: differences give"):
        check_vjp(wrong, A)


def test_a_gradient_of_the_wrong_shape_is_caught():
    with pytest.raises(AssertionError, match=r"expected shapes \[\(3, 4\)\], got \[\(4, 3\)\]"):
        check_vjp(lambda a: (a**2, lambda d: (2 * a * d).T), A)


def test_a_missing_gradient_is_caught():
    with pytest.raises(AssertionError, match=r"expected shapes"):
        check_vjp(lambda a, b: (a * b, lambda d: d * b), A, B)


def test_the_arguments_are_not_changed():
    before = A.copy()
    check_vjp(product, A, B)
    np.testing.assert_array_equal(A, before)


def test_a_constant_function_has_gradient_zero():
    assert check_vjp(lambda a: (np.ones(2), lambda d: np.zeros_like(a)), A) == 0


def test_errors_are_caught_without_assert_statements():
    code = """
import numpy as np
from stn_numba.testing import check_vjp
for wrong in (lambda a: (a**2, lambda d: 3 * a * d), lambda a: (a**2, lambda d: 2 * a[:1] * d[:1])):
    try:
        check_vjp(wrong, np.ones(3))
    except AssertionError:
        print("caught")
"""
    run = subprocess.run([sys.executable, "-O", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["caught", "caught"]
