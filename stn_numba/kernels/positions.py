"""Where the output pixels of one row read the input, in pixels, and the way back to the grid's own numbers.

A kernel gets every grid as one flat tuple `source`, whatever its kind:

    (kind, address, like, n_step, y_step, x_step, c_step, matrix, basis, coefficients, scale, w)

address ... c_step   dense positions (N, h, w, 2), any layout, as `kernels.vectors` says of images
matrix        (N, 3, 3)     homography from output pixels to input pixels, float64
basis         (B, h * w)    basis functions at the output pixels, float64
coefficients  (N, 2, B)     float64
scale         (2, 4)        for x and y (scale, offset, along j, along i): pixel = scale * value + offset + along . (j, i)

w             columns of the output

The arrays of the other kinds have length 0. No grid is ever built from a matrix or from a basis: a row of
positions is worked out where it is used, and thrown away. Positions are float64 whatever the image holds: on an axis of
4096 pixels float32 would leave them wrong by 1e-4 of a pixel.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels import jit
from stn_numba.kernels.vectors import EIGHT, ONE, add_scaled, address_of, load, load_one, put, spread, store

DENSE, AFFINE, HOMOGRAPHY, BASIS = 0, 1, 2, 3


@jit.inline
def row_positions(source, n, i, first, count, xs, ys):
    """Fill xs, ys with the input positions of `count` pixels of output row i of grid n from column `first` on, in pixels."""
    kind, matrix = source[0], source[7]
    if kind == DENSE:
        dense_row(source, n, i, first, count, xs, ys)
    elif kind == AFFINE:
        affine_row(matrix[n], i, first, count, xs, ys)
    elif kind == HOMOGRAPHY:
        homography_row(matrix[n], i, first, count, xs, ys)
    else:
        basis_row(source, n, i, first, count, xs, ys)


@jit.inline
def dense_row(source, n, i, first, count, xs, ys):
    """Positions of a dense grid: one multiply-add each, and the pixel's own place for displacements."""
    _, address, like, n_step, y_step, x_step, c_step, _, _, _, scale, _ = source
    sx, tx, along_x = scale[0, 0], scale[0, 1] + scale[0, 3] * i, scale[0, 2]
    sy, ty, along_y = scale[1, 0], scale[1, 1] + scale[1, 3] * i, scale[1, 2]
    row = address + n * n_step + i * y_step + first * x_step
    for j in range(count):
        put(xs, j, np.float64(load_one(row + j * x_step, like)) * sx + (along_x * (first + j) + tx))
        put(ys, j, np.float64(load_one(row + j * x_step + c_step, like)) * sy + (along_y * (first + j) + ty))


@jit.inline
def affine_row(m, i, first, count, xs, ys):
    """Positions of an affine map."""
    ax, bx = m[0, 0], m[0, 1] * i + m[0, 2]
    ay, by = m[1, 0], m[1, 1] * i + m[1, 2]
    for j in range(count):
        put(xs, j, ax * (first + j) + bx)
        put(ys, j, ay * (first + j) + by)


@jit.inline
def homography_row(m, i, first, count, xs, ys):
    """Positions of a homography; NaN, so outside, at and behind the horizon (denominator <= 0)."""
    ax, bx = m[0, 0], m[0, 1] * i + m[0, 2]
    ay, by = m[1, 0], m[1, 1] * i + m[1, 2]
    az, bz = m[2, 0], m[2, 1] * i + m[2, 2]
    for j in range(count):
        z = az * (first + j) + bz
        hidden = 0.0 if z > 0.0 else np.nan  # added, since a division under a condition is no vector code
        put(xs, j, (ax * (first + j) + bx) / z + hidden)
        put(ys, j, (ay * (first + j) + by) / z + hidden)


@jit.inline
def basis_row(source, n, i, first, count, xs, ys):
    """Positions of a linear map, summed in float64: at the identity they come out on the pixels."""
    basis, c, scale, w = source[8], source[9][n], source[10], source[11]
    address, step = address_of(basis) + 8 * (i * w + first), 8 * basis.shape[1]
    j = 0
    while j + 8 <= count:
        basis_lanes(address, step, c, j, xs, ys, EIGHT)
        j += 8
    while j < count:
        basis_lanes(address, step, c, j, xs, ys, ONE)
        j += 1
    for j in range(count):
        xs[j] = xs[j] * scale[0, 0] + scale[0, 1]
        ys[j] = ys[j] * scale[1, 0] + scale[1, 1]


@jit.inline
def basis_lanes(address, step, c, j, xs, ys, lanes):
    """Positions of a few neighbours: the sums stay in registers."""
    x, y = spread(0.0, lanes), spread(0.0, lanes)
    for b in range(c.shape[1]):
        functions = load(address + b * step + 8 * j, 0.0, lanes)
        x, y = add_scaled(x, c[0, b], functions), add_scaled(y, c[1, b], functions)
    store(address_of(xs) + 8 * j, 0.0, x)
    store(address_of(ys) + 8 * j, 0.0, y)


