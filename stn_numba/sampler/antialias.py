"""Sub-samples for minifying: how many each image needs, and the grids that read them.

An interpolation kernel reads the few pixels around a position, however far apart the positions of neighboring output
pixels lie; what lies between them is skipped, and fine detail comes back as false, coarse detail. Here each output pixel is
read at q_y x q_x places spread evenly over its own cell, and the mean is taken: supersampling with a box (Heckbert,
"Fundamentals of Texture Mapping and Image Warping", UC Berkeley, 1989).

q_y and q_x belong to an image: the longest step between neighboring output pixels along that axis, in input pixels, rounded
up, so that sub-samples are never farther apart than pixels; at most `MOST`. They are whole numbers, so gradients take
them as constant.

The sub-samples at one place of all cells make a grid of their own, moved by a part of an output pixel. A `MatrixGrid` stays
one and moves exactly, as does the place a displacement starts from. Positions of the other kinds are known at the
output pixels only: between two they are interpolated linearly; beyond the outermost, or next to one that is not finite,
extrapolated from the other side. A `BasisGrid` is built for that, for a few images at a time: to move its basis functions
instead takes ten times as long. An axis with a single output pixel has no neighbors to measure and is not widened; only for
a `MatrixGrid` with ``align_corners=False`` its cell is known all the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import BasisGrid, DenseGrid, Floats, Grid, MatrixGrid, Shape, map_points

__all__ = ["MOST", "Run", "average", "grids", "most_frequent", "plan", "pull_back", "shifted_scale"]

MOST = 16  # sub-samples an axis: 256 readings of the image are a limit of time, not of the method
_SLACK = 0.01  # a rotation, or float32 positions, exceed a step of one pixel by rounding; no eye sees this much
_POSITIONS_AT_ONCE = 2**16  # built together: bounds the memory, stays in the cache, and spares small grids a loop

Array = NDArray[Any]
Offset = tuple[float, float]


class Run(NamedTuple):
    """Neighboring grids of a batch that need equally many sub-samples.

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
    def readings(self) -> int:
        """Sub-samples an output pixel."""
        return self.factors[0] * self.factors[1]

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
        (2, 4) from the grid's numbers to input pixels, as `kernels.sampling.positions` describes it; unused for a `MatrixGrid`.
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
    return _runs(factors, len(grid) if isinstance(grid, MatrixGrid) else together) if (factors > 1).any() else []


def _runs(factors: NDArray[np.int64], longest: int) -> list[Run]:
    changes = np.flatnonzero((factors[1:] != factors[:-1]).any(axis=1)) + 1
    bounds = itertools.pairwise(sorted({*changes.tolist(), *range(0, len(factors), longest), len(factors)}))
    return [Run(slice(start, stop), (int(factors[start, 0]), int(factors[start, 1]))) for start, stop in bounds]


def _steps(grid: Grid, rows: slice, in_shape: Shape, scale: NDArray[np.float64], everywhere: bool) -> Floats:
    """(n, 2): longest step along y and along x between neighboring output pixels, in input pixels."""
    if not isinstance(grid, MatrixGrid):
        points = _points(grid, rows)
        return _longest_steps(lambda lines: _pixels(points, lines, scale), points.shape[:3], in_shape, everywhere)
    matrix = grid[rows].pixel_matrix(in_shape)
    everywhere_the_same: Floats = np.hypot(matrix[:, 0, 1::-1], matrix[:, 1, 1::-1])
    is_affine = (matrix[:, 2] == (0, 0, 1)).all(axis=1)
    if is_affine.all():
        return everywhere_the_same
    corners = len(matrix), grid.shape[0] + 1, grid.shape[1] + 1
    longest = _longest_steps(lambda lines: _corners(matrix, lines, grid.shape[1]), corners, in_shape, everywhere)
    return np.where(is_affine[:, None], everywhere_the_same, longest)


