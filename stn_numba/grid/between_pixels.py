"""Positions between output pixels: how far apart neighbors lie, and what lies a fraction of a pixel further along.

Positions that are known only at the output pixels are interpolated linearly between two of them. Beyond the outermost pixel,
or next to a position that is not finite, they are extrapolated from the other side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid.validation import Floats, Shape

__all__ = ["MAX_FACTOR", "POSITIONS_AT_ONCE", "Offset", "advance", "advance_vjp", "longest_steps"]

MAX_FACTOR = 16  # sub-samples along an axis: 256 samples of the image are a limit of time, not of the method
POSITIONS_AT_ONCE = 2**16  # computed together: few enough to stay in the cache, enough to spare small grids a loop

Offset = tuple[float, float]  # (y, x) from an output pixel, in output pixels


def longest_steps(
    pixels_of: Callable[[slice], Floats], size: tuple[int, ...], in_shape: Shape, everywhere: bool
) -> NDArray[np.float64]:
    """Longest distance between neighbors along y and along x, (n, 2).

    Parameters
    ----------
    pixels_of : callable
        ``pixels_of(rows)`` returns the positions (n, rows, w, 2) of some rows, in input pixels.
    size : (int, int, int)
        (n, h, w) of all positions.
    in_shape : (int, int)
        (H, W) of the image.
    everywhere : bool
        Whether positions far outside the image read some of it. Otherwise steps from or to such a position do not count;
        neither do those from or to a position that is not finite.
    """
    n, h, w = size
    reach = np.array([in_shape[1], in_shape[0]]) - 1 + MAX_FACTOR
    longest = np.zeros((n, 2))
    together = max(1, POSITIONS_AT_ONCE // max(1, n * w))
    for first in range(0, h, together):
        pixels = pixels_of(slice(first, min(first + together + 1, h)))  # with the first row of the next part
        inside = np.isfinite(pixels) if everywhere else (pixels >= -MAX_FACTOR) & (pixels <= reach)
        counts = inside[..., 0] & inside[..., 1]
        for column, axis in enumerate((1, 2)):
            step = np.diff(pixels, axis=axis)
            ends = np.moveaxis(counts, axis, 0)
            both = np.moveaxis(ends[1:] & ends[:-1], 0, axis)
            steepest = np.max(np.hypot(step[..., 0], step[..., 1]), axis=(1, 2), initial=0.0, where=both)
            np.maximum(longest[:, column], steepest, out=longest[:, column])
    return longest


def advance(points: Floats, distance: float, axis: int) -> Floats:
    """Positions that lie `distance` (a fraction of a pixel) further along an axis of `points`."""
    if distance == 0 or points.shape[axis] < 2:
        return points
    result = points.copy()
    with np.errstate(all="ignore"):
        steps = np.moveaxis(np.diff(points, axis=axis), axis, 0)
        towards, away, usable, spare = _steps_used(steps, distance > 0)
        moved, steps = np.moveaxis(result, axis, 0), distance * steps
        moved[towards] += np.where(usable, steps, 0)
        lines = spare.any(axis=(1, 2, 3))  # few: the last line, and those around a position that is not finite
        moved[away][lines] += np.where(spare[lines], steps[lines], 0)
    return result


def advance_vjp(points: Floats, distance: float, axis: int, d_advanced: Floats) -> Floats:
    """Gradient with respect to `points` for a gradient with respect to ``advance(points, distance, axis)``."""
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
