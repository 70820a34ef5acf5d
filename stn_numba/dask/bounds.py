"""Between which input positions a part of the output reads, known before anything is computed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stn_numba.dask.positions import OutputPositions, Window
from stn_numba.dask.reading import Axis
from stn_numba.grid import BasisGrid, MatrixGrid
from stn_numba.grid.coordinates import input_axis, output_axis
from stn_numba.kernels.constants import REFLECT, ZEROS
from stn_numba.transform.linear import LinearTransform

__all__ = ["bounds_of_matrix", "bounds_of_window"]

Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]  # lowest and highest position along each axis, x first
Vectors = NDArray[np.float64]  # homogeneous positions (M, 3)

_TINY = 1e-9  # relative to the largest denominator: nearer to the horizon, quotients are not trusted
_CELLS = {2: 16, 3: 6}  # along an axis of a window: positions of a basis are computed at their corners


def bounds_of_window(positions: OutputPositions, window: Window, rows: slice, axes: Sequence[Axis]) -> Bounds | None:
    """Bounds for some rows of theta, or None if no pixel of the window reads the image. `axes` are those of the input, x first.

    Of a homography they follow from the window's corners; of basis functions from the corners of cells, if the transform tells
    how far it bends in between; of others from all positions, which are computed.
    """
    grid = positions.grid()
    found: list[Bounds | None]
    if isinstance(grid, MatrixGrid):
        matrices = grid[rows].pixel_matrix(positions.in_shape)
        found = [bounds_of_matrix(matrix, window, axes) for matrix in matrices]
    else:
        bent = _bounds_of_basis(positions, window, rows) if isinstance(grid, BasisGrid) else None
        found = [bent or _bounds_of_positions(positions, window, rows, axes)]
    known = [each for each in found if each is not None]
    if not known:
        return None
    low, high = np.array([low for low, _ in known]), np.array([high for _, high in known])
    return low.min(axis=0), high.max(axis=0)


def bounds_of_matrix(matrix: NDArray[np.float64], window: Window, axes: Sequence[Axis]) -> Bounds | None:
    """Bounds of a homography between pixels.

    Where denominators are positive, the image of a convex polygon is the hull of the images of its corners. So the window is
    first cut at the horizon, and where zeros follow the image, to the part that reads the image. At the horizon positions are
    infinite.
    """
    if not np.isfinite(matrix).all():
        return np.full(len(axes), -np.inf), np.full(len(axes), np.inf)
    corners = _corners(window) @ matrix.T
    tiny = _TINY * float(np.abs(corners[:, -1]).max())
    if len(axes) == 2:
        corners = _cut(corners, np.array([0.0, 0.0, 1.0]), -tiny)
        for k, axis in enumerate(axes):
            if axis.mode == ZEROS:
                low, high = np.zeros(3), np.zeros(3)
                low[k], low[2], high[k], high[2] = 1.0, axis.reach + 1.0, -1.0, axis.size + axis.reach
                corners = _cut(_cut(corners, low), high)
    elif not (corners[:, -1] > tiny).all() and (corners[:, -1] > -tiny).any():
        return np.full(len(axes), -np.inf), np.full(len(axes), np.inf)
    else:
        corners = corners[corners[:, -1] > -tiny]
    if not len(corners):
        return None
    with np.errstate(all="ignore"):
        mapped = corners[:, :-1] / corners[:, -1:]
    at_horizon, sign = corners[:, -1:] <= tiny, _signs(corners[:, :-1])
    low = np.where(at_horizon, np.where(sign > 0, np.inf, -np.inf), mapped)
    high = np.where(at_horizon, np.where(sign < 0, -np.inf, np.inf), mapped)
    return low.min(axis=0), high.max(axis=0)


def _signs(numerators: Vectors) -> Vectors:
    """Signs of numerators; 0 where rounding might have decided."""
    return np.where(np.abs(numerators) > 1e-6 * np.abs(numerators).max(axis=0), np.sign(numerators), 0.0)


def _corners(window: Window) -> Vectors:
    """Corners (x, y, 1) of a window, in turn; those of a volume (x, y, z, 1)."""
    ends = [(float(part.start), float(part.stop - 1)) for part in window[::-1]]
    points = [*itertools.product(*ends)]
    if len(ends) == 2:
        points = [points[k] for k in (0, 1, 3, 2)]
    return np.array([(*point, 1.0) for point in points])


def _cut(polygon: Vectors, plane: NDArray[np.float64], least: float = 0.0) -> Vectors:
    """The part of a polygon where ``plane . corner >= least`` (Sutherland and Hodgman, 1974)."""
    kept: list[NDArray[np.float64]] = []
    heights = polygon @ plane - least if len(polygon) else np.empty(0)
    for k in range(len(polygon)):
        here, there = heights[k], heights[k - 1]
        if (here >= 0) != (there >= 0):
            kept.append(polygon[k - 1] + there / (there - here) * (polygon[k] - polygon[k - 1]))
        if here >= 0:
            kept.append(polygon[k])
    return np.array(kept) if kept else polygon[:0]


def _bounds_of_basis(positions: OutputPositions, window: Window, rows: slice) -> Bounds | None:
    """Bounds from the corners of cells of a window, and how far positions bend between them; None if that is not known."""
    transform, theta = positions.inner(rows)
    if not isinstance(transform, LinearTransform) or not np.isfinite(theta).all():
        return None
    axes = [output_axis(size, positions.align_corners) for size in positions.shape[::-1]]
    ends = [
        (step * part.start + start, step * (part.stop - 1) + start)
        for (step, start), part in zip(axes, window[::-1], strict=True)
    ]
    cells = _CELLS[len(axes)]
    error = transform.interpolation_error(theta, np.array([(high - low) / cells for low, high in ends]))
    if error is None:
        return None
    corners = np.stack(np.meshgrid(*(np.linspace(*each, cells + 1) for each in ends)), axis=-1).reshape(-1, len(axes))
    mapped = np.asarray(transform.apply(theta.astype(np.float64), corners))
    scale, offset = np.array([input_axis(size, positions.align_corners) for size in positions.in_shape[::-1]]).T
    low, high = (mapped.min(axis=1) - error).min(axis=0), (mapped.max(axis=1) + error).max(axis=0)
    return low * scale + offset, high * scale + offset


def _bounds_of_positions(positions: OutputPositions, window: Window, rows: slice, axes: Sequence[Axis]) -> Bounds | None:
    """Bounds from all positions that may read the image."""
    lows, highs = np.full(len(axes), np.inf), np.full(len(axes), -np.inf)
    for band in positions.bands(window):
        found = positions.in_window(band, rows)
        counts = np.ones(found.shape[:1] + found.shape[2:], bool)
        for k, axis in enumerate(axes):
            if axis.mode == ZEROS:
                counts &= axis.counts(found[:, k])
            elif axis.mode >= REFLECT:
                counts &= np.abs(found[:, k]) < 2.0**31
        for k in range(len(axes)):
            lows[k] = min(lows[k], np.fmin.reduce(found[:, k][counts], initial=np.inf))
            highs[k] = max(highs[k], np.fmax.reduce(found[:, k][counts], initial=-np.inf))
    return (lows, highs) if (lows <= highs).all() else None
