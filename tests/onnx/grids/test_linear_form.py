"""Functions that are linear in theta."""

import numpy as np

import stn_numba as stn
from stn_numba.onnx.grids.linear_form import linear_in_theta

AFFINE = stn.get_transform("affine")


def test_a_linear_function_is_found():
    A, b = np.random.default_rng(0).standard_normal((6, 4)), np.arange(4.0)
    form = linear_in_theta(AFFINE, lambda theta: theta @ A + b)
    np.testing.assert_allclose(form.slopes, A, atol=1e-12)
    np.testing.assert_allclose(form.constant, b, atol=1e-12)


def test_other_functions_are_not():
    assert linear_in_theta(AFFINE, lambda theta: np.sin(0.01 * theta)) is None
    assert linear_in_theta(AFFINE, lambda theta: np.maximum(theta, -2)) is None
    assert linear_in_theta(AFFINE, lambda theta: theta / 0) is None


def test_a_form_that_is_too_large_is_not_made():
    assert linear_in_theta(AFFINE, lambda theta: np.zeros((len(theta), 1 << 22))) is None
