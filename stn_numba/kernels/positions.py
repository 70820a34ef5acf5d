"""Where the output pixels of one row read the input, in pixels, and the way back to the grid's own numbers.

A kernel gets every grid as one tuple `source`, whatever its kind:

    (kind, dense, matrix, basis, coefficients, scale)

dense         (N, h, w, 2)  normalised positions in the image's type
matrix        (N, 3, 3)     homography from output pixels to input pixels, float64
basis         (B, h * w)    basis functions at the output pixels, float64
coefficients  (N, 2, B)     float64
scale         (4,)          sx, tx, sy, ty: pixel = sx * normalised + tx, float64

The arrays of the other kinds have length 0. No grid is ever built from a matrix or from a basis: a row of
positions is worked out where it is used, and thrown away.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels import jit

DENSE, AFFINE, HOMOGRAPHY, BASIS = 0, 1, 2, 3


@jit.inline
def row_positions(source, n, i, xs, ys):
    """Fill xs, ys (w,) with the input positions of output row i of grid n, in pixels."""
    kind, dense, matrix, basis, coefficients, scale = source
    if kind == DENSE:
        dense_row(dense[n, i], scale, xs, ys)
    elif kind == AFFINE:
        affine_row(matrix[n], i, xs, ys)
    elif kind == HOMOGRAPHY:
        homography_row(matrix[n], i, xs, ys)
    else:
        basis_row(basis, i * xs.size, coefficients[n], scale, xs, ys)


@jit.inline
def dense_row(row, scale, xs, ys):
    """Positions of a dense grid: one multiply-add each."""
    T = xs.dtype.type
    sx, tx, sy, ty = T(scale[0]), T(scale[1]), T(scale[2]), T(scale[3])
    for j in range(xs.size):
        xs[j] = row[j, 0] * sx + tx
        ys[j] = row[j, 1] * sy + ty


@jit.inline
def affine_row(m, i, xs, ys):
    """Positions of an affine map; the row's offset is worked out in float64."""
    T = xs.dtype.type
    ax, bx = T(m[0, 0]), T(m[0, 1] * i + m[0, 2])
    ay, by = T(m[1, 0]), T(m[1, 1] * i + m[1, 2])
    for j in range(xs.size):
        xs[j] = ax * T(j) + bx
        ys[j] = ay * T(j) + by


@jit.inline
def homography_row(m, i, xs, ys):
    """Positions of a homography; NaN, so outside, at and behind the horizon (denominator <= 0)."""
    bx, by, bz = m[0, 1] * i + m[0, 2], m[1, 1] * i + m[1, 2], m[2, 1] * i + m[2, 2]
    for j in range(xs.size):
        z = m[2, 0] * j + bz
        inverse = 1.0 / z if z > 0.0 else np.nan
        xs[j] = (m[0, 0] * j + bx) * inverse
        ys[j] = (m[1, 0] * j + by) * inverse


@jit.inline
def basis_row(basis, start, c, scale, xs, ys):
    """Positions of a linear map, summed in float64: at the identity they come out on the pixels."""
    w = xs.size
    x, y = np.zeros(w), np.zeros(w)
    for b in range(c.shape[1]):
        row = basis[b, start : start + w]
        for j in range(w):
            x[j] += c[0, b] * row[j]
            y[j] += c[1, b] * row[j]
    for j in range(w):
        xs[j] = x[j] * scale[0] + scale[1]
        ys[j] = y[j] * scale[2] + scale[3]


@jit.inline
def pull_back_row(source, n, i, xs, ys, gx, gy, d_dense_row, partial):
    """Turn the gradient by a row's pixel positions into the gradient by the grid's own numbers.

    A dense grid gets its row; the others get the row's share in `partial` (9 for a matrix, 2 B for a basis), to be
    summed over the rows in a fixed order.
    """
    kind, _, matrix, basis, _, scale = source
    if kind == DENSE:
        for j in range(gx.size):
            d_dense_row[j, 0] = gx[j] * scale[0]
            d_dense_row[j, 1] = gy[j] * scale[2]
    elif kind == BASIS:
        pull_back_basis(basis, i * gx.size, gx, gy, scale, partial)
    else:
        pull_back_homography(matrix[n], i, xs, ys, gx, gy, partial)


@jit.inline
def pull_back_homography(m, i, xs, ys, gx, gy, partial):
    """Sums over the row of d(x, y)/d(m), for x = X / Z, y = Y / Z."""
    bz = m[2, 1] * i + m[2, 2]
    sx = sy = sz = sxj = syj = szj = 0.0
    for j in range(gx.size):
        if gx[j] != 0 or gy[j] != 0:  # else a position may be NaN or infinite, and 0 times that is not 0
            inverse = 1.0 / (m[2, 0] * j + bz)
            dx, dy = gx[j] * inverse, gy[j] * inverse
            dz = -((dx * xs[j] if gx[j] != 0 else 0.0) + (dy * ys[j] if gy[j] != 0 else 0.0))
            sx, sy, sz = sx + dx, sy + dy, sz + dz
            sxj, syj, szj = sxj + dx * j, syj + dy * j, szj + dz * j
    partial[0], partial[1], partial[2] = sxj, sx * i, sx
    partial[3], partial[4], partial[5] = syj, sy * i, sy
    partial[6], partial[7], partial[8] = szj, sz * i, sz


@jit.inline
def pull_back_basis(basis, start, gx, gy, scale, partial):
    """Sums over the row of gradient times basis function."""
    w, count = gx.size, basis.shape[0]
    for b in range(count):
        row = basis[b, start : start + w]
        sx = sy = 0.0
        for j in range(w):
            sx += gx[j] * row[j]
            sy += gy[j] * row[j]
        partial[b] = sx * scale[0]
        partial[count + b] = sy * scale[2]
