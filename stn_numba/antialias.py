"""Sub-samples for minifying: how many each image needs, and the grids that read them.

An interpolation kernel reads the few pixels around a position, however far apart the positions of neighbouring output
pixels lie; what lies between them is skipped, and fine detail comes back as false, coarse detail. Here each output pixel is
read at q_y x q_x places spread evenly over its own cell, and the mean is taken: supersampling with a box (Heckbert,
"Fundamentals of Texture Mapping and Image Warping", UC Berkeley, 1989).

q_y and q_x belong to an image: the longest step between neighbouring output pixels along that axis, in input pixels, rounded
up, so that sub-samples are never farther apart than pixels; at most `MOST`. They are whole numbers, so gradients take
them as constant.

The sub-samples at one place of all cells make a grid of the kind they come from, moved by a part of an output pixel. A
`MatrixGrid` and the place of a displacement move exactly. Positions and basis functions are known at the output pixels only:
between two they are interpolated linearly, beyond the outermost, or next to one that is not finite, extrapolated from the
other side. An axis with a single output pixel has no neighbours to measure and is not widened; only for a `MatrixGrid` with
``align_corners=False`` its cell is known all the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import BasisGrid, DenseGrid, Floats, Grid, MatrixGrid, Shape, map_points, output_axis, pixel_matrix

__all__ = ["MOST", "Run", "average", "plan", "pull_back", "shifted", "shifted_scale"]

MOST = 16  # sub-samples an axis: 256 readings of the image are a limit of time, not of the method
_SLACK = 0.01  # a rotation, or float32 positions, exceed a step of one pixel by rounding; no eye sees this much
_POSITIONS_AT_ONCE = 2**18  # measured together: bounds the memory and spares small grids a loop

Array = NDArray[Any]
Offset = tuple[float, float]


class Run(NamedTuple):
    """Neighbouring grids of a batch that need equally many sub-samples.

    Attributes
    ----------
    grids
        Which of the batch.
    factors
        (q_y, q_x): sub-samples an output pixel along each axis of the output.
    """

    grids: slice
    factors: tuple[int, int]

    @property
    def offsets(self) -> list[Offset]:
        """(y, x) of each sub-sample from its output pixel, in output pixels.

        Examples
        --------
        >>> Run(slice(0, 1), (1, 2)).offsets
        [(0.0, -0.25), (0.0, 0.25)]
        """
        down, across = (((np.arange(q) + 0.5) / q - 0.5).tolist() for q in self.factors)
        return list(itertools.product(down, across))


def plan(grid: Grid, in_shape: Shape, scale: NDArray[np.float64], everywhere: bool) -> list[Run]:
    """Which grids of a batch need how many sub-samples; empty if one a pixel is enough for all.

    Parameters
    ----------
    grid
        N grids of (h, w) output pixels.
    in_shape
        (H, W) of the image.
    scale
        (2, 4) from the grid's numbers to input pixels, as `kernels.positions` describes it; unused for a `MatrixGrid`.
    everywhere
        Whether positions far outside the image show some of it, as with paddings that repeat it.

    Returns
    -------
    Runs that cover the batch in its order. No grid's factors depend on the others.

    Examples
    --------
    Half the height, a third of the width:

    >>> grid = MatrixGrid(np.eye(3)[None], (4, 5), align_corners=False)
    >>> plan(grid, (8, 15), np.zeros((2, 4)), False)[0].factors
    (2, 3)
    """
    factors = np.ones((len(grid), 2), np.int64)
    together = max(1, _POSITIONS_AT_ONCE // max(1, grid.shape[0] * grid.shape[1]))
    with np.errstate(all="ignore"):
        for first in range(0, len(grid), together):
            rows = slice(first, min(first + together, len(grid)))
            steps = _steps(grid, rows, in_shape, scale, everywhere)
            factors[rows] = np.fmin(np.fmax(np.ceil(steps - _SLACK), 1), MOST)
    return _runs(factors) if (factors > 1).any() else []


def _runs(factors: NDArray[np.int64]) -> list[Run]:
    changes = np.flatnonzero((factors[1:] != factors[:-1]).any(axis=1)) + 1
    bounds = itertools.pairwise([0, *changes.tolist(), len(factors)])
    return [Run(slice(start, stop), (int(factors[start, 0]), int(factors[start, 1]))) for start, stop in bounds]


def _steps(grid: Grid, rows: slice, in_shape: Shape, scale: NDArray[np.float64], everywhere: bool) -> Floats:
    """(n, 2): longest step along y and along x between neighbouring output pixels, in input pixels."""
    if not isinstance(grid, MatrixGrid):
        return _longest_steps(_pixels(_part(grid, rows).dense(), scale), in_shape, everywhere)
    matrix = pixel_matrix(grid.values[rows], in_shape, grid.shape, grid.align_corners)
    everywhere_the_same: Floats = np.hypot(matrix[:, 0, 1::-1], matrix[:, 1, 1::-1])
    is_affine = (matrix[:, 2] == (0, 0, 1)).all(axis=1)
    if is_affine.all():
        return everywhere_the_same
    h, w = grid.shape
    x, y = np.meshgrid(np.arange(w + 1) - 0.5, np.arange(h + 1) - 0.5)  # the corners of the cells
    corners = map_points(matrix, np.stack([x.ravel(), y.ravel()], axis=-1)).reshape(-1, h + 1, w + 1, 2)
    return np.where(is_affine[:, None], everywhere_the_same, _longest_steps(corners, in_shape, everywhere))


def _pixels(points: Floats, scale: NDArray[np.float64]) -> Floats:
    """The grid's numbers (n, h, w, 2) as input pixels."""
    h, w = points.shape[1:3]
    along = np.arange(w)[:, None] * scale[:, 2] + np.arange(h)[:, None, None] * scale[:, 3]
    result: Floats = points * scale[:, 0] + scale[:, 1] + along
    return result


