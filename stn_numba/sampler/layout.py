"""Arrays as callers lay them out, as views with channels last, and as the items that kernels copy."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Items", "caller_layout", "channels_last", "expect_shape", "items_of", "laid_out"]

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


class Items(NamedTuple):
    """Two arrays (N, H, W, C) of one dtype as units of 1, 2, 4 or 8 bytes, of which `sampling.nearest` copies some together.

    Attributes
    ----------
    unit
        Their dtype.
    units
        So many lie side by side: those of a number, or of a pixel whose channels do.
    channels
        Such items of a pixel.
    """

    unit: np.dtype[Any]
    units: int
    channels: int


def items_of(image: Array, out: Array) -> Items:
    """Return an image and an output as items to be copied, as few as there can be."""
    size, channels = image.dtype.itemsize, image.shape[3]
    if all(array.strides[3] == size for array in (image, out)):
        size, channels = size * channels, 1
    unit = next(kind for kind in _UNITS if size % kind.itemsize == 0)
    return Items(unit, size // unit.itemsize, channels)


_UNITS = np.dtype(np.uint64), np.dtype(np.uint32), np.dtype(np.uint16), np.dtype(np.uint8)
