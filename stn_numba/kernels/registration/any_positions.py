"""Where the pixels of a strip read an image: at positions in memory, by basis functions, or by a lattice of displacements.

Positions are float64, so they are exact in images of any size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.compiler.intrinsics import intrinsic
from stn_numba.kernels.registration.gather import put_offsets
from stn_numba.kernels.registration.positions import clear_behind
from stn_numba.kernels.registration.rows import OFFSETS, PX, PY, SUMS, TX, TY, WEIGHT, get, put
from stn_numba.kernels.simd.lanes import mask_bits
from stn_numba.kernels.simd.llvm import shuffle
from stn_numba.kernels.simd.raw import load_raw
from stn_numba.kernels.simd.scalars import greatest, least
from stn_numba.kernels.simd.scratch import put_product
from stn_numba.kernels.simd.vectors import EIGHT, Vector, arange, astype, floor, fma, full, maximum, minimum, to_float64, where

PIXEL = np.float32(0)  # any number of the type of pixels
_EIGHT_FLOAT64 = Vector(types.float64, 8)


class Basis(NamedTuple):
    """Functions at all pixels: address of the first (h w) float32, bytes to the next, how many, address of coefficients."""

    address: int
    step: int
    count: int
    coefficients: int  # (2, count) float64


class Lattice(NamedTuple):
    """A lattice of displacements (2, rows, columns) float64, and the weights of each row and column of pixels."""

    control: int
    rows: int
    columns: int
    reach: int  # S: control points along an axis that displace a pixel
    cells: int  # (count, 3) int64: first column of pixels, the one behind the last, first control point
    count: int
    across: int  # (S, ...) float32: weights of each column of pixels
    across_step: int  # bytes
    down: int  # (h, S) float64
    tops: int  # (h,) int64: first control point of each row


@intrinsic(lambda *vectors: types.UniTuple(_EIGHT_FLOAT64, 2)(*vectors))
def split_pairs(code, *vectors):
    """The first and the second numbers of eight pairs, which two vectors hold."""
    return code.tuple([shuffle(code.builder, *vectors, range(first, 16, 2)) for first in (0, 1)])


@intrinsic(lambda vector: Vector(types.float32, 8)(vector))
def interpolated(code, vector):
    """Eight numbers between the first three of a vector of four, four to each interval."""
    builder = code.builder
    left, right = (shuffle(builder, vector, vector, [k] * 4 + [k + 1] * 4) for k in (0, 1))
    part = ir.Constant(left.type, [0.0, 0.25, 0.5, 0.75] * 2)
    return builder.fadd(left, builder.fmul(builder.fsub(right, left), part))


@jit.inline
def put_taps_of(x, y, limits, j, work):
    """Write offset, fractions and weight of eight pixels at positions; return a mask of those inside."""
    right = np.float64(greatest(limits.W - 2, np.int64(0)))
    below = np.float64(greatest(limits.H - 2, np.int64(0)))
    mask = (x >= 0.0) & (x <= np.float64(limits.W - 1)) & (y >= 0.0) & (y <= np.float64(limits.H - 1))
    before_x = minimum(maximum(floor(x), 0.0), right)
    before_y = minimum(maximum(floor(y), 0.0), below)
    put_offsets(work + OFFSETS, j, before_x, before_y, limits.step)
    put(work + TX, j, astype(where(mask, x - before_x, 0.0), PIXEL))
    put(work + TY, j, astype(where(mask, y - before_y, 0.0), PIXEL))
    put(work + WEIGHT, j, astype(where(mask, full(EIGHT, 1.0), 0.0), PIXEL))
    return mask_bits(mask)


@jit.inline
def dense_strip(positions, scale, place, limits, count, work):
    """Fill the rows of offsets, fractions and weights of a strip from positions (h w, 2) float64; return whether any is inside.

    A pixel is read at scale[0] * x + scale[1], scale[2] * y + scale[3]; `place` is the number of the strip's first one.
    """
    inside = 0
    for j in range(0, count, 8):
        address = positions + 16 * (place + j)
        if j + 8 > count:
            for k in range(16):
                put_product(work + SUMS, k, load_raw(address + 8 * k, 0.0) if k < 2 * (count - j) else 0.0)
            address = work + SUMS
        x, y = split_pairs(load_raw(address, 0.0, EIGHT), load_raw(address + 64, 0.0, EIGHT))
        inside |= put_taps_of(fma(x, scale[0], scale[1]), fma(y, scale[2], scale[3]), limits, j, work)
    clear_behind(count, work)
    return inside != 0


@jit.inline
def basis_strip(basis, scale, place, limits, count, work):
    """As `dense_strip`, for positions that are sums of basis functions times coefficients."""
    inside = 0
    for j in range(0, count, 8):
        x, y = full(EIGHT, 0.0), full(EIGHT, 0.0)
        for b in range(basis.count):
            value = to_float64(load_raw(basis.address + b * basis.step + 4 * (place + j), PIXEL, EIGHT))
            coefficient = basis.coefficients + 8 * b
            x = fma(value, load_raw(coefficient, 0.0), x)
            y = fma(value, load_raw(coefficient + 8 * basis.count, 0.0), y)
        inside |= put_taps_of(fma(x, scale[0], scale[1]), fma(y, scale[2], scale[3]), limits, j, work)
    clear_behind(count, work)
    return inside != 0


@jit.inline
def control_of_row(lattice, axis, i, column):
    """The displacement along an axis of row i at a column of control points."""
    top, total = load_raw(lattice.tops + 8 * i, np.int64(0)), 0.0
    for c in range(lattice.reach):
        place = (axis * lattice.rows + top + c) * lattice.columns + column
        weight = load_raw(lattice.down + 8 * (i * lattice.reach + c), 0.0)
        total += weight * load_raw(lattice.control + 8 * place, 0.0)
    return total


@jit.inline
def cell_of(lattice, k, first, count):
    """Cell k: its pixels within a strip of a row, [left, right), and its first control point."""
    cell = lattice.cells + 24 * k
    left = greatest(load_raw(cell, np.int64(0)) - first, np.int64(0))
    right = least(load_raw(cell + 8, np.int64(0)) - first, count)
    return left, right, load_raw(cell + 16, np.int64(0))


@jit.inline
def lattice_strip(lattice, scale, axes, i, first, limits, count, work):
    """As `dense_strip`, for row i, displaced by a lattice from normalized positions `axes`."""
    for k in range(lattice.count):
        left, right, column = cell_of(lattice, k, first, count)
        if left < right:
            for j in range(left, right, 8):
                put(work + PX, j, full(EIGHT, PIXEL))
                put(work + PY, j, full(EIGHT, PIXEL))
            for a in range(lattice.reach):
                shift_x = np.float32(scale[0] * control_of_row(lattice, 0, i, column + a))
                shift_y = np.float32(scale[2] * control_of_row(lattice, 1, i, column + a))
                weights = lattice.across + a * lattice.across_step + 4 * first
                for j in range(left, right, 8):
                    weight = load_raw(weights + 4 * j, PIXEL, EIGHT)
                    put(work + PX, j, fma(weight, shift_x, get(work + PX, j)))
                    put(work + PY, j, fma(weight, shift_y, get(work + PY, j)))
    y, inside = scale[2] * (axes[2] * i + axes[3]) + scale[3], 0
    for j in range(0, count, 8):
        columns = arange(EIGHT) + np.float64(first + j)
        x = fma(columns, scale[0] * axes[0], scale[0] * axes[1] + scale[1])
        inside |= put_taps_of(x + to_float64(get(work + PX, j)), to_float64(get(work + PY, j)) + y, limits, j, work)
    clear_behind(count, work)
    return inside != 0