@jit.inline
def columns_reaching(source, n, i, w, low, high):
    """Columns (start, stop) of output row i outside which no position has y in [low, high].

    Known for a matrix: y >= low and y <= high are linear inequalities in the column, after multiplication by the
    denominator, which is positive wherever a position is inside. One column more on either side makes up for rounding.
    """
    kind, m = source[0], source[7]
    start, stop = 0.0, np.float64(w)
    if kind in (AFFINE, HOMOGRAPHY):
        for sign, bound in ((1.0, low), (-1.0, high)):
            slope = sign * (m[n, 1, 0] - bound * m[n, 2, 0])
            offset = sign * (m[n, 1, 1] * i + m[n, 1, 2] - bound * (m[n, 2, 1] * i + m[n, 2, 2]))
            crossing = -offset / slope
            if slope > 0:  # a NaN fails the comparisons and limits nothing
                start = crossing - 1.0 if crossing - 1.0 > start else start
            elif slope < 0:
                stop = crossing + 2.0 if crossing + 2.0 < stop else stop
            elif slope == 0 and offset < 0:
                stop = 0.0
    return (np.int64(start), np.int64(stop)) if start < stop else (np.int64(0), np.int64(0))


@jit.inline
def pull_back_row(source, n, i, first, count, xs, ys, gx, gy, d_dense_row, partial):
    """Turn the gradient by `count` pixel positions of a row into the gradient by the grid's own numbers.

    A dense grid gets its row; the others get the share added to `partial` (9 for a matrix, 2 B for a basis), to be
    summed over the rows in a fixed order.
    """
    kind, matrix, scale = source[0], source[7], source[10]
    if kind == DENSE:
        for j in range(count):
            d_dense_row[first + j, 0] = gx[j] * scale[0, 0]
            d_dense_row[first + j, 1] = gy[j] * scale[1, 0]
    elif kind == BASIS:
        pull_back_basis(source, i, first, count, gx, gy, partial)
    elif kind == AFFINE:
        pull_back_affine(i, first, count, gx, gy, xs, ys, partial)
    else:
        pull_back_homography(matrix[n], i, first, count, xs, ys, gx, gy, partial)


@jit.inline
def add_to_matrix(partial, i, sx, sy, sz, sxj, syj, szj):
    """Add sums over a row, plain and times the column, to the gradient by a matrix."""
    for k, (plain, times_j) in enumerate(((sx, sxj), (sy, syj), (sz, szj))):
        partial[3 * k] += times_j
        partial[3 * k + 1] += plain * i
        partial[3 * k + 2] += plain


@jit.inline
def pull_back_affine(i, first, count, gx, gy, xs, ys, partial):
    """As for a homography whose denominator is 1 everywhere: no division."""
    sx = sy = sz = sxj = syj = szj = 0.0
    for j in range(count):
        dx, dy = np.float64(gx[j]), np.float64(gy[j])
        dz = -((dx * xs[j] if dx != 0 else 0.0) + (dy * ys[j] if dy != 0 else 0.0))
        column = np.float64(first + j)
        sx, sy, sz = sx + dx, sy + dy, sz + dz
        sxj, syj, szj = sxj + dx * column, syj + dy * column, szj + dz * column
    add_to_matrix(partial, i, sx, sy, sz, sxj, syj, szj)


@jit.inline
def pull_back_homography(m, i, first, count, xs, ys, gx, gy, partial):
    """Sums over the row of d(x, y)/d(m), for x = X / Z, y = Y / Z."""
    bz = m[2, 1] * i + m[2, 2]
    sx = sy = sz = sxj = syj = szj = 0.0
    for j in range(count):
        if gx[j] != 0 or gy[j] != 0:  # else a position may be NaN or infinite, and 0 times that is not 0
            column = np.float64(first + j)
            inverse = 1.0 / (m[2, 0] * column + bz)
            dx, dy = gx[j] * inverse, gy[j] * inverse
            dz = -((dx * xs[j] if gx[j] != 0 else 0.0) + (dy * ys[j] if gy[j] != 0 else 0.0))
            sx, sy, sz = sx + dx, sy + dy, sz + dz
            sxj, syj, szj = sxj + dx * column, syj + dy * column, szj + dz * column
    add_to_matrix(partial, i, sx, sy, sz, sxj, syj, szj)


@jit.inline
def pull_back_basis(source, i, first, count, gx, gy, partial):
    """Sums over the row of gradient times basis function."""
    basis, scale, start = source[8], source[10], i * source[11] + first
    for b in range(basis.shape[0]):
        row = basis[b, start : start + count]
        sx = sy = 0.0
        for j in range(count):
            sx += gx[j] * row[j]
            sy += gy[j] * row[j]
        partial[b] += sx * scale[0, 0]
        partial[basis.shape[0] + b] += sy * scale[1, 0]
