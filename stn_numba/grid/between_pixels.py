"""Positions between output pixels: how far apart neighbors lie, and what lies a fraction of a pixel further along.

Positions that are known only at the output pixels are interpolated linearly between two of them. Beyond the outermost pixel,
or next to a position that is not finite, they are extrapolated from the other side.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid.validation import Floats, Shape

__all__ = ["MAX_FACTOR", "POSITIONS_AT_ONCE", "Offset", "lengths", "longest_steps", "shifted", "shifted_vjp"]

MAX_FACTOR = 16  # sub-samples along an axis: 256 samples of the image are a limit of time, not of the method
POSITIONS_AT_ONCE = 2**16  # computed together: few enough to stay in the cache, enough to spare small grids a loop

Offset = tuple[float, ...]  # (y, x), or (z, y, x), from an output pixel, in output pixels


def longest_steps(
    pixels_of: Callable[[slice], Floats], size: tuple[int, ...], in_shape: Shape, everywhere: bool
) -> NDArray[np.float64]:
    """Longest distance between neighbors along y and along x, (n, 2); along z, y and x of volumes, (n, 3).

    Parameters
    ----------
    pixels_of : callable
        ``pixels_of(rows)`` returns the positions (n, rows, w, 2) of some rows, or (n, planes, h, w, 3), in input pixels.
    size : tuple of int
        (n, h, w) or (n, d, h, w) of all positions.
    in_shape : tuple of int
        (H, W) of the image, (D, H, W) of the volume.
    everywhere : bool
        Whether positions far outside the image read some of it. Otherwise steps from or to such a position do not count;
        neither do those from or to a position that is not finite.
    """
    n, rows, *along_row = size
    reach = np.array(in_shape[::-1]) - 1 + MAX_FACTOR
    longest = np.zeros((n, len(in_shape)))
    together = max(1, POSITIONS_AT_ONCE // max(1, n * math.prod(along_row)))
    for first in range(0, rows, together):
        pixels = pixels_of(slice(first, min(first + together + 1, rows)))  # with the first row of the next part
        inside = np.isfinite(pixels) if everywhere else (pixels >= -MAX_FACTOR) & (pixels <= reach)
        counts = functools.reduce(np.logical_and, np.moveaxis(inside, -1, 0))
        for column in range(len(in_shape)):
            axis = column + 1
            ends = np.moveaxis(counts, axis, 0)
            both = np.moveaxis(ends[1:] & ends[:-1], 0, axis)
            steps = lengths(np.moveaxis(np.diff(pixels, axis=axis), -1, 0))
            steepest = np.max(steps, axis=tuple(range(1, steps.ndim)), initial=0.0, where=both)
            np.maximum(longest[:, column], steepest, out=longest[:, column])
    return longest


def lengths(components: Iterable[Floats]) -> NDArray[Any]:
    """Lengths of vectors, from their components."""
    result: NDArray[Any] = functools.reduce(np.hypot, components)
    return result


def shifted(points: Floats, offsets: Iterable[Offset], axis: int | None = None) -> Iterator[tuple[Offset, Floats]]:
    """Each offset, in order of x, and the positions interpolated there; by default along all axes, the last one first."""
    axis = points.ndim - 2 if axis is None else axis

    def distance(offset: Offset) -> float:
        return offset[axis - 1]

    for along, group in itertools.groupby(sorted(offsets, key=distance), key=distance):
        moved = _advance(points, along, axis)  # the same for all offsets along the other axes
        if axis == 1:
            yield from ((offset, moved) for offset in group)
        else:
            yield from shifted(moved, list(group), axis - 1)


def shifted_vjp(points: Floats, offset: Offset, d_shifted: Floats) -> Floats:
    """Gradient with respect to `points` for a gradient with respect to the positions that are `shifted` by an offset."""
    for axis, distance in enumerate(offset, 1):
        d_shifted = _advance_vjp(points, distance, axis, d_shifted)  # it only matters which are finite: a shift keeps that
    return d_shifted


def _advance(points: Floats, distance: float, axis: int) -> Floats:
    """Positions that lie `distance` (a fraction of a pixel) further along an axis of `points`."""
    if distance == 0 or points.shape[axis] < 2:
        return points
    result = points.copy()
    with np.errstate(all="ignore"):
        steps = np.moveaxis(np.diff(points, axis=axis), axis, 0)
        towards, away, usable, spare = _steps_used(steps, distance > 0)
        moved, steps = np.moveaxis(result, axis, 0), distance * steps
        moved[towards] += np.where(usable, steps, 0)
        lines = spare.any(axis=tuple(range(1, spare.ndim)))  # few: the last, and those around positions that are not finite
        moved[away][lines] += np.where(spare[lines], steps[lines], 0)
    return result


def _advance_vjp(points: Floats, distance: float, axis: int, d_advanced: Floats) -> Floats:
    """Gradient with respect to `points` for a gradient with respect to ``_advance(points, distance, axis)``."""
    if distance == 0 or points.shape[axis] < 2:
        return d_advanced
    d_points = d_advanced.copy()
    with np.errstate(all="ignore"):
        towards, away, usable, spare = _steps_used(np.moveaxis(np.diff(points, axis=axis), axis, 0), distance > 0)
        d_moved, result = np.moveaxis(d_advanced, axis, 0), np.moveaxis(d_points, axis, 0)
        d_steps = distance * (np.where(usable, d_moved[towards], 0) + np.where(spare, d_moved[away], 0))
        result[1:] += d_steps
        result[:-1] -= d_steps
    return d_points


def _steps_used(steps: Floats, forwards: bool) -> tuple[slice, slice, NDArray[Any], NDArray[Any]]:
    """Which pixels of the first axis use which of the steps between them.

    Returns ``(towards, away, usable, spare)``. Pixel k of ``[towards]`` uses step k, which leads to the neighbor it moves
    towards, where `usable`. Pixel k of ``[away]`` uses step k, which lies on its other side, where `spare`: it has no other.
    """
    usable = np.isfinite(steps)
    spare = usable.copy()
    if forwards:
        spare[:-1] &= ~usable[1:]
        return slice(None, -1), slice(1, None), usable, spare
    spare[1:] &= ~usable[:-1]
    return slice(1, None), slice(None, -1), usable, spare