def _longest_steps(pixels: Floats, in_shape: Shape, everywhere: bool) -> Floats:
    """(n, 2) for positions (n, h, w, 2).

    Left out are steps with an end that is not finite, or so far outside the image that nothing of it shows.
    """
    reach = np.array([in_shape[1], in_shape[0]]) - 1 + MOST
    inside = np.isfinite(pixels) if everywhere else (pixels >= -MOST) & (pixels <= reach)
    counts = inside[..., 0] & inside[..., 1]
    longest = []
    for axis in (1, 2):
        step = np.diff(pixels, axis=axis)
        ends = np.moveaxis(counts, axis, 0)
        both = np.moveaxis(ends[1:] & ends[:-1], 0, axis)
        longest.append(np.max(np.hypot(step[..., 0], step[..., 1]), axis=(1, 2), initial=0.0, where=both))
    return np.stack(longest, axis=1)


def average(read: Callable[[Offset, Array], object], offsets: Sequence[Offset], out: Array, working: np.dtype[Any]) -> None:
    """Write to `out` the mean of what ``read(offset, into)`` writes for each sub-sample.

    One array of the output's size is needed besides, or two for integers, which are summed as `working` floats, and
    rounded half to even and limited to their range only once, at the end.
    """
    if len(offsets) == 1:
        read(offsets[0], out)
        return
    total = out if out.dtype.kind == "f" else np.empty_like(out, working)
    sub_sample = np.empty_like(total)
    read(offsets[0], total)
    with np.errstate(all="ignore"):  # an image may hold infinity and NaN
        for offset in offsets[1:]:
            read(offset, sub_sample)
            np.add(total, sub_sample, out=total)
        np.divide(total, len(offsets), out=total)
        if total is not out:
            limits = np.iinfo(out.dtype)
            np.rint(total, out=total)
            out[...] = np.fmin(np.fmax(total, limits.min), limits.max)


def shifted(grid: Grid, rows: slice, offset: Offset) -> Grid:
    """Those grids of a batch, read `offset` (y, x) output pixels further on."""
    if offset == (0.0, 0.0):
        return _part(grid, rows)
    if isinstance(grid, MatrixGrid):
        right, down = _normalised(grid, offset)
        matrix = grid.values[rows].astype(np.float64)
        with np.errstate(all="ignore"):
            matrix[..., 2] += right * matrix[..., 0] + down * matrix[..., 1]
        return MatrixGrid(matrix, grid.shape, align_corners=grid.align_corners)
    if isinstance(grid, BasisGrid):
        count = len(grid.functions)
        functions = _shift(grid.functions.reshape(count, *grid.shape), offset).reshape(count, grid.functions.shape[1])
        return BasisGrid(functions.T, grid.values[rows], grid.shape, align_corners=grid.align_corners)
    return DenseGrid(_shift(grid.dense()[rows], offset), align_corners=grid.align_corners)


