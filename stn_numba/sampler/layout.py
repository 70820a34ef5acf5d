"""Views of arrays with channels last, in the caller's layout, as the items that kernels copy, and as real numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Items", "as_batch", "caller_layout", "caller_shape", "channels_last", "items_of", "real_parts"]

Array = NDArray[Any]

_UNITS = np.dtype(np.uint64), np.dtype(np.uint32), np.dtype(np.uint16), np.dtype(np.uint8)


def channels_last(array: Array, layout: str) -> Array:
    """View of an array in the caller's layout with its channels last."""
    return np.moveaxis(array, 1, -1) if layout.startswith("NC") else array


def caller_layout(array: Array, layout: str) -> Array:
    """View of an array (N, H, W, C), or (N, D, H, W, C), in the caller's layout."""
    return np.moveaxis(array, -1, 1) if layout.startswith("NC") else array


def caller_shape(shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """A shape (N, H, W, C), or (N, D, H, W, C), in the caller's layout."""
    n, *sizes, c = shape
    return (n, c, *sizes) if layout.startswith("NC") else shape


def as_batch(image: Array, layout: str, axes: int) -> tuple[Array, int]:
    """The image, which may lack the axes of batch and channels, with all its axes; and the axis of its channels."""
    channels = 1 if layout.startswith("NC") else axes + 1
    if image.ndim == axes:
        return np.expand_dims(image[None], channels), channels
    return image[None] if image.ndim == axes + 1 else image, channels


class Items(NamedTuple):
    """How `kernels.sampling.nearest` copies pixels: as items of several units of 1, 2, 4 or 8 bytes.

    Attributes
    ----------
    unit : dtype
        Unsigned integer of the size of a unit.
    units : int
        Units in an item: in a number, or in a whole pixel if its channels are contiguous.
    channels : int
        Items in a pixel.
    """

    unit: np.dtype[Any]
    units: int
    channels: int


def items_of(image: Array, out: Array) -> Items:
    """Describe the pixels of an image and an output of the same dtype, with as few items as possible."""
    size, channels = image.dtype.itemsize, image.shape[-1]
    if all(array.strides[-1] == size for array in (image, out)):
        size, channels = size * channels, 1
    unit = next(kind for kind in _UNITS if size % kind.itemsize == 0)
    return Items(unit, size // unit.itemsize, channels)


def real_parts(array: Array) -> list[Array]:
    """Views of the real and imaginary parts, or the array itself; float16 is converted to float32."""
    if array.dtype.kind == "c":
        return [array.real, array.imag]
    return [array.astype(np.float32) if array.dtype.newbyteorder("=") == np.float16 else array]
