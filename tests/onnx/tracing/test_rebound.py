"""Copies of transforms that see another NumPy."""

import numpy as np
from numpy import zeros

from stn_numba.onnx.tracing.rebound import rebound
from stn_numba.transform import Transform
from tests.onnx import plugins


def helper(count):
    return zeros(count), np.array([1.0, 2.0]), np.array([1, 2])


class Base(Transform):
    n_params = 1

    def identity(self):
        return np.zeros(1)

    def apply(self, theta, points):
        return helper(3)


class Derived(Base):
    def __init__(self, size):
        self.size = size

    @property
    def doubled(self):
        return np.full(self.size, 2.0)

    @staticmethod
    def fixed():
        return np.eye(2)

    def apply(self, theta, points):
        return super().apply(theta, points)


class Slotted(Derived):
    __slots__ = ("other",)


def test_new_arrays_can_hold_objects():
    copied = rebound(Derived(4))
    assert isinstance(copied, Derived)
    assert copied.size == 4
    assert copied.doubled.dtype == copied.fixed().dtype == object
    assert [array.dtype.kind for array in Base.apply(rebound(Base()), None, None)] == ["f", "f", "i"]
    assert [array.dtype.kind for array in rebound(Base()).apply(None, None)] == ["O", "O", "i"]


def test_the_original_stays_as_it_is():
    original = Derived(4)
    rebound(original).apply(None, None)
    assert type(original) is Derived
    assert original.apply(None, None)[0].dtype == original.doubled.dtype == np.float64
    assert helper(2)[0].dtype == np.float64


def test_a_matrix_is_checked_as_before():
    matrix = rebound(plugins.Zoom()).matrix([[0.0, 1.0, 2.0]])
    np.testing.assert_allclose(matrix.astype(float), [[[1, 0, 1], [0, 1, 2], [0, 0, 1]]])


def test_a_class_that_cannot_be_copied_is_left_out():
    assert rebound(Slotted(1)) is None or isinstance(rebound(Slotted(1)), Slotted)
