"""Grids in the form that kernels take, whole or in blocks of rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import BasisGrid, Floats, Grid, MatrixGrid, displacement_axis, input_axis
from stn_numba.grid.basis_rows import BasisRows
from stn_numba.grid.pixel_matrix import is_affine
from stn_numba.kernels.constants import AFFINE, BASIS, DENSE, HOMOGRAPHY
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.sampler.kernel_arguments import Words

__all__ = ["is_streamed", "scale_of", "source_of"]


def scale_of(grid: Grid, in_shape: tuple[int, int], units: str, displacement: bool) -> NDArray[np.float64]:
    """The (2, 4) from the grid's numbers to input pixels that `kernels.sampling.positions` describes."""
    scale = np.zeros((2, 4))
    if isinstance(grid, MatrixGrid):
        return scale
    for axis, (size, length) in enumerate(zip(in_shape[::-1], grid.shape[::-1], strict=True)):
        scale[axis, :2] = input_axis(size, grid.align_corners) if units == "normalized" else (1.0, 0.0)
        if displacement:
            scale[axis, 2 + axis], scale[axis, 1] = displacement_axis(size, length, grid.align_corners)
    return scale


def source_of(grid: Grid, in_shape: tuple[int, int], scale: NDArray[np.float64]) -> Words:
    """The grid as `kernels.sampling.positions` describes it."""
    kind, matrix, coefficients = DENSE, 0, 0
    positions: tuple[int, ...] = (0, 0, 0, 0, 0, 0)
    basis: tuple[int, ...] = (0, 0, 0)
    held: tuple[Floats, ...]
    values: Floats
    if isinstance(grid, MatrixGrid):
        pixels = grid.pixel_matrix(in_shape)
        kind, matrix, held = AFFINE if is_affine(pixels) else HOMOGRAPHY, address_of(pixels), (pixels,)
    elif isinstance(grid, BasisGrid):
        values = np.ascontiguousarray(grid.values, np.float64)
        kind, coefficients, held = BASIS, address_of(values), (values,)
        if not isinstance(grid.basis, BasisRows):  # else see `parts`
            basis, held = (address_of(grid.basis), *grid.basis.shape), (values, grid.basis)
    else:
        values = grid.dense()
        positions, held = (address_of(values), values.itemsize, *values.strides), (values,)
    return Words((kind, *positions, matrix, *basis, coefficients, *scale.ravel().tolist(), grid.shape[1]), held)


def is_streamed(grid: Grid) -> bool:
    """Whether a grid's basis is worked out block by block."""
    return isinstance(grid, BasisGrid) and isinstance(grid.basis, BasisRows)
