"""From the gradient by positions to the gradient by the grid's own numbers: the backward of `volumes.positions`."""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import AFFINE, BASIS, DENSE
from stn_numba.kernels.gradients.positions_vjp import add_number
from stn_numba.kernels.sampling.positions import columns_from, float64_at
from stn_numba.kernels.simd.lanes import lane_sum
from stn_numba.kernels.simd.load_store import load, size_of, store
from stn_numba.kernels.simd.scratch import get_position, get_product, put_position, put_product
from stn_numba.kernels.simd.vectors import EIGHT, astype, fma, full, to_float64, where
from stn_numba.kernels.volumes.bands import is_in_band, is_whole
from stn_numba.kernels.volumes.positions import along_row
from stn_numba.kernels.volumes.workspace import factors, gradients, offsets_of, positions


@jit.inline
def padding_vjp(job, count, is_padded):
    """Apply the chain rule through padding; without a gradient, the position becomes 0: it may be NaN."""
    memory, zero = job.memory, job.zero
    for axis in range(3):
        xs, row, factors_of_axis = positions(memory)[axis], gradients(memory)[axis], factors(memory)[axis]
        for j in range(0, count, 8):
            gradient = get_product(row, zero, j, EIGHT)
            if is_padded:  # zero times a gradient that is not finite is zero
                factor = astype(get_product(factors_of_axis, 0.0, j, EIGHT), zero)
                gradient = where(gradient != 0.0, where(factor != 0.0, gradient * factor, 0.0), 0.0)
                put_product(row, j, gradient)
            if job.grid.kind != DENSE:  # whose positions tell which voxels are the piece's own
                put_position(xs, j, where(to_float64(gradient) != 0.0, get_position(xs, j, EIGHT), 0.0))


@jit.inline
def add_to_grid(job, n, k, i, first, count, sums):
    """Add what a row gives: to the dense positions at `sums`, or to the sums of a piece."""
    grid = job.grid
    if grid.kind == DENSE:
        (_, d, h, w, _) = job.size
        place = sums + 3 * (((n * d + k) * h + i) * w + first) * grid.item
        if grid.item == 8:
            dense_vjp(job, 0.0, count, place)
        else:
            dense_vjp(job, np.float32(0), count, place)
    elif grid.kind == BASIS:
        basis_vjp(job, k, i, first, count, sums)
    else:
        matrix_vjp(job, n * job.steps[1], k, i, first, count, sums)


@jit.inline
def dense_vjp(job, dtype, count, address):
    """Write the gradient by dense positions of a dtype, of the voxels that belong to the piece."""
    size, rows, zero, whole = size_of(dtype), gradients(job.memory), job.zero, is_whole(job)
    for j in range(count):
        if whole or is_in_band(job, j, 0):
            for axis in range(3):
                value = get_product(rows[axis], zero, j) * job.grid.scale[axis][0]
                store(address + (3 * j + axis) * size, dtype, type(dtype)(value))


@jit.inline
def basis_vjp(job, k, i, first, count, partial):
    """Add the sums over a row of gradient times basis function."""
    (functions, B, length), grid, whole = job.grid.basis, job.grid, count // 8 * 8
    start = functions + 8 * ((k * grid.h + i) * grid.w + first)
    for axis in range(3):
        row, scale = gradients(job.memory)[axis], grid.scale[axis][0]
        for b in range(B):
            values, total = start + 8 * b * length, full(EIGHT, 0.0)
            for j in range(0, whole, 8):
                total = fma(to_float64(get_product(row, job.zero, j, EIGHT)), load(values + 8 * j, 0.0, EIGHT), total)
            rest = lane_sum(total)
            for j in range(whole, count):
                rest += get_product(row, job.zero, j) * float64_at(values, j)
            add_number(partial, axis * B + b, rest * scale)


@jit.inline
def matrix_vjp(job, n, k, i, first, count, partial):
    """Add the sums over a row, plain and times column, row and plane, to the gradient by a matrix."""
    terms = divided(job, n, k, i, first, count)
    for axis in range(4):
        plain, by_column = full(EIGHT, 0.0), full(EIGHT, 0.0)
        for j in range(0, count, 8):
            values = get_product(terms[axis], 0.0, j, EIGHT)
            plain, by_column = plain + values, fma(values, columns_from(first + j), by_column)
        total = lane_sum(plain)
        add_number(partial, 4 * axis, lane_sum(by_column))
        add_number(partial, 4 * axis + 1, total * i)
        add_number(partial, 4 * axis + 2, total * k)
        add_number(partial, 4 * axis + 3, total)


@jit.inline
def divided(job, n, k, i, first, count):
    """Rows of gradients by the numerators X, Y, Z and the denominator V of x = X / V, y = Y / V, z = Z / V, in float64.

    They take the place of the derivatives of padding and of the offsets, which are no longer needed.
    """
    memory, zero, (slope, offset) = job.memory, job.zero, along_row(job.grid, n, 3, k, i)
    gx, gy, gz = gradients(memory)
    x, y, z = positions(memory)
    terms = (*factors(memory), offsets_of(memory))
    for j in range(0, count, 8):
        dx, dy = to_float64(get_product(gx, zero, j, EIGHT)), to_float64(get_product(gy, zero, j, EIGHT))
        dz = to_float64(get_product(gz, zero, j, EIGHT))
        if job.grid.kind != AFFINE:
            depth = slope * columns_from(first + j) + offset
            inverse = inverse_in_front(depth)
            dx, dy, dz = dx * inverse, dy * inverse, dz * inverse
        put_product(terms[0], j, dx)
        put_product(terms[1], j, dy)
        put_product(terms[2], j, dz)
        along_z = fma(dz, get_position(z, j, EIGHT), dy * get_position(y, j, EIGHT))
        put_product(terms[3], j, full(EIGHT, 0.0) - fma(dx, get_position(x, j, EIGHT), along_z))
    return terms


@jit.inline
def inverse_in_front(depth):
    """1 / depth, and 0 at and behind the horizon."""
    return where(depth > 0.0, 1.0 / where(depth > 0.0, depth, 1.0), 0.0)
