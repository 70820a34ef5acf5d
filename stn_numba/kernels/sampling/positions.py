"""Compute where the output pixels of one row read the input, in pixels.

A kernel gets every grid as a `GridSource`, whatever its kind. No grid is built from a matrix or a basis: the positions of a
row are computed where they are used. They are float64 whatever the image holds: on an axis of 4096 pixels float32 would be
wrong by 1e-4 of a pixel. The gradients are in `kernels.gradients.positions_vjp`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import AFFINE, BASIS, DENSE, HOMOGRAPHY
from stn_numba.kernels.simd.load_store import load, load_interleaved, size_of
from stn_numba.kernels.simd.scratch import put_position
from stn_numba.kernels.simd.vectors import EIGHT, ONE, arange, fma, full, to_float64, where


class GridSource(NamedTuple):
    """A grid, its arrays by address; those of other kinds are 0."""

    kind: int  # DENSE, AFFINE, HOMOGRAPHY or BASIS
    address: int  # of dense positions (N, h, w, 2), float32 or float64 by the bytes of an item, and their strides in bytes
    item: int
    n_step: int
    y_step: int
    x_step: int
    c_step: int
    matrix: int  # (N, 3, 3): homographies from output pixels to input pixels, float64
    basis: tuple[int, int, int]  # (address, B, h * w): basis functions (B, h * w) at the output pixels, float64
    coefficients: int  # (N, 2, B), float64
    scale: tuple[Any, Any]  # of x and y (scale, offset, along j, along i): pixel = scale * value + offset + along . (j, i)
    w: int  # columns of the output


@jit.inline
def float64_at(address, index):
    """An element of a float64 array at an address."""
    return load(address + 8 * index, 0.0)


@jit.inline
def along_row(matrix, n, axis, i):
    """(slope, offset): x (axis 0), y (1) or the denominator (2) of a homography is slope * column + offset along row i."""
    m = matrix + 8 * (9 * n + 3 * axis)
    return float64_at(m, 0), float64_at(m, 1) * i + float64_at(m, 2)


@jit.inline
def columns_from(first):
    """Eight neighboring columns, as float64."""
    return arange(EIGHT) + first


@jit.inline
def row_positions(grid, n, i, first, count, xs, ys):
    """Fill xs, ys with the input positions of `count` pixels of output row i of grid n from column `first` on, in pixels.

    Up to seven more are written, which mean nothing.
    """
    kind, matrix = grid.kind, grid.matrix
    if kind == DENSE and grid.item == 8:
        dense_row(grid, 0.0, n, i, first, count, xs, ys)
    elif kind == DENSE:
        dense_row(grid, np.float32(0), n, i, first, count, xs, ys)
    elif kind == BASIS:
        basis_row(grid, n, i, first, count, xs, ys)
    else:
        x, y, z = along_row(matrix, n, 0, i), along_row(matrix, n, 1, i), along_row(matrix, n, 2, i)
        if kind == AFFINE:
            affine_row(x, y, first, count, xs, ys)
        else:
            homography_row(x, y, z, first, count, xs, ys)


@jit.apart
def dense_row(grid, dtype, n, i, first, count, xs, ys):
    """Positions of a dense grid of a dtype; those of displacements are added to the pixel's own place."""
    (sx, tx, along_x, tilt_x), (sy, ty, along_y, tilt_y) = grid.scale
    tx, ty = tx + tilt_x * i, ty + tilt_y * i
    row, j = grid.address + n * grid.n_step + i * grid.y_step + first * grid.x_step, 0
    if grid.c_step == size_of(dtype) and grid.x_step == 2 * grid.c_step:
        while j + 8 <= count:
            columns = columns_from(first + j)
            x, y = load_interleaved(row + j * grid.x_step, dtype, EIGHT)
            put_position(xs, j, fma(sx, to_float64(x), along_x * columns + tx))
            put_position(ys, j, fma(sy, to_float64(y), along_y * columns + ty))
            j += 8
    while j < count:
        x, y = np.float64(load(row + j * grid.x_step, dtype)), np.float64(load(row + j * grid.x_step + grid.c_step, dtype))
        put_position(xs, j, fma(sx, x, along_x * (first + j) + tx))
        put_position(ys, j, fma(sy, y, along_y * (first + j) + ty))
        j += 1


@jit.apart
def affine_row(x, y, first, count, xs, ys):
    """Positions of an affine map."""
    for j in range(0, count, 8):
        columns = columns_from(first + j)
        put_position(xs, j, x[0] * columns + x[1])
        put_position(ys, j, y[0] * columns + y[1])


@jit.apart
def homography_row(x, y, z, first, count, xs, ys):
    """Positions of a homography; NaN, so outside, at and behind the horizon (denominator <= 0)."""
    for j in range(0, count, 8):
        columns = columns_from(first + j)
        depth = z[0] * columns + z[1]
        depth = where(depth > 0.0, depth, np.nan)
        put_position(xs, j, (x[0] * columns + x[1]) / depth)
        put_position(ys, j, (y[0] * columns + y[1]) / depth)


@jit.inline
def basis_row(grid, n, i, first, count, xs, ys):
    """Positions of a linear map, summed in float64: at the identity they come out on the pixels."""
    (functions, B, length), coefficients = grid.basis, grid.coefficients + 16 * grid.basis[1] * n
    row, j = functions + 8 * (i * grid.w + first), 0
    while j + 8 <= count:
        basis_positions(row, 8 * length, coefficients, B, grid.scale, j, xs, ys, EIGHT)
        j += 8
    while j < count:
        basis_positions(row, 8 * length, coefficients, B, grid.scale, j, xs, ys, ONE)
        j += 1


@jit.inline
def basis_positions(row, step, coefficients, B, scale, j, xs, ys, lanes):
    """Positions of one or eight neighbors: the sums stay in registers."""
    (sx, tx, _, _), (sy, ty, _, _) = scale
    x, y = full(lanes, 0.0), full(lanes, 0.0)
    for b in range(B):
        functions = load(row + b * step + 8 * j, 0.0, lanes)
        x = fma(float64_at(coefficients, b), functions, x)
        y = fma(float64_at(coefficients, B + b), functions, y)
    put_position(xs, j, sx * x + tx)
    put_position(ys, j, sy * y + ty)


@jit.inline
def columns_in_range(grid, n, i, w, axis, low, high):
    """Columns (start, stop) of output row i outside which no position along an axis (0 for x, 1 for y) is in [low, high].

    Known for a matrix: p >= low and p <= high are linear inequalities in the column, after multiplication by the
    denominator, which is positive wherever a position is inside. One column more on either side makes up for rounding.
    """
    start, stop = 0.0, np.float64(w)
    if grid.kind == AFFINE or grid.kind == HOMOGRAPHY:
        (slope, offset), (depth_slope, depth) = along_row(grid.matrix, n, axis, i), along_row(grid.matrix, n, 2, i)
        start, stop = limit_columns(slope - low * depth_slope, offset - low * depth, start, stop)
        start, stop = limit_columns(high * depth_slope - slope, high * depth - offset, start, stop)
    return (np.int64(start), np.int64(stop)) if start < stop else (np.int64(0), np.int64(0))


@jit.inline
def limit_columns(slope, offset, start, stop):
    """The part of [start, stop) where slope * column + offset >= 0, and a column more; a NaN limits nothing."""
    crossing = -offset / slope
    if slope > 0:
        start = crossing - 1.0 if crossing - 1.0 > start else start
    elif slope < 0:
        stop = crossing + 2.0 if crossing + 2.0 < stop else stop
    elif slope == 0 and offset < 0:
        stop = 0.0
    return start, stop
