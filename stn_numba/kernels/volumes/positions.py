"""Where the output voxels of one row read the input, in voxels: `kernels.sampling.positions` for three axes.

Positions are float64, and a NaN is outside.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import AFFINE, BASIS, DENSE
from stn_numba.kernels.sampling.positions import columns_from, float64_at
from stn_numba.kernels.simd.load_store import load
from stn_numba.kernels.simd.raw import load_strided
from stn_numba.kernels.simd.scratch import put_position
from stn_numba.kernels.simd.vectors import EIGHT, ONE, fma, full, to_float64, where


class GridSource(NamedTuple):
    """A grid of positions (x, y, z), its arrays by address; those of other kinds are 0."""

    kind: int  # DENSE, AFFINE, HOMOGRAPHY or BASIS
    address: int  # of dense positions (N, d, h, w, 3), float32 or float64 by the bytes of an item, and their strides in bytes
    item: int
    n_step: int
    z_step: int
    y_step: int
    x_step: int
    c_step: int
    matrix: int  # (N, 4, 4): homographies from output voxels to input voxels, float64
    basis: tuple[int, int, int]  # (address, B, d * h * w): basis functions (B, d * h * w) at the output voxels, float64
    coefficients: int  # (N, 3, B), float64
    scale: tuple[Any, Any, Any]  # of x, y, z (scale, offset, step): voxel = scale * value + offset + step * own index
    h: int  # rows and columns of the output
    w: int


@jit.inline
def along_row(grid, n, axis, k, i):
    """(slope, offset): an axis, or the denominator (3), is slope * column + offset along row i of plane k."""
    m = grid.matrix + 8 * (16 * n + 4 * axis)
    return float64_at(m, 0), float64_at(m, 1) * i + float64_at(m, 2) * k + float64_at(m, 3)


@jit.inline
def row_positions(grid, n, k, i, first, count, rows):
    """Fill three scratch rows with the input positions of `count` voxels of row i of plane k of grid n from column `first` on.

    Up to seven more are written, which mean nothing.
    """
    if grid.kind == DENSE and grid.item == 8:
        dense_row(grid, 0.0, n, k, i, first, count, rows)
    elif grid.kind == DENSE:
        dense_row(grid, np.float32(0), n, k, i, first, count, rows)
    elif grid.kind == BASIS:
        basis_row(grid, n, k, i, first, count, rows)
    else:
        matrix_row(grid, n, k, i, first, count, rows)


@jit.inline
def dense_row(grid, dtype, n, k, i, first, count, rows):
    """Positions of a dense grid of a dtype; those of displacements are added to the voxel's own place."""
    row = grid.address + n * grid.n_step + k * grid.z_step + i * grid.y_step + first * grid.x_step
    for axis in range(3):
        scale, offset, step = grid.scale[axis]
        offset += step * (np.float64(k) if axis == 2 else np.float64(i) if axis == 1 else np.float64(first))
        along, column, whole = step if axis == 0 else 0.0, row + axis * grid.c_step, count // 8 * 8
        for j in range(0, whole, 8):
            values = to_float64(load_strided(column + j * grid.x_step, grid.x_step, dtype, EIGHT))
            put_position(rows[axis], j, fma(scale, values, along * columns_from(j) + offset))
        for j in range(whole, count):
            value = np.float64(load(column + j * grid.x_step, dtype))
            put_position(rows[axis], j, fma(scale, value, along * j + offset))


@jit.inline
def matrix_row(grid, n, k, i, first, count, rows):
    """Positions of an affine map or a homography; NaN, so outside, at and behind the horizon (denominator <= 0)."""
    slope, depth = along_row(grid, n, 3, k, i)
    for axis in range(3):
        step, start = along_row(grid, n, axis, k, i)
        for j in range(0, count, 8):
            columns = columns_from(first + j)
            position = step * columns + start
            if grid.kind != AFFINE:
                below = slope * columns + depth
                position = position / where(below > 0.0, below, np.nan)
            put_position(rows[axis], j, position)


@jit.inline
def basis_row(grid, n, k, i, first, count, rows):
    """Positions of a linear map, summed in float64."""
    (functions, _B, _), j = grid.basis, 0
    row = functions + 8 * ((k * grid.h + i) * grid.w + first)
    while j + 8 <= count:
        basis_positions(grid, n, row + 8 * j, j, rows, EIGHT)
        j += 8
    while j < count:
        basis_positions(grid, n, row + 8 * j, j, rows, ONE)
        j += 1


@jit.inline
def basis_positions(grid, n, functions, j, rows, lanes):
    """Positions of one or eight neighbors: the sums stay in registers."""
    (_, B, length), coefficients = grid.basis, grid.coefficients + 24 * grid.basis[1] * n
    x, y, z = full(lanes, 0.0), full(lanes, 0.0), full(lanes, 0.0)
    for b in range(B):
        values = load(functions + 8 * b * length, 0.0, lanes)
        x = fma(float64_at(coefficients, b), values, x)
        y = fma(float64_at(coefficients, B + b), values, y)
        z = fma(float64_at(coefficients, 2 * B + b), values, z)
    (sx, tx, _), (sy, ty, _), (sz, tz, _) = grid.scale
    put_position(rows[0], j, sx * x + tx)
    put_position(rows[1], j, sy * y + ty)
    put_position(rows[2], j, sz * z + tz)
