"""Arrays in memory that is used again, aligned to cache lines.

A training step makes arrays of the same sizes as the step before. Fresh memory comes from the operating system page by page,
which can cost more than the work done in it. Here a buffer is reused for the next array of its size once its last view is gone.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["cached_bytes", "empty", "empty_together", "release"]

_LINE = 64  # bytes: a vector of 16 float32 lies in one cache line
_PAGE = 4096
_MAX_CACHED_BYTES = 256 << 20  # if more is kept and none of it fits, all of it is released

Memory = tuple[NDArray[np.uint8], int]  # and the first address in it that begins a cache line
_free: dict[int, list[Memory]] = {}


class _Owner:
    """Base of an array and all its views; when the last of them is gone, the memory is free again."""

    __slots__ = ("__array_interface__", "memory", "size")

    def __init__(self, size: int, memory: Memory, interface: dict[str, Any]) -> None:
        self.size, self.memory, self.__array_interface__ = size, memory, interface

    # a default argument, since names of the module may be gone when Python exits
    def __del__(self, free: dict[int, list[Memory]] = _free) -> None:
        same_size = free.get(self.size)
        if same_size is None:
            same_size = free.setdefault(self.size, [])
        same_size.append(self.memory)


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an array as `np.empty` does, aligned to a cache line."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    size += -size % _PAGE
    try:
        memory = _free[size].pop()  # one step, so that two threads never get the same
    except (KeyError, IndexError):
        memory = _fresh(size)
    return np.asarray(_Owner(size, memory, {"version": 3, "typestr": dtype.str, "shape": shape, "data": (memory[1], False)}))


def empty_together(shapes: Sequence[tuple[int, ...]], dtype: DTypeLike) -> tuple[NDArray[Any], ...]:
    """Return `empty` arrays in one buffer, which takes less time to make and is reused when all of them are gone."""
    places, size = _places(tuple(shapes), np.dtype(dtype).itemsize)
    whole = empty((size,), dtype)
    return tuple(whole[start:stop].reshape(shape) for start, stop, shape in places)


@functools.lru_cache(256)
def _places(shapes: tuple[tuple[int, ...], ...], itemsize: int) -> tuple[list[tuple[int, int, tuple[int, ...]]], int]:
    """Return the first number of each array, on a cache line, its end and its shape, and the size of all."""
    line, places, start = max(1, _LINE // itemsize), [], 0
    for shape in shapes:
        stop = start + math.prod(shape)
        places.append((start, stop, shape))
        start = stop + -stop % line
    return places, start


def _fresh(size: int) -> Memory:
    if cached_bytes() > _MAX_CACHED_BYTES:
        release()
    memory = np.empty(size + _LINE, np.uint8)
    address = memory.ctypes.data
    return memory, address + -address % _LINE


def cached_bytes() -> int:
    """Return how many bytes are kept for later arrays."""
    return sum(size * len(same_size) for size, same_size in list(_free.items()))


def release() -> None:
    """Return all cached memory to the system."""
    _free.clear()
