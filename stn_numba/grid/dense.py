"""Grids given by all their positions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_bool
from stn_numba.grid.between_pixels import Offset, longest_steps, shifted, shifted_vjp
from stn_numba.grid.job_writers import PositionsWriter
from stn_numba.grid.kernel_grid import KernelGrid, PartialSums
from stn_numba.grid.kernel_words import KernelWords, grid_words
from stn_numba.grid.validation import Floats, Shape, as_floats
from stn_numba.kernels.constants import DENSE
from stn_numba.kernels.runtime.addresses import address_of

__all__ = ["DenseGrid", "all_nan"]

_PROBED = 16  # positions of an output to look at first


class DenseGrid(KernelGrid):
    """A grid given by all its positions.

    Parameters
    ----------
    points : array_like, (N, h, w, 2) or (N, d, h, w, 3)
        Normalized positions (x, y), or (x, y, z) in volumes. float32 and float64 arrays are not copied, other numbers become
        float64.
    align_corners : bool, default True
        Convention of the positions, see `stn_numba.grid`.

    Raises
    ------
    TypeError
        If `points` are not real numbers, or `align_corners` is not a bool.
    ValueError
        If `points` has another shape.

    Examples
    --------
    >>> from stn_numba.grid import base_points
    >>> DenseGrid(base_points((2, 3)).reshape(1, 2, 3, 2)).shape
    (2, 3)
    """

    def __init__(self, points: ArrayLike, *, align_corners: bool = True) -> None:
        in_volume = np.shape(points)[-1:] == (3,) and np.ndim(points) == 5
        self.values = as_floats(points, "points", ("N", "d", "h", "w", 3) if in_volume else ("N", "h", "w", 2))
        self.shape = self.values.shape[1:-1]
        self.align_corners = as_bool(align_corners, "align_corners")

    def _window(self, window: tuple[slice, ...]) -> Self:
        values = self.values[:, *window]
        return self._with(values=values, shape=values.shape[1:-1])

    def dense(self) -> Floats:
        """Return the positions, not copied."""
        return self.values

    def pull_back(self, d_dense: ArrayLike) -> Floats:
        """Return the gradient itself."""
        return np.asarray(d_dense)

    def kernel_source(self, in_shape: Shape, scale: NDArray[np.float64]) -> KernelWords:
        """The grid as kernels read it."""
        values = self.values
        positions = address_of(values), values.itemsize, *values.strides
        return grid_words(DENSE, self.shape, (values,), positions=positions, scale=scale)

    def all_nan(self) -> NDArray[np.bool_]:
        """(N,): whether no position of an output is a number."""
        return all_nan(self.values.reshape(len(self), math.prod(self.shape), self.ndim))

    def partial_sums(self, batch: int, pieces: int) -> PartialSums:
        """Shape and dtype of the gradient with respect to the positions, which pieces write to where they are."""
        return (batch, *self.shape, self.ndim), self.values.dtype

    def _sum_outputs(self, partials: NDArray[Any]) -> NDArray[Any]:
        shared = len(self.values) != len(partials)
        return partials.sum(axis=0, keepdims=True, dtype=np.float64) if shared else partials

    def longest_steps(self, in_shape: Shape, scale: NDArray[np.float64], everywhere: bool) -> NDArray[np.float64]:
        """Longest distance in input pixels between neighbors along y and along x, (N, 2); (N, 3) for z, y, x of volumes."""

        def pixels_of(rows: slice) -> Floats:
            indices = np.ix_(np.arange(self.shape[0])[rows], *map(np.arange, self.shape[1:]))
            along = sum(index[..., None] * step for index, step in zip(indices, scale.T[:1:-1], strict=True))
            result: Floats = self.values[:, rows] * scale[:, 0] + scale[:, 1] + along
            return result

        return longest_steps(pixels_of, (len(self), *self.shape), in_shape, everywhere)

    def shifted(self, offsets: Iterable[Offset]) -> Iterator[tuple[Offset, DenseGrid]]:
        """Each offset (y, x), or (z, y, x), in order of x, and the grid of positions interpolated there."""
        for offset, values in shifted(self.values, offsets):
            yield offset, DenseGrid(values, align_corners=self.align_corners)

    def shifted_vjp(self, offset: Offset, d_shifted: Floats) -> Floats:
        """Convert a gradient with respect to the positions of a `shifted` grid to one with respect to these."""
        return shifted_vjp(self.values, offset, d_shifted)

    def plan_key(self) -> tuple[Any, ...] | None:
        """What grids have in common that can share a plan."""
        if type(self) is not DenseGrid or self.ndim != 2:
            return None
        values = self.values
        return DenseGrid, values.shape, values.strides, values.dtype, self.align_corners

    def job_writer(self, start: int, end: int, in_shape: Shape) -> PositionsWriter:
        """Return what writes the address of positions."""
        return PositionsWriter(start)

    def without_positions(self) -> Self:
        """A grid of the same size whose positions take no memory."""
        return self._with(values=np.broadcast_to(np.zeros((), self.values.dtype), self.values.shape))


def all_nan(positions: Floats) -> NDArray[np.bool_]:
    """(N,): whether each of M positions (N, M, D) contains NaN; False if M = 0. A few positions usually decide."""
    few = positions[:, :: max(1, positions.shape[1] // _PROBED)]
    found: NDArray[np.bool_] = np.all(np.any(np.isnan(few), axis=2), axis=1) & (positions.shape[1] > 0)
    for row in np.flatnonzero(found):
        found[row] = np.isnan(positions[row]).any(axis=1).all()
    return found