def _pixels(points: Floats, lines: slice, scale: NDArray[np.float64]) -> Floats:
    """Some lines of the grid's numbers (n, h, w, 2) as input pixels."""
    h, w = points.shape[1:3]
    along = np.arange(w)[:, None] * scale[:, 2] + np.arange(h)[lines, None, None] * scale[:, 3]
    result: Floats = points[:, lines] * scale[:, 0] + scale[:, 1] + along
    return result


def _corners(matrix: Floats, lines: slice, w: int) -> Floats:
    """Where some lines of the corners of w cells an output row lie, in input pixels."""
    x, y = np.meshgrid(np.arange(w + 1) - 0.5, np.arange(lines.start, lines.stop) - 0.5)
    points = np.stack([x.ravel(), y.ravel()], axis=-1)
    return map_points(matrix, points).reshape(len(matrix), *x.shape, 2)


def _longest_steps(
    pixels_of: Callable[[slice], Floats], size: tuple[int, ...], in_shape: Shape, everywhere: bool
) -> NDArray[np.float64]:
    """(n, 2) for positions of a size (n, h, w), of which `pixels_of` gives some lines at a time.

    Left out are steps with an end that is not finite, or so far outside the image that nothing of it shows.
    """
    n, h, w = size
    reach = np.array([in_shape[1], in_shape[0]]) - 1 + MOST
    longest = np.zeros((n, 2))
    together = max(1, _POSITIONS_AT_ONCE // max(1, n * w))
    for first in range(0, h, together):
        pixels = pixels_of(slice(first, min(first + together + 1, h)))  # with the first line of the next
        inside = np.isfinite(pixels) if everywhere else (pixels >= -MOST) & (pixels <= reach)
        counts = inside[..., 0] & inside[..., 1]
        for column, axis in enumerate((1, 2)):
            step = np.diff(pixels, axis=axis)
            ends = np.moveaxis(counts, axis, 0)
            both = np.moveaxis(ends[1:] & ends[:-1], 0, axis)
            steepest = np.max(np.hypot(step[..., 0], step[..., 1]), axis=(1, 2), initial=0.0, where=both)
            np.maximum(longest[:, column], steepest, out=longest[:, column])
    return longest


def average(readings: Iterator[Callable[[Array], object]], count: int, out: Array, working: np.dtype[Any]) -> None:
    """Write to `out` the mean of what `count` readings write to the array they are given.

    One array of the output's size is needed besides, or two for integers, which are summed as `working` floats, and
    rounded half to even and limited to their range only once, at the end.
    """
    if count == 1:
        next(readings)(out)
        return
    total = out if out.dtype.kind == "f" else np.empty_like(out, working)
    sub_sample = np.empty_like(total)
    next(readings)(total)
    with np.errstate(all="ignore"):  # an image may hold infinity and NaN
        for read in readings:
            read(sub_sample)
            np.add(total, sub_sample, out=total)
        np.divide(total, count, out=total)
        if total is not out:
            limits = np.iinfo(out.dtype)
            np.rint(total, out=total)
            out[...] = np.fmin(np.fmax(total, limits.min), limits.max)


def most_frequent(readings: Iterator[Callable[[Array], object]], count: int, out: Array) -> None:
    """Write to `out` what most of `count` readings write to the array they are given; of several values the smallest.

    A mean of labels is another label, or none. All readings are held at once: `count` arrays of the output's size.
    """
    if count == 1:
        next(readings)(out)
        return
    values = np.empty((count, *out.shape), out.dtype)
    for read, place in zip(readings, values, strict=True):
        read(place)
    values.sort(axis=0)
    out[...] = values[0]
    length = longest = np.ones(out.shape, np.uint16)
    for before, value in itertools.pairwise(values):
        length = np.where(value == before, length + 1, 1).astype(np.uint16)
        np.copyto(out, value, where=length > longest)
        longest = np.maximum(length, longest)


def grids(grid: Grid, run: Run, in_shape: Shape) -> Iterator[tuple[Offset, Grid]]:
    """Each offset of a run with its grids moved by it; they read one sub-sample of every output pixel."""
    if run.readings == 1:
        yield (0.0, 0.0), grid[run.grids]
    elif isinstance(grid, MatrixGrid):
        for down, right in run.offsets:
            yield (down, right), grid[run.grids].shifted(in_shape, right, down)
    else:
        points = _points(grid, run.grids)
        for x, offsets in itertools.groupby(sorted(run.offsets, key=_across), key=_across):
            halfway = _advance(points, x, 2)  # the same for all offsets along y
            for offset in offsets:
                yield offset, DenseGrid(_advance(halfway, offset[0], 1), align_corners=grid.align_corners)


def pull_back(grid: Grid, run: Run, offset: Offset, d_moved: Floats, in_shape: Shape) -> Floats:
    """Turn a gradient by the numbers of the grid that `grids` gives for an offset into one by the grid's own."""
    if run.readings == 1:
        return d_moved
    if isinstance(grid, MatrixGrid):
        return grid[run.grids].shifted_vjp(d_moved, in_shape, offset[1], offset[0])
    points = _points(grid, run.grids)
    d_halfway = _advance_vjp(_advance(points, offset[1], 2), offset[0], 1, d_moved)
    return grid[run.grids].pull_back(_advance_vjp(points, offset[1], 2, d_halfway))


def shifted_scale(scale: NDArray[np.float64], offset: Offset) -> NDArray[np.float64]:
    """The (2, 4) of `kernels.sampling.positions` for sub-samples: the place a displacement starts from moves on too."""
    result = scale.copy()
    result[:, 1] += scale[:, 2] * offset[1] + scale[:, 3] * offset[0]
    return result


def _across(offset: Offset) -> float:
    return offset[1]


def _points(grid: Grid, rows: slice) -> Floats:
    """Positions (n, h, w, 2) of some grids of a batch; of a basis in float64, as the kernels work them out."""
    if not isinstance(grid, BasisGrid):
        return grid.dense()[rows]
    return grid.with_values(grid.values[rows].astype(np.float64)).dense()


def _advance(points: Floats, distance: float, axis: int) -> Floats:
    """What is known at the pixels of an axis, a part of a pixel further along it."""
    if distance == 0 or points.shape[axis] < 2:
        return points
    result = points.copy()
    with np.errstate(all="ignore"):
        steps = np.moveaxis(np.diff(points, axis=axis), axis, 0)
        towards, away, usable, spare = _uses(steps, distance > 0)
        moved, steps = np.moveaxis(result, axis, 0), distance * steps
        moved[towards] += np.where(usable, steps, 0)
        lines = spare.any(axis=(1, 2, 3))  # few: the last line and what surrounds a hidden position
        moved[away][lines] += np.where(spare[lines], steps[lines], 0)
    return result


def _advance_vjp(points: Floats, distance: float, axis: int, d_advanced: Floats) -> Floats:
    if distance == 0 or points.shape[axis] < 2:
        return d_advanced
    d_points = d_advanced.copy()
    with np.errstate(all="ignore"):
        towards, away, usable, spare = _uses(np.moveaxis(np.diff(points, axis=axis), axis, 0), distance > 0)
        d_moved, result = np.moveaxis(d_advanced, axis, 0), np.moveaxis(d_points, axis, 0)
        d_steps = distance * (np.where(usable, d_moved[towards], 0) + np.where(spare, d_moved[away], 0))
        result[1:] += d_steps
        result[:-1] -= d_steps
    return d_points


def _uses(steps: Floats, forwards: bool) -> tuple[slice, slice, Array, Array]:
    """Which pixels of the first axis take which of the steps between them.

    Returns ``(towards, away, usable, spare)``: pixel k of ``[towards]`` takes step k, to its neighbor on the side it moves to,
    where `usable`; pixel k of ``[away]`` takes step k, which lies on its other side, where `spare`: where it has no other.
    """
    usable = np.isfinite(steps)
    spare = usable.copy()
    if forwards:
        spare[:-1] &= ~usable[1:]
        return slice(None, -1), slice(1, None), usable, spare
    spare[1:] &= ~usable[:-1]
    return slice(1, None), slice(None, -1), usable, spare
