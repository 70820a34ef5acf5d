"""Grids in the form that kernels take, whole or in blocks of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.basis import BasisRows
from stn_numba.grid import BasisGrid, Floats, Grid, MatrixGrid, displacement_axis, input_axis
from stn_numba.grid.pixel_matrix import is_affine
from stn_numba.sampler.layout import memory

__all__ = ["is_streamed", "scale_of", "source_of"]

_NO_POSITIONS = (0, np.float32(0), 0, 0, 0, 0)
_NO_BASIS = np.empty((0, 0))
_NO_COEFFICIENTS = np.empty((0, 2, 0))
_NO_MATRIX = np.empty((0, 3, 3))


def scale_of(grid: Grid, in_shape: tuple[int, int], units: str, displacement: bool) -> NDArray[np.float64]:
    """The (2, 4) from the grid's numbers to input pixels that `kernels.positions` describes."""
    scale = np.zeros((2, 4))
    if isinstance(grid, MatrixGrid):
        return scale
    for axis, (size, length) in enumerate(zip(in_shape[::-1], grid.shape[::-1], strict=True)):
        scale[axis, :2] = input_axis(size, grid.align_corners) if units == "normalised" else (1.0, 0.0)
        if displacement:
            scale[axis, 2 + axis], scale[axis, 1] = displacement_axis(size, length, grid.align_corners)
    return scale


def source_of(grid: Grid, in_shape: tuple[int, int], scale: NDArray[np.float64]) -> tuple[Any, ...]:
    """The grid as the tuple that `kernels.positions` describes."""
    from stn_numba.kernels.positions import AFFINE, BASIS, DENSE, HOMOGRAPHY

    positions, matrix, coefficients = _NO_POSITIONS, _NO_MATRIX, _NO_COEFFICIENTS
    basis: Floats = _NO_BASIS
    if isinstance(grid, MatrixGrid):
        matrix = grid.pixel_matrix(in_shape)
        kind = AFFINE if is_affine(matrix) else HOMOGRAPHY
    elif isinstance(grid, BasisGrid):
        kind, basis = BASIS, _NO_BASIS if isinstance(grid.basis, BasisRows) else grid.basis  # else see `parts`
        coefficients = np.ascontiguousarray(grid.values, np.float64)
    else:
        kind, positions = DENSE, memory(grid.dense())
    return kind, *positions, matrix, basis, coefficients, scale, grid.shape[1]


def is_streamed(grid: Grid) -> bool:
    """Whether a grid's basis is worked out block by block."""
    return isinstance(grid, BasisGrid) and isinstance(grid.basis, BasisRows)
