"""Arrays that begin on a cache line, in memory that is used again.

A step of training makes arrays of the same sizes as the step before. Fresh memory comes from the kernel page by page, which
can cost more than the work done in it. Here the memory of an array goes to the next array of its size as soon as nobody holds
the array or a view of it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["empty", "kept_bytes", "release"]

_LINE = 64  # bytes: a vector of 16 float32 within one cache line
_MOST = 256 << 20  # bytes kept for later, at most

_free: dict[int, list[NDArray[np.uint8]]] = {}


class _Owner:
    """Base of an array and all its views; when the last of them goes, the memory is free again."""

    __slots__ = ("__array_interface__", "memory")

    def __init__(self, memory: NDArray[np.uint8], size: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self.memory = memory
        address = memory.ctypes.data
        data = (address + -address % _LINE, False)
        self.__array_interface__ = {"version": 3, "typestr": dtype.str, "shape": shape, "data": data}

    def __del__(self) -> None:
        memory = self.memory
        if kept_bytes() + memory.nbytes <= _MOST:
            _free.setdefault(memory.nbytes, []).append(memory)


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """As `np.empty`, on a cache line."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize + _LINE
    size += -size % 4096
    try:
        memory = _free[size].pop()  # one step, so that two threads never get the same
    except (KeyError, IndexError):
        memory = np.empty(size, np.uint8)
    return np.asarray(_Owner(memory, size, dtype, shape))


def kept_bytes() -> int:
    """Bytes kept for later."""
    return sum(size * len(several) for size, several in list(_free.items()))


def release() -> None:
    """Give all that is kept back to the system."""
    _free.clear()
