"""The coordinate convention: normalized positions, pixels, and the checks of shapes.

Positions are (x, y), normalized: with ``align_corners=True`` -1 is the center of the first pixel of an axis and +1 the center
of the last one; with ``align_corners=False`` they are the outer edges of those pixels. This module is the only place that
turns normalized positions into pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_bool, as_int
from stn_numba._util.arrays import as_array

__all__ = ["Floats", "Shape", "as_floats", "base_points", "check_shape", "to_normalized", "to_pixels"]

Floats = NDArray[np.floating[Any]]
Shape = tuple[int, int]

_MOST_PIXELS = 1 << 56  # more than an address can tell apart


def output_axis(size: int, align_corners: bool) -> tuple[float, float]:
    """(step, start): pixel j of an axis lies at ``step * j + start``; a single aligned pixel lies at 0."""
    if align_corners:
        return (2.0 / (size - 1), -1.0) if size > 1 else (0.0, 0.0)
    return (2.0 / size, 1.0 / size - 1.0) if size else (0.0, 0.0)


def input_axis(size: int, align_corners: bool) -> tuple[float, float]:
    """(scale, offset): normalized position x lies at pixel ``scale * x + offset``."""
    return (size - 1) / 2 if align_corners else size / 2, (size - 1) / 2


def displacement_axis(size: int, length: int, align_corners: bool) -> tuple[float, float]:
    """(step, start): output pixel j of an axis of `length` lies at input pixel ``step * j + start`` of one of `size`."""
    if align_corners:
        return ((size - 1) / (length - 1), 0.0) if length > 1 else (0.0, (size - 1) / 2)
    step = size / max(length, 1)
    return step, (step - 1) / 2


def base_points(shape: Shape, align_corners: bool = True) -> NDArray[np.float64]:
    """Normalized positions of all pixels of an (h, w) image, row by row.

    Parameters
    ----------
    shape
        (h, w) of the image.
    align_corners
        Whether -1 and +1 are the centers (True) or the outer edges (False) of the border pixels.

    Returns
    -------
    (h * w, 2) float64, last axis (x, y).

    Examples
    --------
    >>> base_points((1, 3)).tolist()
    [[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]
    """
    (h, w), align_corners = check_shape(shape), as_bool(align_corners, "align_corners")
    (step_x, start_x), (step_y, start_y) = output_axis(w, align_corners), output_axis(h, align_corners)
    x, y = np.meshgrid(step_x * np.arange(w) + start_x, step_y * np.arange(h) + start_y)
    return np.stack([x.ravel(), y.ravel()], axis=-1)


def pixel_points(shape: Shape, align_corners: bool, first: int, last: int) -> NDArray[np.float64]:
    """Return rows [first, last) of `base_points`, (last - first, 2), bit for bit."""
    (step_x, start_x), (step_y, start_y) = output_axis(shape[1], align_corners), output_axis(shape[0], align_corners)
    w = max(shape[1], 1)
    top = first // w
    rows, inside = np.arange(top, (last - 1) // w + 1), slice(first - top * w, last - top * w)
    x = np.tile(step_x * np.arange(w) + start_x, len(rows))[inside]
    y = np.repeat(step_y * rows + start_y, w)[inside]
    return np.stack([x, y]).T  # each coordinate in one run, as it is worked with


def to_pixels(points: ArrayLike, shape: Shape, align_corners: bool = True) -> NDArray[np.float64]:
    """Turn normalized positions into pixels: where in an image a key point, a box or a grid lies.

    Parameters
    ----------
    points
        (..., 2), last axis (x, y), normalized.
    shape
        (H, W) of the image.
    align_corners
        Whether -1 and +1 are the centers (True) or the outer edges (False) of the border pixels.

    Returns
    -------
    (..., 2) float64, last axis (x, y); 0 is the center of the first pixel.

    Raises
    ------
    TypeError, ValueError
        If the points are no numbers (..., 2), or the shape is not two whole numbers.

    Examples
    --------
    >>> to_pixels([[-1.0, 1.0]], (28, 28)).tolist()
    [[0.0, 27.0]]
    """
    points, align_corners = _pairs(points, "points"), as_bool(align_corners, "align_corners")
    (sx, tx), (sy, ty) = (input_axis(size, align_corners) for size in check_shape(shape)[::-1])
    return points * (sx, sy) + (tx, ty)


def to_normalized(pixels: ArrayLike, shape: Shape, align_corners: bool = True) -> NDArray[np.float64]:
    """Turn pixels into normalized positions, as transforms and grids take them: the inverse of `to_pixels`.

    Parameters
    ----------
    pixels
        (..., 2), last axis (x, y); 0 is the center of the first pixel.
    shape
        (H, W) of the image.
    align_corners
        Whether -1 and +1 are the centers (True) or the outer edges (False) of the border pixels.

    Returns
    -------
    (..., 2) float64, last axis (x, y). With ``align_corners=True`` an axis of one pixel gives 0.

    Raises
    ------
    TypeError, ValueError
        If the pixels are no numbers (..., 2), or the shape is not two whole numbers.

    Examples
    --------
    >>> to_normalized([[0.0, 27.0]], (28, 28)).tolist()
    [[-1.0, 1.0]]
    """
    pixels, align_corners = _pairs(pixels, "pixels"), as_bool(align_corners, "align_corners")
    (sx, tx), (sy, ty) = (input_axis(size, align_corners) for size in check_shape(shape)[::-1])
    return (pixels - (tx, ty)) / (sx or np.inf, sy or np.inf)


def _pairs(array: ArrayLike, name: str) -> NDArray[np.float64]:
    """Positions (..., 2) in float64."""
    result = as_array(array, name)
    if result.dtype.kind not in "fiu":
        raise TypeError(f"{name}: expected numbers, got dtype {result.dtype}")
    if result.shape[-1:] != (2,):
        raise ValueError(f"{name}: expected (..., 2), got {result.shape}")
    return result.astype(np.float64, copy=False)


def check_shape(shape: Any, name: str = "shape") -> Shape:
    """Return `shape` as two plain ints >= 0."""
    try:
        h, w = (as_int(size, name) for size in shape)
    except (TypeError, ValueError):
        hint = "; of an image (H, W, C) take image.shape[:2]" if isinstance(shape, tuple) and len(shape) == 3 else ""
        raise TypeError(f"{name}: expected two whole numbers (h, w), got {shape!r}{hint}") from None
    if h < 0 or w < 0:
        raise ValueError(f"{name}: expected two whole numbers (h, w) >= 0, got {shape!r}")
    if max(h, w, h * w) > _MOST_PIXELS:
        raise ValueError(f"{name}: expected at most {_MOST_PIXELS:,} pixels, got {shape!r}")
    return h, w


def as_floats(array: ArrayLike, name: str, shape: tuple[int | str, ...]) -> Floats:
    """Return `array` as float32 or float64 after checking its shape; a letter in `shape` stands for any length."""
    result = as_array(array, name)
    if result.dtype.kind not in "fiu":
        raise TypeError(f"{name}: expected numbers, got dtype {result.dtype}")
    fits = result.ndim == len(shape) and all(
        isinstance(want, str) or want == got for want, got in zip(shape, result.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name}: expected ({', '.join(map(str, shape))}), got {result.shape}")
    return result if result.dtype in (np.float32, np.float64) else result.astype(np.float64)
