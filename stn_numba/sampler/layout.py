"""Arrays as callers lay them out, as views with channels last, and as the tuples that kernels take."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Items", "caller_layout", "channels_last", "expect_shape", "items_of", "laid_out", "memory"]

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
    return (address_of(array), array.dtype.type(0), *array.strides)


def address_of(array: Array) -> int:
    """Where an array begins in memory."""
    return int(array.__array_interface__["data"][0])


class Items(NamedTuple):
    """Two arrays (N, H, W, C) of one dtype as units of 1, 2, 4 or 8 bytes, of which `kernels.nearest` copies some together.

    Attributes
    ----------
    source, target
        The arrays as the tuples that `kernels.memory` describes.
    units
        So many lie side by side: those of a number, or of a pixel whose channels do.
    channels
        Such items of a pixel.
    """

    source: tuple[Any, ...]
    target: tuple[Any, ...]
    units: int
    channels: int


def items_of(image: Array, out: Array) -> Items:
    """Return an image and an output as items to be copied, as few as there can be."""
    size, channels = image.dtype.itemsize, image.shape[3]
    if all(array.strides[3] == size for array in (image, out)):
        size, channels = size * channels, 1
    unit = next(kind for kind in _UNITS if size % kind.dtype.itemsize == 0)
    source, target = ((address_of(array), unit, *array.strides) for array in (image, out))
    return Items(source, target, size // unit.dtype.itemsize, channels)


_UNITS = np.uint64(0), np.uint32(0), np.uint16(0), np.uint8(0)
