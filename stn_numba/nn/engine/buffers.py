"""Arrays that begin on a cache line, in memory that is used again.

A step of training makes arrays of the same sizes as the step before. Fresh memory comes from the kernel page by page, which
can cost more than the work done in it. Here the memory of an array goes to the next array of its size as soon as nobody holds
the array or a view of it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["empty", "max_cached_bytes", "release", "several"]

_LINE = 64  # bytes: a vector of 16 float32 within one cache line
_PAGE = 4096
_MOST = 256 << 20  # bytes; where more is kept and none of it fits, all of it is given back

_free: dict[int, list[tuple[NDArray[np.uint8], int]]] = {}


class _Owner:
    """Base of an array and all its views; when the last of them goes, the memory is free again."""

    __slots__ = ("__array_interface__", "memory", "size")

    def __init__(self, size: int, memory: tuple[NDArray[np.uint8], int], interface: dict[str, Any]) -> None:
        self.size, self.memory, self.__array_interface__ = size, memory, interface

    # a default, since names of the module may be gone when Python ends
    def __del__(self, free: dict[int, list[tuple[NDArray[np.uint8], int]]] = _free) -> None:
        several = free.get(self.size)
        if several is None:
            several = free.setdefault(self.size, [])
        several.append(self.memory)


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """As `np.empty`, on a cache line."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    size += -size % _PAGE
    try:
        memory = _free[size].pop()  # one step, so that two threads never get the same
    except (KeyError, IndexError):
        memory = _fresh(size)
    return np.asarray(_Owner(size, memory, {"version": 3, "typestr": dtype.str, "shape": shape, "data": (memory[1], False)}))


def several(shapes: Sequence[tuple[int, ...]], dtype: DTypeLike) -> tuple[NDArray[Any], ...]:
    """As many `empty` arrays, in one piece of memory, which costs less time to make; it is kept until all are gone."""
    places, size = _places(tuple(shapes), np.dtype(dtype).itemsize)
    whole = empty((size,), dtype)
    return tuple(whole[start:stop].reshape(shape) for start, stop, shape in places)


@functools.lru_cache(256)
def _places(shapes: tuple[tuple[int, ...], ...], itemsize: int) -> tuple[list[tuple[int, int, tuple[int, ...]]], int]:
    """Where arrays begin and end, each on a cache line, and the numbers they take in all."""
    line, places, start = max(1, _LINE // itemsize), [], 0
    for shape in shapes:
        stop = start + math.prod(shape)
        places.append((start, stop, shape))
        start = stop + -stop % line
    return places, start


def _fresh(size: int) -> tuple[NDArray[np.uint8], int]:
    """Memory and the first address in it that begins a cache line."""
    if max_cached_bytes() > _MOST:
        release()
    memory = np.empty(size + _LINE, np.uint8)
    address = memory.ctypes.data
    return memory, address + -address % _LINE


def max_cached_bytes() -> int:
    """Bytes kept for later."""
    return sum(size * len(several) for size, several in list(_free.items()))


def release() -> None:
    """Give all that is kept back to the system."""
    _free.clear()
