"""One row of output on its way: positions, taps and weights in scratch rows, ready for the image to be read.

Everything that depends on grid, interpolation kernel and padding happens here; the loops over pixels and channels that
follow see only offsets and weights.

`rule` is the flat tuple (family, K, x_axis, y_axis, table, slope_table, fill, fills):

family, K            one of `taps`' families and its number of taps an axis
x_axis, y_axis       see `taps`
table, slope_table   polynomial pieces of the kernel and of its derivative; empty for the other families
fill, fills          (C,) what is read outside; fills is NO_FILL, FILL_OUTSIDE (positions beyond the image's edges
                     give `fill`) or FILL_TAPS (taps beyond the edge read it)
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels import jit, taps
from stn_numba.kernels.positions import row_positions
from stn_numba.kernels.vectors import address_of, peek

NO_FILL, FILL_OUTSIDE, FILL_TAPS = 0, 1, 2


@jit.inline
def scratch(w, K, like):
    """Rows to work in: xs, ys, x_signs, y_signs, x_offsets, y_offsets, x_weights, y_weights."""
    positions, offsets, weights = np.empty((4, w)), np.empty((2, K, w), np.int64), np.empty((2, K, w), like.dtype)
    return positions[0], positions[1], positions[2], positions[3], offsets[0], offsets[1], weights[0], weights[1]


@jit.inline
def to_next(axis):
    """Bytes from a pixel to its neighbour along an axis, 0 where there is none."""
    return np.int64(axis[taps.STEP]) if axis[taps.SIZE] > 1 else np.int64(0)


@jit.inline
def row_addresses(rule, rows, zero):
    """For loops over pixels: x_offsets, y_offsets, x_weights, y_weights as addresses, w, zero, right, down.

    `right` and `down` are the bytes from one pixel to its neighbour, 0 where there is none.
    """
    right, down = to_next(rule[2]), to_next(rule[3])
    return address_of(rows[4]), address_of(rows[5]), address_of(rows[6]), address_of(rows[7]), rows[0].size, zero, right, down


@jit.inline
def x_offset(rows, k, j):
    """Bytes from the image's first column to tap k of pixel j."""
    return peek(rows[0], np.int64(0), k * rows[4] + j)


@jit.inline
def y_offset(rows, k, j):
    """Bytes from the image's first row to tap k of pixel j."""
    return peek(rows[1], np.int64(0), k * rows[4] + j)


@jit.inline
def x_weight(rows, k, j):
    """Weight of tap k of pixel j along x."""
    return peek(rows[2], rows[5], k * rows[4] + j)


@jit.inline
def y_weight(rows, k, j):
    """Weight of tap k of pixel j along y."""
    return peek(rows[3], rows[5], k * rows[4] + j)


@jit.inline
def prepare_positions(rule, source, n, i, start, stop, rows):
    """Positions [start:stop] of output row i of grid n, hidden and folded as the padding wants."""
    x_axis, y_axis, fills = rule[2], rule[3], rule[7]
    xs, ys, x_signs, y_signs, _, _, _, _ = rows
    row_positions(source, n, i, start, stop, xs, ys)
    if fills == FILL_OUTSIDE:
        taps.hide_outside(x_axis, y_axis, start, stop, xs, ys)
    if x_axis[taps.MODE] >= taps.REFLECT:
        taps.fold_row(x_axis, start, stop, xs, x_signs)
        taps.fold_row(y_axis, start, stop, ys, y_signs)


@jit.inline
def prepare_row(rule, source, n, i, start, stop, rows):
    """Fill the scratch rows [start:stop] for output row i of grid n."""
    family, _, x_axis, y_axis, table, _, _, _ = rule
    xs, ys, _, _, x_offsets, y_offsets, x_weights, y_weights = rows
    prepare_positions(rule, source, n, i, start, stop, rows)
    if family == taps.BILINEAR:
        u, v = x_weights, y_weights
        taps.bilinear_taps(x_axis, y_axis, start, stop, xs, ys, x_offsets[0], u[0], u[1], v[0], v[1])
    else:
        taps.axis_taps(family, x_axis, table, start, stop, xs, x_offsets, x_weights)
        taps.axis_taps(family, y_axis, table, start, stop, ys, y_offsets, y_weights)


@jit.inline
def prepare_slopes(rule, rows, x_slopes, y_slopes):
    """Derivatives of the weights of a row that is prepared."""
    family, _, x_axis, y_axis, _, slope_table, _, _ = rule
    xs, ys, x_signs, y_signs, x_offsets, y_offsets, _, _ = rows
    taps.axis_slopes(family, x_axis, slope_table, xs, x_signs, x_offsets, x_slopes)
    taps.axis_slopes(family, y_axis, slope_table, ys, y_signs, y_offsets, y_slopes)


@jit.inline
def fill_shares(rule, rows, shares):
    """How much of the fill value each output pixel of a prepared row gets."""
    K, fills = rule[1], rule[7]
    xs, x_weights, y_weights = rows[0], rows[6], rows[7]
    for j in range(xs.size):
        if fills == FILL_OUTSIDE:
            shares[j] = 0 if xs[j] == xs[j] else 1
        else:
            across = down = shares.dtype.type(0)
            for k in range(K):
                across += x_weights[k, j]
                down += y_weights[k, j]
            shares[j] = 1 - across * down
