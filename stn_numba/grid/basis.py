"""Grids that combine basis functions linearly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_bool
from stn_numba.grid.basis_rows import BasisRows, row_blocks
from stn_numba.grid.between_pixels import Offset
from stn_numba.grid.coordinates import axes_of
from stn_numba.grid.dense import DenseGrid, all_nan
from stn_numba.grid.job_writers import CoefficientsWriter
from stn_numba.grid.kernel_grid import KernelGrid
from stn_numba.grid.kernel_words import KernelWords, grid_words
from stn_numba.grid.validation import Floats, Shape, as_floats, check_shape
from stn_numba.kernels.constants import BASIS
from stn_numba.kernels.runtime.addresses import address_of

__all__ = ["BasisGrid"]

_MAX_PLANNED = 1 << 18  # numbers of a basis: a plan would hold more


class BasisGrid(KernelGrid):
    """A grid that is linear in its coefficients: position = sum over b of basis_b * coefficient_b.

    Parameters
    ----------
    basis : array_like, (h * w, B), or BasisRows
        The basis functions at the output pixels, row by row; or `BasisRows`, which computes them when they are needed.
    coefficients : array_like, (N, 2, B) or (N, 3, B)
        Coefficients of x, then those of y, and of z in volumes.
    shape : (int, int) or (int, int, int)
        (h, w) of the output, or (d, h, w) of a volume.
    align_corners : bool, default True
        Convention of the positions, see `stn_numba.grid`.

    Raises
    ------
    TypeError
        If arrays do not hold real numbers, or `shape` is not two whole numbers.
    ValueError
        If `basis` does not have a row for each output pixel, or `coefficients` is not (N, 2, B), or (N, 3, B) for a volume.

    Examples
    --------
    >>> from stn_numba.grid import base_points
    >>> grid = BasisGrid(base_points((2, 2)), np.eye(2)[None], (2, 2))
    >>> grid.dense()[0, 0].tolist()
    [[-1.0, -1.0], [1.0, -1.0]]
    """

    repeats_are_expensive = True

    def __init__(
        self, basis: ArrayLike | BasisRows, coefficients: ArrayLike, shape: Shape, *, align_corners: bool = True
    ) -> None:
        self.shape = check_shape(shape, ndim=axes_of(shape))
        if isinstance(basis, BasisRows):
            if basis.shape != self.shape:
                raise ValueError(f"basis: expected one for shape {self.shape}, got {basis.shape}")
            self.basis: Floats | BasisRows = basis
            count = basis.count
        else:
            basis = as_floats(basis, "basis", (math.prod(self.shape), "B"))
            self.basis = np.ascontiguousarray(basis.T, np.float64)  # (B, h * w): long rows suit SIMD
            count = basis.shape[1]
        self.values = as_floats(coefficients, "coefficients", ("N", self.ndim, count))
        self.align_corners = as_bool(align_corners, "align_corners")

    @property
    def is_streamed(self) -> bool:  # type: ignore[override]
        """Whether the basis is computed block by block."""
        return isinstance(self.basis, BasisRows)

    @property
    def functions(self) -> Floats:
        """The basis functions (B, h * w); computed at each access if they are not stored."""
        return self.basis.evaluated() if isinstance(self.basis, BasisRows) else self.basis

    def _window(self, window: tuple[slice, ...]) -> Self:
        shape = tuple(part.stop - part.start for part in window)
        if isinstance(self.basis, BasisRows):
            return self._with(basis=self.basis.window(window), shape=shape)
        part = self.basis.reshape(len(self.basis), *self.shape)[:, *window]
        return self._with(basis=np.ascontiguousarray(part.reshape(len(part), math.prod(shape))), shape=shape)

    def row_blocks(self) -> Iterator[tuple[slice, Self]]:
        """Blocks of output rows and their grids; the functions of a streamed block are valid until the next one."""
        if not isinstance(self.basis, BasisRows):
            yield slice(0, self.shape[0]), self
            return
        for rows, functions in self.basis.blocks():
            yield rows, self._with(basis=functions, shape=(rows.stop - rows.start, *self.shape[1:]))

    def _function_blocks(self) -> Iterator[tuple[slice, Floats]]:
        """(pixels, functions at these pixels): the same blocks whether or not the functions are stored."""
        w = math.prod(self.shape[1:])
        if isinstance(self.basis, BasisRows):
            for rows, functions in self.basis.blocks():
                yield slice(rows.start * w, rows.stop * w), functions
            return
        for rows in row_blocks(len(self.basis), self.shape):
            pixels = slice(rows.start * w, rows.stop * w)
            yield pixels, self.basis[:, pixels]

    def dense(self) -> Floats:
        """Compute all positions, (N, h, w, 2) or (N, d, h, w, 3)."""
        result = np.empty((len(self), math.prod(self.shape), self.ndim), self.values.dtype)
        coefficients = self.values.astype(np.float64)
        for pixels, functions in self._function_blocks():
            result[:, pixels] = np.swapaxes(coefficients @ functions, 1, 2)
        return result.reshape(len(self), *self.shape, self.ndim)

    def pull_back(self, d_dense: ArrayLike) -> Floats:
        """Sum the gradient with respect to the positions to one with respect to the coefficients."""
        d_points = np.swapaxes(np.reshape(d_dense, (len(self), math.prod(self.shape), self.ndim)), 1, 2)
        result = np.zeros(self.values.shape)
        for pixels, functions in self._function_blocks():
            result += d_points[:, :, pixels] @ functions.T
        return result

    def kernel_source(self, in_shape: Shape, scale: NDArray[np.float64]) -> KernelWords:
        """The grid as kernels read it; that of a streamed grid has no basis."""
        values = np.ascontiguousarray(self.values, np.float64)
        basis: tuple[int, ...] = (0, 0, 0)
        arrays: tuple[Floats, ...] = (values,)
        if not isinstance(self.basis, BasisRows):
            basis, arrays = (address_of(self.basis), *self.basis.shape), (values, self.basis)
        return grid_words(BASIS, self.shape, arrays, basis=basis, coefficients=address_of(values), scale=scale)

    def all_nan(self) -> NDArray[np.bool_]:
        """(N,): whether no position of an output is a number."""
        found = np.isnan(self.values).any(axis=(1, 2))
        pixels = math.prod(self.shape)
        found |= pixels > 0 and all(all_nan(functions.T[None])[0] for _, functions in self._function_blocks())
        return np.asarray(found)

    def _exact(self) -> DenseGrid:
        """The positions in float64, as kernels compute them. To shift the basis instead would take ten times as long."""
        return DenseGrid(self._with(values=self.values.astype(np.float64)).dense(), align_corners=self.align_corners)

    def longest_steps(self, in_shape: Shape, scale: NDArray[np.float64], everywhere: bool) -> NDArray[np.float64]:
        """Longest distance in input pixels between neighbors along y and along x, (N, 2); (N, 3) for z, y, x of volumes."""
        return self._exact().longest_steps(in_shape, scale, everywhere)

    def shifted(self, offsets: Iterable[Offset]) -> Iterator[tuple[Offset, DenseGrid]]:
        """Each offset (y, x), or (z, y, x), in order of x, and the grid of positions interpolated there."""
        return self._exact().shifted(offsets)

    def shifted_vjp(self, offset: Offset, d_shifted: Floats) -> Floats:
        """Convert a gradient with respect to the positions of a `shifted` grid to one with respect to the coefficients."""
        return self.pull_back(self._exact().shifted_vjp(offset, d_shifted))

    def plan_key(self) -> tuple[Any, ...] | None:
        """What grids have in common that can share a plan, which holds the basis: so its id is not used again."""
        if type(self) is not BasisGrid or self.ndim != 2:
            return None
        return BasisGrid, self.values.shape, self.values.dtype, self.shape, self.align_corners, id(self.basis)

    def can_be_planned(self) -> bool:
        """Whether a plan can hold the basis."""
        return not isinstance(self.basis, BasisRows) and self.basis.size <= _MAX_PLANNED

    def job_writer(self, start: int, end: int, in_shape: Shape) -> CoefficientsWriter:
        """Return what writes the address of coefficients."""
        return CoefficientsWriter(start, self.functions)
