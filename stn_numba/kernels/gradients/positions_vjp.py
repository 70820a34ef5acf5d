"""From the gradient by positions to the gradient by the grid's own numbers: the backward of `sampling.positions`.

Sums over a row add eight pixels at a time, in a fixed order. Where a position gives no gradient the caller has set it to 0:
it may be NaN or infinite, and 0 times that is not 0.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import BASIS, DENSE
from stn_numba.kernels.sampling.positions import along_row, columns_from, float64_at
from stn_numba.kernels.simd.lanes import interleave, lane_sum, mask_bits
from stn_numba.kernels.simd.load_store import accumulate, load, size_of, store
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import get_position, get_product, put_product
from stn_numba.kernels.simd.vectors import EIGHT, ONE, arange, astype, floor, fma, full, maximum, minimum, to_float64, where


@jit.inline
def row_vjp(grid, n, i, first, count, positions, gradients, sums, zero, d_dense, band, partial):
    """Gradient by the grid's own numbers, from that by the positions of `count` pixels of row i from column `first` on.

    `positions` = (x, y), `gradients` = (gx, gy) and `sums` are scratch rows. `d_dense` is the address of the row's gradient by
    a dense grid, of which the pixels in the `band` are written; of other kinds the row's share is added to the float64 at
    `partial`, 9 for a homography, 2 B for a basis.
    """
    kind, (gx, gy) = grid.kind, gradients
    if kind == DENSE and grid.item == 8:
        dense_vjp(grid, 0.0, first, count, gx, gy, zero, d_dense, band)
    elif kind == DENSE:
        dense_vjp(grid, np.float32(0), first, count, gx, gy, zero, d_dense, band)
    elif kind == BASIS:
        basis_vjp(grid, i, first, count, gx, gy, zero, partial)
    else:
        depth_vjp(along_row(grid.matrix, n, 2, i), first, count, positions, gradients, sums, zero)
        matrix_vjp(i, first, count, sums, partial)


@jit.inline
def is_in_band(band, j):
    """Whether a piece writes the gradient by the position of pixel j: where a pixel reads two pieces' rows, one of them does.

    `band` is the row of the positions along y, the height of the image, and the rows [top, bottom) that the piece adds to.
    """
    return in_band_bits(band, j) & 1 == 1


@jit.inline
def in_band_bits(band, j):
    """As `is_in_band` of eight pixels from j on: bits of an integer, the lowest for the first; NaN is in no band."""
    ys, size, top, bottom = band
    lines = minimum(size - 1.0, maximum(0.0, floor(get_position(ys, j, EIGHT))))
    return mask_bits((lines >= np.float64(top)) & (lines < np.float64(bottom)))


@jit.inline
def dense_vjp(grid, dtype, first, count, gx, gy, zero, address, band):
    """Write the gradient by a dense grid of a dtype."""
    (scale_x, _, _, _), (scale_y, _, _, _) = grid.scale
    step, whole = size_of(dtype), band[2] == 0 and band[3] == band[1]
    for j in range(0, count, 8):
        inside = 255 if whole else in_band_bits(band, j)
        if inside == 255 and j + 8 <= count:
            x, y = to_float64(get_product(gx, zero, j, EIGHT)) * scale_x, to_float64(get_product(gy, zero, j, EIGHT)) * scale_y
            store(address + 2 * (first + j) * step, dtype, interleave(astype(x, dtype), astype(y, dtype)))
        elif inside != 0:
            for k in range(j, least(j + 8, count)):
                if inside >> (k - j) & 1:
                    place = address + 2 * (first + k) * step
                    store(place, dtype, type(dtype)(get_product(gx, zero, k) * scale_x))
                    store(place + step, dtype, type(dtype)(get_product(gy, zero, k) * scale_y))


@jit.inline
def affine_vjp(i, first, count, work, zero, partial):
    """As `row_vjp` for an affine map, for all rows of a strip at once; gx and gy are 0 behind `count`."""
    nothing = full(EIGHT, 0.0)
    sx = sy = sz = sxj = syj = szj = sxi = syi = szi = nothing
    for j in range(0, count, 8):
        dx, dy = to_float64(get_product(work.gx, zero, j, EIGHT)), to_float64(get_product(work.gy, zero, j, EIGHT))
        column = np.float64(first) + get_position(work.columns, j, EIGHT)
        line = np.float64(i) + get_position(work.lines, j, EIGHT)
        x = where(dx != 0.0, get_position(work.x, j, EIGHT), 0.0)
        y = where(dy != 0.0, get_position(work.y, j, EIGHT), 0.0)
        dz = nothing - fma(dy, y, dx * x)
        sx, sy, sz = sx + dx, sy + dy, sz + dz
        sxj, syj, szj = fma(dx, column, sxj), fma(dy, column, syj), fma(dz, column, szj)
        sxi, syi, szi = fma(dx, line, sxi), fma(dy, line, syi), fma(dz, line, szi)
    for k, total in enumerate((sxj, sxi, sx, syj, syi, sy, szj, szi, sz)):
        add_number(partial, k, lane_sum(total))


@jit.inline
def depth_vjp(depth, first, count, positions, gradients, sums, zero):
    """Gradients by X, Y and Z of x = X / Z, y = Y / Z. Behind `count` they are 0."""
    (xs, ys), (gx, gy), (dxs, dys, dzs), (slope, offset) = positions, gradients, sums, depth
    for j in range(0, count, 8):
        z, wanted = slope * columns_from(first + j) + offset, arange(EIGHT) < np.float64(count - j)
        inverse = full(EIGHT, 1.0) / where(z > 0.0, z, np.inf)
        dx, dy = to_float64(get_product(gx, zero, j, EIGHT)) * inverse, to_float64(get_product(gy, zero, j, EIGHT)) * inverse
        put_product(dxs, j, where(wanted, dx, 0.0))
        put_product(dys, j, where(wanted, dy, 0.0))
        dz = -1.0 * (dx * get_position(xs, j, EIGHT) + dy * get_position(ys, j, EIGHT))
        put_product(dzs, j, where(wanted, dz, 0.0))


@jit.inline
def add_number(address, index, value):
    """Add to an element of a float64 array at an address."""
    accumulate(address + 8 * index, 0.0, full(ONE, value))


@jit.inline
def matrix_vjp(i, first, count, sums, partial):
    """Add the sums over a row, plain and times column and row, to the gradient by a matrix."""
    for k, row in enumerate(sums):
        plain, by_column = full(EIGHT, 0.0), full(EIGHT, 0.0)
        for j in range(0, count, 8):
            values = get_product(row, 0.0, j, EIGHT)
            plain = plain + values
            by_column = fma(values, columns_from(first + j), by_column)
        total = lane_sum(plain)
        add_number(partial, 3 * k, lane_sum(by_column))
        add_number(partial, 3 * k + 1, total * i)
        add_number(partial, 3 * k + 2, total)


@jit.inline
def basis_vjp(grid, i, first, count, gx, gy, zero, partial):
    """Add the sums over a row of gradient times basis function."""
    (functions, B, length), scale, whole = grid.basis, grid.scale, count // 8 * 8
    for b in range(B):
        row = functions + 8 * (b * length + i * grid.w + first)
        x, y = full(EIGHT, 0.0), full(EIGHT, 0.0)
        for j in range(0, whole, 8):
            values = load(row + 8 * j, 0.0, EIGHT)
            x = fma(to_float64(get_product(gx, zero, j, EIGHT)), values, x)
            y = fma(to_float64(get_product(gy, zero, j, EIGHT)), values, y)
        sx, sy = lane_sum(x), lane_sum(y)
        for j in range(whole, count):
            sx += get_product(gx, zero, j) * float64_at(row, j)
            sy += get_product(gy, zero, j) * float64_at(row, j)
        add_number(partial, b, sx * scale[0][0])
        add_number(partial, B + b, sy * scale[1][0])
