"""From the gradient by the positions of a row to the gradient by the grid's own numbers: the way back of `sampling.positions`.

Sums over a row go eight pixels at a time in a fixed order. Where a position gives no gradient it has been set to 0
before, since it may be NaN or infinite, and 0 times that is not 0.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import BASIS, DENSE
from stn_numba.kernels.sampling.positions import along_row, number
from stn_numba.kernels.simd.load_store import accumulate, load, size_of, store_one
from stn_numba.kernels.simd.scalars import greatest, least
from stn_numba.kernels.simd.scratch import found, position, positions, products, put_product
from stn_numba.kernels.simd.vectors import (
    EIGHT,
    ONE,
    add_product,
    counting,
    lane_sum,
    minus,
    plus,
    spread,
    times,
    where_not_zero,
    widened,
)


@jit.inline
def pull_back_row(source, n, i, first, count, places, gradients, sums, zero, d_dense, own, partial):
    """Turn the gradient by `count` pixel positions of row i from column `first` on into that by the grid's own numbers.

    `places` = (xs, ys), `gradients` = (gx, gy) and `sums` are rows. `d_dense` is the address of the row's gradient by a dense
    grid, of which `own` pixels are written, see `is_own`; of the other kinds the share is added to the float64 at `partial`, 9
    for a homography, 2 B for a basis.
    """
    kind, (gx, gy) = source.kind, gradients
    if kind == DENSE and source.item == 8:
        pull_back_dense(source, 0.0, first, count, gx, gy, zero, d_dense, own)
    elif kind == DENSE:
        pull_back_dense(source, np.float32(0), first, count, gx, gy, zero, d_dense, own)
    elif kind == BASIS:
        pull_back_basis(source, i, first, count, gx, gy, zero, partial)
    else:
        depth_gradients(along_row(source.matrix, n, 2, i), first, count, places, gradients, sums, zero)
        pull_back_matrix(i, first, count, sums, partial)


@jit.inline
def is_own(own, j):
    """Whether the gradient by a pixel's position is a piece's to work out: where a pixel gives to two, one does.

    `own` is the row of the positions along y, the height of the image, and the rows [top, bottom) that the piece adds to.
    """
    ys, size, top, bottom = own
    line = least(greatest(np.floor(position(ys, 0.0, j)), 0.0), size - 1.0)
    return top <= line < bottom


@jit.inline
def pull_back_dense(source, like, first, count, gx, gy, zero, address, own):
    """The gradient by a dense grid of a dtype."""
    (scale_x, _, _, _), (scale_y, _, _, _) = source.scale
    step, whole = size_of(like), own[2] == 0 and own[3] == own[1]
    for j in range(count):
        if not (whole or is_own(own, j)):
            continue
        store_one(address + 2 * (first + j) * step, like, type(like)(found(gx, zero, j) * scale_x))
        store_one(address + (2 * (first + j) + 1) * step, like, type(like)(found(gy, zero, j) * scale_y))


@jit.inline
def pull_back_affine(i, first, count, rows, zero, partial):
    """As `pull_back_row` for an affine map, and for all rows of a strip at once; gx and gy are 0 behind `count`."""
    nothing = spread(0.0, EIGHT)
    sx = sy = sz = sxj = syj = szj = sxi = syi = szi = nothing
    for j in range(0, count, 8):
        dx, dy = widened(products(rows.gx, zero, j, EIGHT)), widened(products(rows.gy, zero, j, EIGHT))
        column = plus(spread(np.float64(first), EIGHT), positions(rows.columns, 0.0, j, EIGHT))
        line = plus(spread(np.float64(i), EIGHT), positions(rows.lines, 0.0, j, EIGHT))
        x, y = where_not_zero(positions(rows.xs, 0.0, j, EIGHT), dx), where_not_zero(positions(rows.ys, 0.0, j, EIGHT), dy)
        dz = minus(nothing, add_product(times(dx, x), dy, y))
        sx, sy, sz = plus(sx, dx), plus(sy, dy), plus(sz, dz)
        sxj, syj, szj = add_product(sxj, dx, column), add_product(syj, dy, column), add_product(szj, dz, column)
        sxi, syi, szi = add_product(sxi, dx, line), add_product(syi, dy, line), add_product(szi, dz, line)
    for k, total in enumerate((sxj, sxi, sx, syj, syi, sy, szj, szi, sz)):
        add_number(partial, k, lane_sum(total))


@jit.inline
def depth_gradients(depth, first, count, places, gradients, sums, zero):
    """Gradients by X, Y and Z of x = X / Z, y = Y / Z. Behind `count` they are 0."""
    (xs, ys), (gx, gy), (dxs, dys, dzs), (slope, offset) = places, gradients, sums, depth
    for j in range(count):
        z = slope * (first + j) + offset
        inverse = 1.0 / (z if z > 0.0 else np.inf)
        dx, dy = np.float64(found(gx, zero, j)) * inverse, np.float64(found(gy, zero, j)) * inverse
        put_product(dxs, j, dx)
        put_product(dys, j, dy)
        put_product(dzs, j, -(dx * position(xs, 0.0, j) + dy * position(ys, 0.0, j)))
    for j in range(count, (count + 7) // 8 * 8):
        put_product(dxs, j, 0.0)
        put_product(dys, j, 0.0)
        put_product(dzs, j, 0.0)


@jit.inline
def add_number(address, index, value):
    """Add to a float64 of an array at an address."""
    accumulate(address + 8 * index, 0.0, spread(value, ONE))


@jit.inline
def pull_back_matrix(i, first, count, sums, partial):
    """Add the sums over a row, plain and times column and row, to the gradient by a matrix."""
    for k, row in enumerate(sums):
        plain, by_column = spread(0.0, EIGHT), spread(0.0, EIGHT)
        for j in range(0, count, 8):
            values = products(row, 0.0, j, EIGHT)
            plain = plus(plain, values)
            by_column = add_product(by_column, values, plus(counting(EIGHT), spread(np.float64(first + j), EIGHT)))
        total = lane_sum(plain)
        add_number(partial, 3 * k, lane_sum(by_column))
        add_number(partial, 3 * k + 1, total * i)
        add_number(partial, 3 * k + 2, total)


@jit.inline
def pull_back_basis(source, i, first, count, gx, gy, zero, partial):
    """Add the sums over a row of gradient times basis function."""
    (functions, B, length), scale, w = source.basis, source.scale, source.w
    whole = count // 8 * 8
    for b in range(B):
        row = functions + 8 * (b * length + i * w + first)
        x, y = spread(0.0, EIGHT), spread(0.0, EIGHT)
        for j in range(0, whole, 8):
            values = load(row + 8 * j, 0.0, EIGHT)
            x = add_product(x, widened(products(gx, zero, j, EIGHT)), values)
            y = add_product(y, widened(products(gy, zero, j, EIGHT)), values)
        sx, sy = lane_sum(x), lane_sum(y)
        for j in range(whole, count):
            sx += found(gx, zero, j) * number(row, j)
            sy += found(gy, zero, j) * number(row, j)
        add_number(partial, b, sx * scale[0][0])
        add_number(partial, B + b, sy * scale[1][0])
