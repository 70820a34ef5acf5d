"""Convert between normalized positions and pixels. No other module knows the convention.

Positions are (x, y), in volumes (x, y, z), normalized: with ``align_corners=True`` -1 is the center of the first pixel of an
axis and +1 the center of the last one; with ``align_corners=False`` they are the outer edges of those pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_bool
from stn_numba._util.arrays import as_array
from stn_numba.grid.validation import Shape, check_shape

__all__ = [
    "axes_matrix",
    "axes_of",
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
    """(3, 3): the matrix from normalized positions (x, y, 1) to pixels of an input of shape (H, W); (4, 4) for (D, H, W)."""
    return axes_matrix([input_axis(size, align_corners) for size in shape[::-1]])


def axes_matrix(axes: list[tuple[float, float]]) -> Points:
    """The matrix that maps each axis by its (scale, offset)."""
    result = np.diag([scale for scale, _ in axes] + [1.0])
    result[:-1, -1] = [offset for _, offset in axes]
    return result


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
    shape : (int, int) or (int, int, int)
        (h, w) of the image, or (d, h, w) of a volume.
    align_corners : bool, default True
        Whether -1 and +1 are the centers (True) or the outer edges (False) of the first and last pixels.

    Returns
    -------
    ndarray, (h * w, 2) or (d * h * w, 3), float64
        Last axis (x, y) or (x, y, z).

    Raises
    ------
    TypeError, ValueError
        If `shape` is not two or three whole numbers >= 0, or `align_corners` is not a bool.

    Examples
    --------
    >>> base_points((1, 3)).tolist()
    [[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]]
    """
    shape = check_shape(shape, ndim=axes_of(shape))
    return window_points(shape, shape, (0.0,) * len(shape), as_bool(align_corners, "align_corners"))


def axes_of(shape: Any) -> int:
    """3 for a shape of three sizes, else 2."""
    return 3 if isinstance(shape, tuple | list) and len(shape) == 3 else 2


def window_points(size: Shape, shape: Shape, origin: tuple[float, ...], align_corners: bool) -> Points:
    """The rows of ``base_points(shape)`` for a window of `size`, whose first pixel is pixel `origin` (row, column)."""
    axes = []
    for length, whole, start in zip(size, shape, origin, strict=True):
        step, first = output_axis(whole, align_corners)
        axes.append(step * (np.arange(length) + start) + first)
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")[::-1]], axis=-1)


def pixel_points(shape: Shape, align_corners: bool, first: int, last: int) -> Points:
    """Rows [first, last) of `base_points`, with identical values."""
    if len(shape) == 3:
        return _voxel_points(shape, align_corners, first, last)
    (step_x, start_x), (step_y, start_y) = output_axis(shape[1], align_corners), output_axis(shape[0], align_corners)
    w = max(shape[1], 1)
    top = first // w
    rows, inside = np.arange(top, (last - 1) // w + 1), slice(first - top * w, last - top * w)
    x = np.tile(step_x * np.arange(w) + start_x, len(rows))[inside]
    y = np.repeat(step_y * rows + start_y, w)[inside]
    return np.stack([x, y]).T  # all x are contiguous, then all y: computing with one of them is faster


def _voxel_points(shape: Shape, align_corners: bool, first: int, last: int) -> Points:
    """As `pixel_points`, for volumes."""
    indices = np.unravel_index(np.arange(first, last), shape)
    axes = (output_axis(size, align_corners) for size in shape)
    return np.stack([step * index + start for (step, start), index in zip(axes, indices, strict=True)][::-1]).T


def to_pixels(points: ArrayLike, shape: Shape, align_corners: bool = True) -> Points:
    """Convert normalized positions to pixels, for instance those of key points, box corners or a grid.

    Parameters
    ----------
    points : array_like, (..., 2) or (..., 3)
        Normalized positions, last axis (x, y), or (x, y, z) in a volume.
    shape : (int, int) or (int, int, int)
        (H, W) of the image, or (D, H, W) of the volume.
    align_corners : bool, default True
        Whether -1 and +1 are the centers (True) or the outer edges (False) of the first and last pixels.

    Returns
    -------
    ndarray, (..., 2) or (..., 3), float64
        Last axis (x, y) or (x, y, z); 0 is the center of the first pixel.

    Raises
    ------
    TypeError
        If `points` are not real numbers, or `shape` is not two or three whole numbers.
    ValueError
        If the last axis of `points` does not have the length of `shape`.

    Examples
    --------
    >>> to_pixels([[-1.0, 1.0]], (28, 28)).tolist()
    [[0.0, 27.0]]
    """
    scale, offset = _input_axes(shape, align_corners)
    return _positions(points, "points", len(scale)) * scale + offset


def to_normalized(pixels: ArrayLike, shape: Shape, align_corners: bool = True) -> Points:
    """Convert pixels to normalized positions, as transforms and grids expect them: the inverse of `to_pixels`.

    Parameters
    ----------
    pixels : array_like, (..., 2) or (..., 3)
        Positions in pixels, last axis (x, y) or (x, y, z); 0 is the center of the first pixel.
    shape, align_corners
        As for `to_pixels`.

    Returns
    -------
    ndarray, (..., 2) or (..., 3), float64
        Last axis (x, y) or (x, y, z). With ``align_corners=True`` all positions on an axis of one pixel are 0.

    Raises
    ------
    TypeError, ValueError
        As `to_pixels`.

    Examples
    --------
    >>> to_normalized([[0.0, 27.0]], (28, 28)).tolist()
    [[-1.0, 1.0]]
    """
    scale, offset = _input_axes(shape, align_corners)
    return (_positions(pixels, "pixels", len(scale)) - offset) / [factor or np.inf for factor in scale]


def _input_axes(shape: Shape, align_corners: bool) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Scales (x, y) and offsets (x, y) of `input_axis`."""
    align_corners = as_bool(align_corners, "align_corners")
    axes = [input_axis(size, align_corners) for size in check_shape(shape, ndim=axes_of(shape))[::-1]]
    return tuple(scale for scale, _ in axes), tuple(offset for _, offset in axes)


def _positions(array: ArrayLike, name: str, axes: int) -> Points:
    """Positions (..., axes) in float64."""
    result = as_array(array, name)
    if result.dtype.kind not in "fiu":
        raise TypeError(f"{name}: expected numbers, got dtype {result.dtype}")
    if result.shape[-1:] != (axes,):
        raise ValueError(f"{name}: expected (..., {axes}), got {result.shape}")
    return result.astype(np.float64, copy=False)
