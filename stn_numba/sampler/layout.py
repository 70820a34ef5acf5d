"""Arrays as callers lay them out, as views with channels last, and as the tuples that kernels take."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["caller_layout", "channels_last", "expect_shape", "laid_out", "memory"]

Array = NDArray[Any]


def channels_last(array: Array, layout: str) -> Array:
    """View of an array with its channels last."""
    return array.transpose(0, 2, 3, 1) if layout == "NCHW" else array


def caller_layout(array: Array, layout: str) -> Array:
    """View of an array with its channels last as the caller lays it out."""
    return array.transpose(0, 3, 1, 2) if layout == "NCHW" else array


def laid_out(size: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """Shape of an output of size (N, h, w, C) as the caller lays it out."""
    n, h, w, c = size
    return (n, c, h, w) if layout == "NCHW" else (n, h, w, c)


def expect_shape(out: Any, expected: tuple[int, ...]) -> None:
    """Refuse an output that is no array of the shape that the caller should have given."""
    if not isinstance(out, np.ndarray) or out.shape != expected:
        raise ValueError(f"out: expected an array {expected}, got {getattr(out, 'shape', type(out).__name__)}")


def memory(array: Array) -> tuple[Any, ...]:
    """An array as the tuple that `kernels.memory` describes."""
    return (array.__array_interface__["data"][0], array.dtype.type(0), *array.strides)
