"""What the sampler asks of the kinds of grid that kernels can read.

The sampler never asks which kind a grid is: each kind answers here how kernels read it, how its gradient is summed, how it
is antialiased, and whether calls with it can be planned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid.base import Grid
from stn_numba.grid.between_pixels import Offset
from stn_numba.grid.coordinates import displacement_axis, input_axis
from stn_numba.grid.job_writers import JobWriter
from stn_numba.grid.kernel_words import KernelWords
from stn_numba.grid.validation import Floats, Shape

__all__ = ["KernelGrid", "PartialSums"]

PartialSums = tuple[tuple[int, ...], np.dtype[Any]]  # shape and dtype

_FLOAT64 = np.dtype(np.float64)


class KernelGrid(Grid):
    """A grid that kernels can read.

    Attributes
    ----------
    closed_form : bool
        Whether a formula gives the position of any point of the output, so that it is exact between pixels as well.
    is_streamed : bool
        Whether kernels read the grid in blocks of rows, see `row_blocks`.
    repeats_are_expensive : bool
        Whether to avoid computing positions twice.
    """

    closed_form = False
    is_streamed = False
    repeats_are_expensive = False

    # Reading

    def pixel_scale(self, in_shape: Shape, units: str = "normalized", displacement: bool = False) -> NDArray[np.float64]:
        """(2, 4) for x and y: (scale, offset, along columns, along rows), which convert the grid's values to input pixels.

        In volumes (3, 5). Only plain positions have other `units`, or are displacements.
        """
        scale = np.zeros((self.ndim, 2 + self.ndim))
        for axis, (size, length) in enumerate(zip(in_shape[::-1], self.shape[::-1], strict=True)):
            scale[axis, :2] = input_axis(size, self.align_corners) if units == "normalized" else (1.0, 0.0)
            if displacement:
                scale[axis, 2 + axis], scale[axis, 1] = displacement_axis(size, length, self.align_corners)
        return scale

    def kernel_source(self, in_shape: Shape, scale: NDArray[np.float64]) -> KernelWords:
        """The grid as kernels read it, for images of `in_shape` and a `pixel_scale`; a streamed grid is without its basis."""
        raise NotImplementedError

    def row_blocks(self) -> Iterator[tuple[slice, Self]]:
        """Output rows and the grid that reads them: the whole grid, unless it is streamed."""
        yield slice(0, self.shape[0]), self

    def all_nan(self) -> NDArray[np.bool_]:
        """(N,): whether no position of an output is a number; False for an output without pixels."""
        raise NotImplementedError

    def affine_matrices(self, in_shape: Shape) -> NDArray[np.float64] | None:
        """Matrices (N, 3, 3) from output pixels to input pixels, if all maps are affine; None for other grids."""
        return None

    def pixel_matrix_vjp(self, d_pixels: Floats, in_shape: Shape) -> Floats:
        """Convert a gradient (N, 3, 3) with respect to `affine_matrices` to one with respect to `values`."""
        raise NotImplementedError

    # Gradients

    def partial_sums(self, batch: int, pieces: int) -> PartialSums:
        """Shape and dtype of the array in which kernels sum gradients: a part for each of `pieces` of each output."""
        return (batch, pieces, *self.values.shape[1:]), _FLOAT64

    def sum_partials(self, partials: NDArray[Any], in_shape: Shape) -> Floats:
        """Gradient with respect to `values` from the `partial_sums` of kernels."""
        return self._sum_outputs(partials).astype(self.values.dtype, copy=False)

    def _sum_outputs(self, partials: NDArray[Any]) -> NDArray[Any]:
        """Sum over pieces, and over outputs that share one grid."""
        rows = partials[:, 0] if partials.shape[1] == 1 else partials.sum(axis=1)
        return rows if len(self.values) == len(rows) else rows.sum(axis=0, keepdims=True, dtype=np.float64)

    # Antialiasing

    def longest_steps(self, in_shape: Shape, scale: NDArray[np.float64], everywhere: bool) -> NDArray[np.float64]:
        """Longest distance in input pixels between neighbors along y and along x, (N, 2); see `between_pixels`.

        (N, 3) for z, y and x of volumes.
        """
        raise NotImplementedError

    def shifted(self, offsets: Iterable[Offset]) -> Iterator[tuple[Offset, KernelGrid]]:
        """Each offset (y, x), or (z, y, x), in output pixels, and the grid of the positions that lie that much further on.

        A dense grid orders the offsets by x.
        """
        raise NotImplementedError

    def shifted_vjp(self, offset: Offset, d_shifted: Floats) -> Floats:
        """Convert a gradient with respect to the values of a `shifted` grid to one with respect to `values`."""
        raise NotImplementedError

    # Planned calls, see `stn_numba.sampler.plans`

    def plan_key(self) -> tuple[Any, ...] | None:
        """What grids have in common that can share a plan; None for those that have no plan."""
        return None

    def can_be_planned(self) -> bool:
        """Whether a plan can hold what it needs of the grid."""
        return True

    def job_writer(self, start: int, end: int, in_shape: Shape) -> JobWriter:
        """Return what writes values into jobs of `end` words, in which the grid begins at word `start`."""
        raise NotImplementedError

    def without_positions(self) -> Self:
        """A grid that can sum gradients like this one, without the memory of its positions."""
        return self
