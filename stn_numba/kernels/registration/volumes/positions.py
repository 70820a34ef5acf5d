"""Where the voxels of a strip read a volume: under a matrix, at positions in memory, or displaced by a lattice.

Positions are float64, so they are exact in volumes of any size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.any_positions import cell_of
from stn_numba.kernels.registration.gather import put_offsets
from stn_numba.kernels.registration.positions import ROUNDING, clear_behind
from stn_numba.kernels.registration.rows import INVERSE, OFFSETS, PX, PY, TX, TY, WEIGHT, get, put
from stn_numba.kernels.registration.volumes.rows import PZ, TZ
from stn_numba.kernels.simd.lanes import mask_bits
from stn_numba.kernels.simd.raw import load_raw
from stn_numba.kernels.simd.scalars import greatest
from stn_numba.kernels.simd.scratch import get_position, get_product, put_position, put_product
from stn_numba.kernels.simd.vectors import EIGHT, arange, astype, floor, fma, full, maximum, minimum, to_float64, where

VOXEL = np.float32(0)  # any number of the type of voxels


class Limits(NamedTuple):
    """Size of a volume, and elements from a row to the next, rows from a plane to the next."""

    W: int
    H: int
    D: int
    step: int
    rows: int


class Lattice(NamedTuple):
    """A lattice of displacements (3, planes, rows, columns) float64, and the weights of planes, rows and columns of voxels."""

    control: int
    planes: int
    rows: int
    columns: int
    reach: int  # S: control points along an axis that displace a voxel
    cells: int  # (count, 3) int64: first column of voxels, the one behind the last, first control point
    count: int
    across: int  # (S, ...) float32: weights of each column of voxels
    across_step: int  # bytes
    down: int  # (h, S) float64
    deep: int  # (d, S) float64
    fronts: int  # (d,) int64: first control point of each plane
    tops: int  # (h,) int64: first control point of each row


@jit.inline
def axis_taps(position, size):
    """The whole number before eight positions within [0, size - 2], and which positions are inside, but for rounding."""
    last = np.float64(greatest(size - 2, np.int64(0)))
    inside = (position >= -ROUNDING) & (position <= np.float64(size - 1) + ROUNDING)
    return minimum(maximum(floor(position), 0.0), last), inside


@jit.inline
def put_taps(x, y, z, limits, j, work):
    """Write offset, fractions and weight of eight voxels at positions; return a mask of those inside."""
    before_x, in_x = axis_taps(x, limits.W)
    before_y, in_y = axis_taps(y, limits.H)
    before_z, in_z = axis_taps(z, limits.D)
    mask = in_x & in_y & in_z
    put_offsets(work + OFFSETS, j, before_x, fma(before_z, np.float64(limits.rows), before_y), limits.step)
    put(work + TX, j, astype(where(mask, x - before_x, 0.0), VOXEL))
    put(work + TY, j, astype(where(mask, y - before_y, 0.0), VOXEL))
    put(work + TZ, j, astype(where(mask, z - before_z, 0.0), VOXEL))
    put(work + WEIGHT, j, astype(where(mask, full(EIGHT, 1.0), 0.0), VOXEL))
    return mask_bits(mask)


@jit.inline
def along_row(matrix, axis, axes, k, i):
    """(slope, start): a row of a matrix times (u, v, w, 1) is slope * column + start along row i of plane k."""
    row = matrix + 32 * axis
    v, w = axes[2] * i + axes[3], axes[4] * k + axes[5]
    a, b = load_raw(row, 0.0), load_raw(row + 8, 0.0)
    c, d = load_raw(row + 16, 0.0), load_raw(row + 24, 0.0)
    return a * axes[0], a * axes[1] + (b * v + (c * w + d))


@jit.inline
def matrix_strip(matrix, axes, projective, k, i, first, limits, count, work):
    """Fill the rows of offsets, fractions and weights of a strip of row i of plane k; return whether any voxel is inside.

    `axes` = (step of u, u of column 0, then the same of v and w).
    """
    (x_slope, x0), (y_slope, y0) = along_row(matrix, 0, axes, k, i), along_row(matrix, 1, axes, k, i)
    (z_slope, z0), (t_slope, t0) = along_row(matrix, 2, axes, k, i), along_row(matrix, 3, axes, k, i)
    inside = 0
    for j in range(0, count, 8):
        columns = arange(EIGHT) + np.float64(first + j)
        x, y, z = fma(columns, x_slope, x0), fma(columns, y_slope, y0), fma(columns, z_slope, z0)
        if projective:
            depth = fma(columns, t_slope, t0)
            inverse = where(depth > 0.0, 1.0 / depth, np.nan)
            x, y, z = x * inverse, y * inverse, z * inverse
            put(work + INVERSE, j, astype(inverse, VOXEL))
            put(work + PX, j, astype(x, VOXEL))
            put(work + PY, j, astype(y, VOXEL))
            put(work + PZ, j, astype(z, VOXEL))
        inside |= put_taps(x, y, z, limits, j, work)
    clear_behind(count, work)
    return inside != 0


@jit.inline
def dense_strip(positions, scale, limits, count, work):
    """As `matrix_strip`, for positions (count, 3) float64; those of x are scale[0] * x + scale[1], and so on."""
    inside, lines = 0, work + PX  # the rows of float32 are not needed here
    for j in range(0, count, 8):
        for lane in range(8):
            address = positions + 24 * (j + lane)
            for axis in range(3):
                value = load_raw(address + 8 * axis, 0.0) if j + lane < count else 0.0
                put_position(lines, 8 * axis + lane, value)
        x, y, z = get_position(lines, 0, EIGHT), get_position(lines, 8, EIGHT), get_position(lines, 16, EIGHT)
        x, y, z = fma(x, scale[0], scale[1]), fma(y, scale[2], scale[3]), fma(z, scale[4], scale[5])
        inside |= put_taps(x, y, z, limits, j, work)
    clear_behind(count, work)
    return inside != 0


@jit.inline
def write_shifts(lattice, scale, k, i, shifts):
    """Write the displacements in voxels of row i of plane k at all columns of control points, (3, columns) float32."""
    reach = lattice.reach
    front, top = load_raw(lattice.fronts + 8 * k, np.int64(0)), load_raw(lattice.tops + 8 * i, np.int64(0))
    for axis in range(3):
        for column in range(lattice.columns):
            total = 0.0
            for c in range(reach):
                line = ((axis * lattice.planes + front + c) * lattice.rows + top) * lattice.columns + column
                part = 0.0
                for b in range(reach):
                    weight = load_raw(lattice.down + 8 * (i * reach + b), 0.0)
                    part += weight * load_raw(lattice.control + 8 * (line + b * lattice.columns), 0.0)
                total += load_raw(lattice.deep + 8 * (k * reach + c), 0.0) * part
            factor = scale[0] if axis == 0 else scale[2] if axis == 1 else scale[4]
            put_product(shifts, axis * lattice.columns + column, np.float32(total * factor))


@jit.inline
def lattice_strip(lattice, scale, axes, shifts, k, i, first, limits, count, work):
    """As `matrix_strip`, displaced from normalized positions `axes`; `shifts` holds what `write_shifts` wrote for the row."""
    for n in range(lattice.count):
        left, right, column = cell_of(lattice, n, first, count)
        if left < right:
            for j in range(left, right, 8):
                for row in (work + PX, work + PY, work + PZ):
                    put(row, j, full(EIGHT, VOXEL))
            for a in range(lattice.reach):
                weights = lattice.across + a * lattice.across_step + 4 * first
                shift_x = get_product(shifts, VOXEL, column + a)
                shift_y = get_product(shifts, VOXEL, lattice.columns + column + a)
                shift_z = get_product(shifts, VOXEL, 2 * lattice.columns + column + a)
                for j in range(left, right, 8):
                    weight = load_raw(weights + 4 * j, VOXEL, EIGHT)
                    put(work + PX, j, fma(weight, shift_x, get(work + PX, j)))
                    put(work + PY, j, fma(weight, shift_y, get(work + PY, j)))
                    put(work + PZ, j, fma(weight, shift_z, get(work + PZ, j)))
    y, z = scale[2] * (axes[2] * i + axes[3]) + scale[3], scale[4] * (axes[4] * k + axes[5]) + scale[5]
    inside = 0
    for j in range(0, count, 8):
        columns = arange(EIGHT) + np.float64(first + j)
        x = fma(columns, scale[0] * axes[0], scale[0] * axes[1] + scale[1]) + to_float64(get(work + PX, j))
        inside |= put_taps(x, to_float64(get(work + PY, j)) + y, to_float64(get(work + PZ, j)) + z, limits, j, work)
    clear_behind(count, work)
    return inside != 0
