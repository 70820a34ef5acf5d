"""Validate shapes, arrays of numbers and slices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_int
from stn_numba._util.arrays import as_array, holds_real_numbers

__all__ = ["Floats", "Shape", "as_batch_slice", "as_floats", "as_window", "check_shape"]

Floats = NDArray[np.floating[Any]]
Shape = tuple[int, ...]  # (h, w) of an image, (d, h, w) of a volume

_MAX_PIXELS = 1 << 56  # the limit of a 64-bit address space


def check_shape(shape: Any, name: str = "shape", ndim: int = 2) -> Shape:
    """Return `shape` as plain ints >= 0, one for each axis.

    Parameters
    ----------
    shape : (int, int) or (int, int, int)
        (h, w) of an image, or (d, h, w) of a volume.
    name : str, default "shape"
        Name of the argument, for errors.
    ndim : int, default 2
        Number of axes.

    Raises
    ------
    TypeError
        If `shape` is not `ndim` whole numbers.
    ValueError
        If a size is negative, or the image would be larger than memory can be.

    Examples
    --------
    >>> check_shape([28, 28])
    (28, 28)
    """
    expected = "two whole numbers (h, w)" if ndim == 2 else "three whole numbers (d, h, w)"
    try:
        sizes = tuple(as_int(size, name) for size in shape)
    except (TypeError, ValueError):
        sizes = ()
    if len(sizes) != ndim:
        image = ndim == 2 and isinstance(shape, tuple) and len(shape) == 3
        hint = "; of an image (H, W, C) take image.shape[:2]" if image else ""
        raise TypeError(f"{name}: expected {expected}, got {shape!r}{hint}")
    if min(sizes) < 0:
        raise ValueError(f"{name}: expected {expected} >= 0, got {shape!r}")
    if max(*sizes, math.prod(sizes)) > _MAX_PIXELS:
        raise ValueError(f"{name}: expected at most {_MAX_PIXELS:,} pixels, got {shape!r}")
    return sizes


def as_floats(array: ArrayLike, name: str, shape: tuple[int | str, ...]) -> Floats:
    """Return an array as float32 or float64, after checking its shape.

    Parameters
    ----------
    array : array_like
        Integers or floats. An array of float32 or float64 is not copied; other dtypes become float64.
    name : str
        Name of the argument, for errors.
    shape : tuple of int or str
        Expected shape; a letter stands for any length.

    Raises
    ------
    TypeError
        If the array does not hold real numbers.
    ValueError
        If it has another shape.

    Examples
    --------
    >>> as_floats([[1, 2]], "points", ("M", 2)).dtype
    dtype('float64')
    """
    result = as_array(array, name)
    if not holds_real_numbers(result):
        raise TypeError(f"{name}: expected numbers, got dtype {result.dtype}")
    fits = result.ndim == len(shape) and all(
        isinstance(want, str) or want == got for want, got in zip(shape, result.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name}: expected ({', '.join(map(str, shape))}), got {result.shape}")
    return result if result.dtype in (np.float32, np.float64) else result.astype(np.float64)


def as_batch_slice(rows: Any) -> slice:
    """Return `rows` if it is a slice; an index would remove the batch axis."""
    if not isinstance(rows, slice):
        raise TypeError(f"grid: expected a slice of the batch, as grid[0:1], got {rows!r:.60}")
    return rows


def as_window(window: tuple[Any, ...], shape: Shape) -> tuple[slice, ...]:
    """Return slices of the rows and columns of an output (h, w), or of planes as well, with start and stop inside it.

    Examples
    --------
    >>> as_window((slice(2, 5), slice(None)), (4, 3))
    (slice(2, 4, None), slice(0, 3, None))
    """
    names = ("planes", "rows", "columns")[-len(shape) :]
    if len(window) != len(shape):
        raise TypeError(f"window: expected a slice for each of {', '.join(names)}, got {len(window)}")
    parts = []
    for name, part, length in zip(names, window, shape, strict=True):
        if not isinstance(part, slice):
            raise TypeError(f"{name}: expected a slice, as slice(0, 8), got {part!r:.60}")
        start, stop, step = part.indices(length)
        if step != 1:
            raise ValueError(f"{name}: expected a slice with step 1, got {part}")
        parts.append(slice(start, max(start, stop)))
    return tuple(parts)
