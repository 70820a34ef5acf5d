"""Convert between normalized positions and pixels. No other module knows the convention.

Positions are (x, y), normalized: with ``align_corners=True`` -1 is the center of the first pixel of an axis and +1 the center
of the last one; with ``align_corners=False`` they are the outer edges of those pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_bool
from stn_numba._util.arrays import as_array
from stn_numba.grid.validation import Shape, check_shape

__all__ = [
    "base_points",
    "displacement_axis",
    "input_axis",
    "output_axis",
    "pixel_points",
    "pixels_from_normalized",
    "to_normalized",
    "to_pixels",
    "window_points",
]

Points = NDArray[np.float64]


def output_axis(size: int, align_corners: bool) -> tuple[float, float]:
    """(step, start): output pixel j of an axis lies at normalized ``step * j + start``; a single aligned pixel lies at 0."""
    if align_corners:
        return (2.0 / (size - 1), -1.0) if size > 1 else (0.0, 0.0)
    return (2.0 / size, 1.0 / size - 1.0) if size else (0.0, 0.0)


def input_axis(size: int, align_corners: bool) -> tuple[float, float]:
    """(scale, offset): normalized position x lies at input pixel ``scale * x + offset``."""
    return (size - 1) / 2 if align_corners else size / 2, (size - 1) / 2


def pixels_from_normalized(shape: Shape, align_corners: bool) -> Points:
    """(3, 3): the matrix from normalized positions (x, y, 1) to pixels of an input of shape (H, W)."""
    (sx, tx), (sy, ty) = (input_axis(size, align_corners) for size in shape[::-1])
    return np.array([[sx, 0, tx], [0, sy, ty], [0, 0, 1]])


def displacement_axis(size: int, length: int, align_corners: bool) -> tuple[float, float]:
    """(step, start): output pixel j of an axis of `length` lies at pixel ``step * j + start`` of an input axis of `size`."""
    if align_corners:
        return ((size - 1) / (length - 1), 0.0) if length > 1 else (0.0, (size - 1) / 2)
    step = size / max(length, 1)
    return step, (step - 1) / 2


def base_points(shape: Shape, align_corners: bool = True) -> Points:
    """Normalized positions of all pixels of an image, row by row: the regular grid G of arXiv 1506.02025, section 3.2.

    Parameters
    ----------
    shape : (int, int)
        (h, w) of the image.
    align_corners : bool, default True
        Whether -1 and +1 are the centers (True) or the outer edges (False) of the first and last pixels.

    Returns
    -------
    ndarray, (h * w, 2), float64
        Last axis (x, y).

    Raises
    ------
    TypeError, ValueError
        If `shape` is not two whole numbers >= 0, or `align_corners` is not a bool.

    Examples
    --------
    >>> base_points((1, 3)).tolist()
    [[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]
    """
    shape = check_shape(shape)
    return window_points(shape, shape, (0.0, 0.0), as_bool(align_corners, "align_corners"))


def window_points(size: Shape, shape: Shape, origin: tuple[float, float], align_corners: bool) -> Points:
    """The rows of ``base_points(shape)`` for a window of `size`, whose first pixel is pixel `origin` (row, column)."""
    (step_x, start_x), (step_y, start_y) = output_axis(shape[1], align_corners), output_axis(shape[0], align_corners)
    columns, rows = np.arange(size[1]) + origin[1], np.arange(size[0]) + origin[0]
    x, y = np.meshgrid(step_x * columns + start_x, step_y * rows + start_y)
    return np.stack([x.ravel(), y.ravel()], axis=-1)


def pixel_points(shape: Shape, align_corners: bool, first: int, last: int) -> Points:
    """Rows [first, last) of `base_points`, with identical values."""
    (step_x, start_x), (step_y, start_y) = output_axis(shape[1], align_corners), output_axis(shape[0], align_corners)
    w = max(shape[1], 1)
    top = first // w
    rows, inside = np.arange(top, (last - 1) // w + 1), slice(first - top * w, last - top * w)
    x = np.tile(step_x * np.arange(w) + start_x, len(rows))[inside]
    y = np.repeat(step_y * rows + start_y, w)[inside]
    return np.stack([x, y]).T  # all x are contiguous, then all y: computing with one of them is faster


def to_pixels(points: ArrayLike, shape: Shape, align_corners: bool = True) -> Points:
    """Convert normalized positions to pixels, for instance those of key points, box corners or a grid.

    Parameters
    ----------
    points : array_like, (..., 2)
        Normalized positions, last axis (x, y).
    shape : (int, int)
        (H, W) of the image.
    align_corners : bool, default True
        Whether -1 and +1 are the centers (True) or the outer edges (False) of the first and last pixels.

    Returns
    -------
    ndarray, (..., 2), float64
        Last axis (x, y); 0 is the center of the first pixel.

    Raises
    ------
    TypeError
        If `points` are not real numbers, or `shape` is not two whole numbers.
    ValueError
        If the last axis of `points` does not have length 2.

    Examples
    --------
    >>> to_pixels([[-1.0, 1.0]], (28, 28)).tolist()
    [[0.0, 27.0]]
    """
    scale, offset = _input_axes(shape, align_corners)
    return _pairs(points, "points") * scale + offset


def to_normalized(pixels: ArrayLike, shape: Shape, align_corners: bool = True) -> Points:
    """Convert pixels to normalized positions, as transforms and grids expect them: the inverse of `to_pixels`.

    Parameters
    ----------
    pixels : array_like, (..., 2)
        Positions in pixels, last axis (x, y); 0 is the center of the first pixel.
    shape, align_corners
        As for `to_pixels`.

    Returns
    -------
    ndarray, (..., 2), float64
        Last axis (x, y). With ``align_corners=True`` all positions on an axis of one pixel are 0.

    Raises
    ------
    TypeError, ValueError
        As `to_pixels`.

    Examples
    --------
    >>> to_normalized([[0.0, 27.0]], (28, 28)).tolist()
    [[-1.0, 1.0]]
    """
    (scale_x, scale_y), offset = _input_axes(shape, align_corners)
    return (_pairs(pixels, "pixels") - offset) / (scale_x or np.inf, scale_y or np.inf)


def _input_axes(shape: Shape, align_corners: bool) -> tuple[tuple[float, float], tuple[float, float]]:
    """Scales (x, y) and offsets (x, y) of `input_axis`."""
    align_corners = as_bool(align_corners, "align_corners")
    (sx, tx), (sy, ty) = (input_axis(size, align_corners) for size in check_shape(shape)[::-1])
    return (sx, sy), (tx, ty)


def _pairs(array: ArrayLike, name: str) -> Points:
    """Positions (..., 2) in float64."""
    result = as_array(array, name)
    if result.dtype.kind not in "fiu":
        raise TypeError(f"{name}: expected numbers, got dtype {result.dtype}")
    if result.shape[-1:] != (2,):
        raise ValueError(f"{name}: expected (..., 2), got {result.shape}")
    return result.astype(np.float64, copy=False)