def pull_back(grid: Grid, rows: slice, offset: Offset, d_shifted: Floats) -> Floats:
    """Turn a gradient by the numbers of ``shifted(grid, rows, offset)`` into one by those of the grid itself."""
    if offset == (0.0, 0.0) or isinstance(grid, BasisGrid):  # a moved basis has the same coefficients
        return d_shifted
    if isinstance(grid, MatrixGrid):
        right, down = _normalised(grid, offset)
        d_matrix = d_shifted.copy()
        d_matrix[..., 0] += right * d_shifted[..., 2]
        d_matrix[..., 1] += down * d_shifted[..., 2]
        return d_matrix
    return _shift_vjp(grid.dense()[rows], offset, d_shifted)


def shifted_scale(scale: NDArray[np.float64], offset: Offset) -> NDArray[np.float64]:
    """The (2, 4) of `kernels.positions` for sub-samples: the place a displacement starts from moves on too."""
    result = scale.copy()
    result[:, 1] += scale[:, 2] * offset[1] + scale[:, 3] * offset[0]
    return result


def _part(grid: Grid, rows: slice) -> Grid:
    """Some grids of a batch, unchanged."""
    if isinstance(grid, MatrixGrid):
        return MatrixGrid(grid.values[rows], grid.shape, align_corners=grid.align_corners)
    if isinstance(grid, BasisGrid):
        return BasisGrid(grid.functions.T, grid.values[rows], grid.shape, align_corners=grid.align_corners)
    return DenseGrid(grid.dense()[rows], align_corners=grid.align_corners)


def _normalised(grid: Grid, offset: Offset) -> tuple[float, float]:
    """An offset in output pixels as (right, down) in normalised output coordinates."""
    down, right = (output_axis(size, grid.align_corners)[0] * part for size, part in zip(grid.shape, offset, strict=True))
    return right, down


def _shift(values: Floats, offset: Offset) -> Floats:
    """What is known at the output pixels, (..., h, w, ...) with these as axes 1 and 2, an offset further on."""
    with np.errstate(all="ignore"):
        return _advance(_advance(values, offset[1], 2), offset[0], 1)


def _shift_vjp(values: Floats, offset: Offset, d_shifted: Floats) -> Floats:
    with np.errstate(all="ignore"):
        halfway = _advance(values, offset[1], 2)
        return _advance_vjp(values, offset[1], 2, _advance_vjp(halfway, offset[0], 1, d_shifted))


def _advance(values: Floats, distance: float, axis: int) -> Floats:
    """Values a part of a pixel further along an axis: the line to that neighbour, or from the other if that is not finite."""
    if distance == 0:
        return values
    first, second = _two_slopes(values, distance, axis)
    slopes = np.where(np.isfinite(first), first, np.where(np.isfinite(second), second, 0))
    result: Floats = values + distance * slopes
    return result


def _advance_vjp(values: Floats, distance: float, axis: int, d_advanced: Floats) -> Floats:
    if distance == 0:
        return d_advanced
    first, second = (np.isfinite(slopes) for slopes in _two_slopes(values, distance, axis))
    d_first = np.where(first, distance * d_advanced, 0)
    d_second = np.where(second & ~first, distance * d_advanced, 0)
    d_ahead, d_behind = (d_first, d_second) if distance > 0 else (d_second, d_first)
    ahead, behind, d_values = (np.moveaxis(array, axis, 0) for array in (d_ahead, d_behind, d_advanced.copy()))
    d_steps = ahead[:-1] + behind[1:]
    d_values[1:] += d_steps
    d_values[:-1] -= d_steps
    return np.moveaxis(d_values, 0, axis)


def _two_slopes(values: Floats, distance: float, axis: int) -> tuple[Floats, Floats]:
    """Differences to the neighbour on the side of `distance`, and to the other; NaN where there is none."""
    beyond = np.full_like(values.take([0], axis=axis) if values.shape[axis] else values, np.nan)
    steps = np.concatenate([beyond, np.diff(values, axis=axis), beyond], axis=axis)
    ahead, behind = (np.moveaxis(np.moveaxis(steps, axis, 0)[part], 0, axis) for part in (slice(1, None), slice(-1)))
    return (ahead, behind) if distance > 0 else (behind, ahead)
