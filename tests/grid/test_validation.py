"""Validation of shapes and of arrays of numbers."""

import numpy as np
import pytest

from stn_numba.grid import as_floats, check_shape


@pytest.mark.parametrize("shape", [3, "ab", (1, 2, 3), None, (1.5, 2), (2.0, 3), (True, 2)])
def test_a_shape_must_be_two_whole_numbers(shape):
    with pytest.raises(TypeError, match=r"shape: expected two whole numbers \(h, w\), got"):
        check_shape(shape)


def test_a_negative_shape_is_refused():
    with pytest.raises(ValueError, match=r"shape: expected two whole numbers \(h, w\) >= 0, got \(-1, 2\)"):
        check_shape((-1, 2))


def test_as_floats_keeps_floats_and_converts_the_rest_to_float64():
    for given, expected in [("f4", "f4"), ("f8", "f8"), ("i4", "f8"), ("u1", "f8"), ("f2", "f8"), (">f4", "f8")]:
        assert as_floats(np.ones((2, 3), given), "a", ("N", 3)).dtype == np.dtype(expected)
