"""Validate the control points of a spline."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Shape, as_floats, base_points
from stn_transforms.axes import as_ndim

__all__ = ["as_control_points", "as_given", "is_regular"]

_MIN_DISTANCE = 1e-9  # points that are closer, relative to their extent, coincide


def as_given(given: Any) -> NDArray[Any]:
    """Return control points as an array that is not validated."""
    try:
        array: NDArray[Any] = np.asanyarray(given)  # `as_floats` rejects masked values
    except Exception as error:  # lists of unequal lengths; other objects may raise anything
        raise TypeError(f"control_points: expected (rows, columns) or points (K, 2): {error}") from error
    return array


def is_regular(given: Any) -> bool:
    """Whether control points are given as (rows, columns), or (planes, rows, columns)."""
    array = as_given(given)
    return array.shape in ((2,), (3,)) and array.dtype.kind in "iu"


def as_control_points(given: Any, ndim: int | None) -> tuple[Shape | None, NDArray[np.float64]]:
    """Return the sizes of a regular grid or None, and the control points (K, ndim), which must define a spline.

    Parameters
    ----------
    given : tuple of int, array_like (K, ndim), or None
        None for 4 points along each axis.
    ndim : int or None
        None for the axes of `given`, or 2.
    """
    axes = None if ndim is None else as_ndim(ndim)
    array = as_given((4,) * (axes or 2) if given is None else given)
    if is_regular(array) and axes in (None, array.size):
        sizes = tuple(int(size) for size in array)
        if min(sizes) < 2:
            least = "2 rows and 2 columns" if len(sizes) == 2 else "2 planes, 2 rows and 2 columns"
            raise ValueError(f"control_points: expected at least {least}, got {sizes}")
        return sizes, base_points(sizes)
    axes = axes or (3 if array.ndim == 2 and array.shape[1] == 3 else 2)
    points = as_floats(array, "control_points", ("K", axes)).astype(np.float64)
    if len(points) <= axes:
        raise ValueError(f"control_points: expected at least {axes + 1} points, got {len(points)}")
    if not np.isfinite(points).all():
        raise ValueError("control_points: expected finite positions, got NaN or infinity")
    _check_spread(points)
    return None, points


def _check_spread(points: NDArray[np.float64]) -> None:
    """Reject points of which two coincide, or which all lie on one line, or in one plane."""
    centered = points - points.mean(axis=0)
    extent = np.abs(centered).max()
    distances = np.abs(points[:, None] - points).max(axis=-1)
    np.fill_diagonal(distances, np.inf)
    if distances.min() <= _MIN_DISTANCE * extent:
        first, second = np.unravel_index(distances.argmin(), distances.shape)
        raise ValueError(f"control_points: points {min(first, second)} and {max(first, second)} coincide")
    if np.linalg.svd(centered / extent, compute_uv=False)[-1] <= _MIN_DISTANCE:
        where = "on one line" if points.shape[1] == 2 else "in one plane"
        raise ValueError(f"control_points: all points lie {where}; at least one must lie off it")
