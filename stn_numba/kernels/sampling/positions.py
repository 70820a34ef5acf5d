"""Where the output pixels of one row read the input, in pixels.

A kernel gets every grid as one tuple, a `Source`, whatever its kind; the arrays of the other kinds have address 0. No grid is
ever built from a matrix or from a basis: a row of positions is worked out where it is used, and thrown away. Positions are
float64 whatever the image holds: on an axis of 4096 pixels float32 would leave them wrong by 1e-4 of a pixel. The way back is
in `kernels.gradients.positions_vjp`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import AFFINE, BASIS, DENSE, HOMOGRAPHY
from stn_numba.kernels.simd.load_store import load, load_one, load_turns, size_of
from stn_numba.kernels.simd.scratch import put_position, put_positions
from stn_numba.kernels.simd.vectors import (
    EIGHT,
    ONE,
    add_product,
    counting,
    fmuladd,
    over,
    plus,
    spread,
    times,
    where_positive,
    widened,
)


class Source(NamedTuple):
    """A grid, its arrays by address."""

    kind: int  # DENSE, AFFINE, HOMOGRAPHY or BASIS
    address: int  # of dense positions (N, h, w, 2), float32 or float64 by the bytes of an item, and their steps in bytes
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
def number(address, index):
    """A float64 of an array at an address."""
    return load_one(address + 8 * index, 0.0)


@jit.inline
def along_row(matrix, n, axis, i):
    """(slope, offset): x (axis 0), y (1) or the denominator (2) of a homography is slope * column + offset along row i."""
    m = matrix + 8 * (9 * n + 3 * axis)
    return number(m, 0), number(m, 1) * i + number(m, 2)


@jit.inline
def along_column(matrix, n):
    """How fast y rises from row to row, where the denominator is 1."""
    return number(matrix, 9 * n + 4)


@jit.inline
def row_positions(source, n, i, first, count, xs, ys):
    """Fill xs, ys with the input positions of `count` pixels of output row i of grid n from column `first` on, in pixels.

    Up to seven more may be written, which mean nothing.
    """
    kind, matrix = source.kind, source.matrix
    if kind == DENSE and source.item == 8:
        dense_row(source, 0.0, n, i, first, count, xs, ys)
    elif kind == DENSE:
        dense_row(source, np.float32(0), n, i, first, count, xs, ys)
    elif kind == BASIS:
        basis_row(source, n, i, first, count, xs, ys)
    else:
        x, y, z = along_row(matrix, n, 0, i), along_row(matrix, n, 1, i), along_row(matrix, n, 2, i)
        if kind == AFFINE:
            affine_row(x, y, first, count, xs, ys)
        else:
            homography_row(x, y, z, first, count, xs, ys)


@jit.inline
def dense_row(source, like, n, i, first, count, xs, ys):
    """Positions of a dense grid of a dtype: one multiply-add each, and the pixel's own place for displacements."""
    _, address, _, n_step, y_step, x_step, c_step, _, _, _, scale, _ = source
    (sx, tx, along_x, tilt_x), (sy, ty, along_y, tilt_y) = scale
    tx, ty = tx + tilt_x * i, ty + tilt_y * i
    row, j = address + n * n_step + i * y_step + first * x_step, 0
    if c_step == size_of(like) and x_step == 2 * c_step:
        while j + 8 <= count:
            columns = plus(counting(EIGHT), spread(np.float64(first + j), EIGHT))
            x, y = load_turns(row + j * x_step, like, EIGHT)
            put_positions(xs, j, add_product(straight((along_x, tx), columns, EIGHT), spread(sx, EIGHT), widened(x)))
            put_positions(ys, j, add_product(straight((along_y, ty), columns, EIGHT), spread(sy, EIGHT), widened(y)))
            j += 8
    while j < count:
        x, y = np.float64(load_one(row + j * x_step, like)), np.float64(load_one(row + j * x_step + c_step, like))
        put_position(xs, j, fmuladd(sx, x, along_x * (first + j) + tx))
        put_position(ys, j, fmuladd(sy, y, along_y * (first + j) + ty))
        j += 1


@jit.inline
def straight(line, columns, lanes):
    """Slope * column + offset for a vector of columns."""
    return plus(times(spread(line[0], lanes), columns), spread(line[1], lanes))


@jit.inline
def affine_row(x, y, first, count, xs, ys):
    """Positions of an affine map."""
    for j in range(0, count, 8):
        columns = plus(counting(EIGHT), spread(np.float64(first + j), EIGHT))
        put_positions(xs, j, straight(x, columns, EIGHT))
        put_positions(ys, j, straight(y, columns, EIGHT))


@jit.inline
def homography_row(x, y, z, first, count, xs, ys):
    """Positions of a homography; NaN, so outside, at and behind the horizon (denominator <= 0)."""
    for j in range(0, count, 8):
        columns = plus(counting(EIGHT), spread(np.float64(first + j), EIGHT))
        depth = where_positive(straight(z, columns, EIGHT), np.nan)
        put_positions(xs, j, over(straight(x, columns, EIGHT), depth))
        put_positions(ys, j, over(straight(y, columns, EIGHT), depth))


@jit.inline
def basis_row(source, n, i, first, count, xs, ys):
    """Positions of a linear map, summed in float64: at the identity they come out on the pixels."""
    (functions, B, length), coefficients, scale, w = source.basis, source.coefficients, source.scale, source.w
    row, c = functions + 8 * (i * w + first), coefficients + 16 * B * n
    j = 0
    while j + 8 <= count:
        basis_lanes(row, 8 * length, c, B, scale, j, xs, ys, EIGHT)
        j += 8
    while j < count:
        basis_lanes(row, 8 * length, c, B, scale, j, xs, ys, ONE)
        j += 1


@jit.inline
def basis_lanes(row, step, c, B, scale, j, xs, ys, lanes):
    """Positions of a few neighbors: the sums stay in registers."""
    x, y = spread(0.0, lanes), spread(0.0, lanes)
    for b in range(B):
        functions = load(row + b * step + 8 * j, 0.0, lanes)
        x = add_product(x, spread(number(c, b), lanes), functions)
        y = add_product(y, spread(number(c, B + b), lanes), functions)
    put_positions(xs, j, straight(scale[0], x, lanes))
    put_positions(ys, j, straight(scale[1], y, lanes))


@jit.inline
def columns_reaching(source, n, i, w, axis, low, high):
    """Columns (start, stop) of output row i outside which no position along an axis (0 for x, 1 for y) is in [low, high].

    Known for a matrix: p >= low and p <= high are linear inequalities in the column, after multiplication by the
    denominator, which is positive wherever a position is inside. One column more on either side makes up for rounding.
    """
    start, stop = 0.0, np.float64(w)
    if source.kind == AFFINE or source.kind == HOMOGRAPHY:
        (slope, offset), (depth_slope, depth) = along_row(source.matrix, n, axis, i), along_row(source.matrix, n, 2, i)
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
