"""A strip of an output row on its way: positions, taps and weights in scratch rows, ready for the image to be read.

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
from stn_numba.kernels.positions import BASIS, row_positions
from stn_numba.kernels.vectors import address_of, peek, size_of

NO_FILL, FILL_OUTSIDE, FILL_TAPS = 0, 1, 2


STRIP = 512  # pixels of an output row that are worked on at a time
TILE_ROWS = 4  # strips one below the other: what they read of a turned image then stays in the first cache


@jit.inline
def padded(count):
    """Count rounded up to whole vectors: taps of the few pixels more cost less than a remainder one by one."""
    return (count + 15) // 16 * 16


@jit.inline
def scratch(w, K, like):
    """Rows to work in: xs, ys, x_signs, y_signs, x_offsets, y_offsets, x_weights, y_weights."""
    size = padded(min(w, STRIP))
    positions, offsets = np.empty((4, size)), np.empty((2, K, size), np.int64)
    weights = np.empty((2, K, size), like.dtype)
    return positions[0], positions[1], positions[2], positions[3], offsets[0], offsets[1], weights[0], weights[1]


@jit.inline
def image_and_row(row, source, size):
    """Output image n and row i of the row that is so and so many through all images.

    Grids of one basis take turns row by row: each strip of basis functions is fetched once for all images.
    """
    batch, h, _, _ = size
    return (row % batch, row // batch) if source[0] == BASIS else (row // h, row % h)


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
def last_followed(rule, rows, address, like):
    """Address of the farthest pixel behind which an element more is there to be read; 0, none, where steps run backwards."""
    x_axis, y_axis = rule[2], rule[3]
    last = (x_axis[taps.SIZE] - 1.0) * x_axis[taps.STEP] + (y_axis[taps.SIZE] - 1.0) * y_axis[taps.STEP]
    return address + np.int64(last) - size_of(like) if rows[6] >= 0 and rows[7] >= 0 else np.int64(0)


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
def prepare_positions(rule, source, n, i, first, count, rows):
    """Positions of `count` pixels of output row i of grid n from column `first` on, hidden and folded as the padding wants."""
    x_axis, y_axis, fills = rule[2], rule[3], rule[7]
    xs, ys, x_signs, y_signs, _, _, _, _ = rows
    row_positions(source, n, i, first, count, xs, ys)
    for j in range(count, padded(count)):
        xs[j], ys[j] = xs[count - 1], ys[count - 1]
    if fills == FILL_OUTSIDE:
        taps.hide_outside(x_axis, y_axis, count, xs, ys)
    if x_axis[taps.MODE] >= taps.REFLECT:
        taps.fold_row(x_axis, count, xs, x_signs)
        taps.fold_row(y_axis, count, ys, y_signs)


@jit.inline
def prepare_row(rule, source, n, i, first, count, rows):
    """Fill the scratch rows for `count` pixels of output row i of grid n from column `first` on."""
    family, _, x_axis, y_axis, table, _, _, _ = rule
    xs, ys, _, _, x_offsets, y_offsets, x_weights, y_weights = rows
    prepare_positions(rule, source, n, i, first, count, rows)
    count = padded(count)
    if family == taps.BILINEAR:
        u, v = x_weights, y_weights
        taps.bilinear_taps(x_axis, y_axis, count, xs, ys, x_offsets[0], u[0], u[1], v[0], v[1])
    else:
        taps.axis_taps(family, x_axis, table, count, xs, x_offsets, x_weights)
        taps.axis_taps(family, y_axis, table, count, ys, y_offsets, y_weights)


@jit.inline
def prepare_slopes(rule, count, rows, x_slopes, y_slopes):
    """Derivatives of the weights of a strip that is prepared."""
    count = padded(count)
    family, _, x_axis, y_axis, _, slope_table, _, _ = rule
    xs, ys, x_signs, y_signs, x_offsets, y_offsets, _, _ = rows
    taps.axis_slopes(family, x_axis, slope_table, count, xs, x_signs, x_offsets, x_slopes)
    taps.axis_slopes(family, y_axis, slope_table, count, ys, y_signs, y_offsets, y_slopes)


@jit.inline
def fill_shares(rule, count, rows, shares):
    """How much of the fill value each output pixel of a prepared strip gets."""
    K, fills = rule[1], rule[7]
    xs, x_weights, y_weights = rows[0], rows[6], rows[7]
    for j in range(count):
        if fills == FILL_OUTSIDE:
            shares[j] = 0 if xs[j] == xs[j] else 1
        else:
            across = down = shares.dtype.type(0)
            for k in range(K):
                across += x_weights[k, j]
                down += y_weights[k, j]
            shares[j] = 1 - across * down
