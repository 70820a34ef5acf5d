"""Antialiasing by supersampling: how many sub-samples each output pixel needs, and how they are combined.

An interpolation kernel reads the few pixels around a position, however far apart the positions of neighboring output
pixels lie. What lies between them is skipped, and fine detail appears as false, coarse detail. Here each output pixel is
read at q_y x q_x places spread evenly over its cell, and the mean is taken: supersampling with a box filter (Heckbert,
"Fundamentals of Texture Mapping and Image Warping", UC Berkeley, 1989). In volumes it is read at q_z x q_y x q_x places.

q_y and q_x belong to an image: the longest step between neighboring output pixels along that axis, in input pixels, rounded
up, so that sub-samples are never farther apart than pixels; at most `MAX_FACTOR`. They are integers, so gradients treat them
as constant.

The sub-samples at one place of all cells make a grid, shifted by a fraction of an output pixel. A grid in closed form, such as
a `MatrixGrid`, is shifted exactly, as is the place where a displacement starts. Positions of the other kinds are interpolated
between output pixels, see ``grid/between_pixels.py``; their grids are shifted a few images at a time. An axis with a
single output pixel has no neighbors to measure and is not widened, except that the cell of a `MatrixGrid` with
``align_corners=False`` is known all the same.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Floats, KernelGrid, Shape
from stn_numba.grid.between_pixels import MAX_FACTOR, POSITIONS_AT_ONCE, Offset

__all__ = ["MAX_FACTOR", "Group", "average", "find_groups", "most_frequent", "shifted_scale"]

_SLACK = 0.01  # a rotation, or float32 positions, exceed a step of one pixel by rounding; such a small excess is invisible

Array = NDArray[Any]


class Group(NamedTuple):
    """Neighboring grids of a batch that need the same number of sub-samples.

    Attributes
    ----------
    grids : slice
        Which of the batch.
    factors : tuple of int
        (q_y, q_x), or (q_z, q_y, q_x): sub-samples per output pixel along each axis of the output.
    """

    grids: slice
    factors: tuple[int, ...]

    @property
    def samples(self) -> int:
        """Sub-samples per output pixel."""
        return math.prod(self.factors)

    @property
    def offsets(self) -> list[Offset]:
        """(y, x), or (z, y, x), of each sub-sample from its output pixel, in output pixels.

        Examples
        --------
        >>> Group(slice(0, 1), (1, 2)).offsets
        [(0.0, -0.25), (0.0, 0.25)]
        """
        return list(itertools.product(*(((np.arange(q) + 0.5) / q - 0.5).tolist() for q in self.factors)))

    def shifted(self, grid: KernelGrid) -> Iterator[tuple[Offset, KernelGrid]]:
        """Each offset and the grids of the group shifted by it, which read one sub-sample of every output pixel."""
        part = grid[self.grids]
        return iter([((0.0,) * len(self.factors), part)]) if self.samples == 1 else part.shifted(self.offsets)

    def shifted_vjp(self, grid: KernelGrid, offset: Offset, d_shifted: Floats) -> Floats:
        """Convert a gradient with respect to the values of a shifted grid to one with respect to those of the group."""
        return d_shifted if self.samples == 1 else grid[self.grids].shifted_vjp(offset, d_shifted)


def find_groups(grid: KernelGrid, in_shape: Shape, scale: NDArray[np.float64], everywhere: bool) -> list[Group]:
    """Which grids of a batch need how many sub-samples; empty if one per pixel is enough for all.

    Parameters
    ----------
    grid : KernelGrid
        N grids of (h, w) output pixels, or (d, h, w).
    in_shape : tuple of int
        (H, W) of the image, (D, H, W) of the volume.
    scale : ndarray, (2, 4) or (3, 5)
        The grid's `pixel_scale`.
    everywhere : bool
        Whether positions far outside the image read some of it, as with paddings that repeat it.

    Returns
    -------
    list of Group
        They cover the batch in its order. The factors of a grid do not depend on the other grids.

    Examples
    --------
    Half the height, a third of the width:

    >>> from stn_numba import MatrixGrid
    >>> grid = MatrixGrid(np.eye(3)[None], (4, 5), align_corners=False)
    >>> find_groups(grid, (8, 15), np.zeros((2, 4)), False)[0].factors
    (2, 3)
    """
    factors = np.ones((len(grid), grid.ndim), np.int64)
    together = max(1, POSITIONS_AT_ONCE // max(1, math.prod(grid.shape)))
    with np.errstate(all="ignore"):
        for first in range(0, len(grid), together):
            rows = slice(first, min(first + together, len(grid)))
            steps = grid[rows].longest_steps(in_shape, scale, everywhere)
            factors[rows] = np.fmin(np.fmax(np.ceil(steps - _SLACK), 1), MAX_FACTOR)
    return _groups(factors, len(grid) if grid.closed_form else together) if (factors > 1).any() else []


def _groups(factors: NDArray[np.int64], longest: int) -> list[Group]:
    changes = np.flatnonzero((factors[1:] != factors[:-1]).any(axis=1)) + 1
    bounds = itertools.pairwise(sorted({*changes.tolist(), *range(0, len(factors), longest), len(factors)}))
    return [Group(slice(start, stop), tuple(factors[start].tolist())) for start, stop in bounds]


def shifted_scale(scale: NDArray[np.float64], offset: Offset) -> NDArray[np.float64]:
    """The `pixel_scale` of a shifted grid: the place where a displacement starts is shifted too."""
    result = scale.copy()
    result[:, 1] += scale[:, 2:] @ offset[::-1]
    return result


def average(samples: Iterator[Callable[[Array], object]], count: int, out: Array, working: np.dtype[Any]) -> None:
    """Write to `out` the mean of `count` samples, each of which is a function that fills an array.

    This allocates one array of the output's size, or two for integers: they are summed as `working` floats, then rounded half
    to even and limited to their range once, at the end.
    """
    if count == 1:
        next(samples)(out)
        return
    total = out if out.dtype.kind == "f" else np.empty_like(out, working)
    sub_sample = np.empty_like(total)
    next(samples)(total)
    with np.errstate(all="ignore"):  # an image may contain infinity and NaN
        for read in samples:
            read(sub_sample)
            np.add(total, sub_sample, out=total)
        np.divide(total, count, out=total)
        if total is not out:
            limits = np.iinfo(out.dtype)
            np.rint(total, out=total)
            out[...] = np.fmin(np.fmax(total, limits.min), limits.max)


def most_frequent(samples: Iterator[Callable[[Array], object]], count: int, out: Array) -> None:
    """Write to `out` the most frequent value of `count` samples, the smallest one in case of a tie.

    For labels, of which the mean is another label or none. All samples are held at once: `count` arrays of the output's size.
    """
    if count == 1:
        next(samples)(out)
        return
    values = np.empty((count, *out.shape), out.dtype)
    for read, target in zip(samples, values, strict=True):
        read(target)
    values.sort(axis=0)
    out[...] = values[0]
    length = longest = np.ones(out.shape, np.uint16)
    for before, value in itertools.pairwise(values):
        length = np.where(value == before, length + 1, 1).astype(np.uint16)
        np.copyto(out, value, where=length > longest)
        longest = np.maximum(length, longest)
