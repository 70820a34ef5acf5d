"""Validate the array that a caller passes for the output."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.sampler.call import Call
from stn_numba.sampler.layout import caller_shape, channels_last

__all__ = ["check_out", "expect_shape"]

Array = NDArray[Any]

_MAX_WORK = 10_000  # steps in search of an element that two arrays share; slices of one array take a few


def check_out(out: Array | None, call: Call, image: Array) -> Array:
    """Return the output as a channels-last view; allocate it if `out` is None."""
    expected, dtype = caller_shape(call.out_shape, call.layout), image.dtype.newbyteorder("=")
    if out is None:
        return channels_last(np.empty(expected, dtype), call.layout)
    expect_shape(out, expected)
    if out.dtype != dtype:
        raise TypeError(f"out: expected {dtype}, as the image, got {out.dtype}")
    if not out.flags.writeable:
        raise ValueError("out: the array is read-only")
    # the stubs of NumPy know fewer numbers than it takes
    if any(np.may_share_memory(out, array, max_work=_MAX_WORK) for array in (image, call.grid.values)):  # type: ignore[arg-type]
        raise ValueError("out: the array overlaps the image or the grid")
    if _overlaps_itself(out):
        raise ValueError("out: several elements share one place in memory")
    return channels_last(out, call.layout)


def expect_shape(out: Any, expected: tuple[int, ...]) -> None:
    """Reject an output that is not an array of the expected shape."""
    if not isinstance(out, np.ndarray) or out.shape != expected:
        raise ValueError(f"out: expected an array {expected}, got {getattr(out, 'shape', type(out).__name__)}")


def _overlaps_itself(array: Array) -> bool:
    """Whether two elements may share memory, as in results of np.broadcast_to."""
    axes = sorted((abs(step), size) for step, size in zip(array.strides, array.shape, strict=True) if size > 1)
    reach = array.itemsize
    for step, size in axes:
        if step < reach:
            return bool(array.size)
        reach = step * (size - 1) + reach
    return False
