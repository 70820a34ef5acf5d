"""Taps of a pixel wherever it lies: at the edge of an image, beyond it, or nowhere. One position of one axis at a time.

An axis is a tuple of the numbers named below; a table is (address, pieces, K, terms) of float64 (pieces, 1 + K, terms).
Neither is an array, for arrays are reference-counted, atomically, and this is done for single pixels. A NaN fails
every comparison and ends with weights 0 at tap 0: whatever a grid holds, no index leaves the image.

Pixels whose taps all lie inside the image, nearly all of most images, take the fast way of `kernels.taps`.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels import jit
from stn_numba.kernels.memory import load_one
from stn_numba.kernels.scratch import position, put_position, put_product

# The numbers of an axis; positions in [INSIDE, BEYOND) have all taps inside the image
SIZE, LOW, HIGH, STEP, MODE, FOLD_START, FOLD_LENGTH, INSIDE, BEYOND = range(9)

# axis[MODE]: what a tap beyond the edge reads. From REFLECT on images repeat, and positions are folded back into them: by
# turning about, or, for kernels that are not even and must not be turned with the image, within the image and its mirror
# image.
ZEROS, BORDER, REFLECT, WRAP, REFLECT_TAPS = range(5)
NEAREST, BILINEAR, POLYNOMIAL, TENT_SLOPE = 0, 1, 2, 3  # families of interpolation kernels
FARTHEST = 2.0**31  # beyond so many pixels a repeating image ends: float64 no longer tells where in it one is


@jit.inline
def limit(x, low, high):
    """Limit x to [low, high]; NaN stays NaN."""
    x = low if x < low else x
    return high if x > high else x


@jit.inline
def limit_row(axis, count, xs, places, signs):
    """Limit positions to the image; signs gets the derivative, 1 or 0."""
    low, high = axis[LOW], axis[HIGH]
    for j in range(count):
        x = position(xs, 0.0, j)
        put_product(signs, j, 1.0 if low <= x < high else 0.0)
        put_position(places, j, limit(x, low, high))


@jit.inline
def fold_row(axis, count, xs, places, signs):
    """Bring positions of a repeating image back into it; signs gets the derivative, +1 or -1."""
    first, length, mirrored = axis[FOLD_START], axis[FOLD_LENGTH], axis[MODE] == REFLECT
    period = 2.0 * length if mirrored else length
    for j in range(count):
        x = position(xs, 0.0, j)
        sign = 1.0
        if not (first <= x <= first + length):
            beyond = x - first
            beyond = beyond - np.floor(beyond / period) * period if period > 0.0 else beyond * 0.0
            if mirrored and beyond > length:
                beyond, sign = period - beyond, -1.0
            x = first + beyond if abs(x) < FARTHEST else np.nan
        put_position(places, j, x)
        put_product(signs, j, sign)


@jit.inline
def hide_outside(x_axis, y_axis, count, xs, ys, x_places, y_places):
    """Make positions beyond the outer edges of the border pixels NaN, so that they read the fill value."""
    right, bottom = x_axis[SIZE] - 0.5, y_axis[SIZE] - 0.5
    for j in range(count):
        x, y = position(xs, 0.0, j), position(ys, 0.0, j)
        hidden = 0.0 if -0.5 <= x <= right and -0.5 <= y <= bottom else np.nan
        put_position(x_places, j, x + hidden)
        put_position(y_places, j, y + hidden)


@jit.inline
def reaches(axis, K, x):
    """Whether any tap may lie inside an image that does not go on beyond its edges."""
    return -np.float64(K) <= x <= axis[SIZE] - 1.0 + K


@jit.inline
def edge_taps(family, K, axis, table, x, indices, weights, zero):
    """Fill `indices` and `weights` with the K taps of one position; return the sum of the weights."""
    T, size, reach = type(zero), np.int64(axis[SIZE]), np.float64(K)
    base = np.rint(x) if family == NEAREST else np.floor(x)
    fraction = x - base if abs(x) < np.inf else 0.0
    if axis[MODE] == BORDER:  # beyond the reach every tap reads the edge
        base = limit(base, -reach, axis[SIZE] - 1.0 + reach)
    near = -reach <= base <= axis[FOLD_START] + axis[FOLD_LENGTH] + reach
    first = np.int64(base if near else 0.0) - (K - 1) // 2
    piece, total = piece_of(table, fraction), zero
    for k in range(K):
        index, weight = first + k, edge_weight(family, table, piece, k, fraction, T(1))
        if index < 0 or index >= size:
            index, weight = resolve(index, size, axis, weight)
        weight = weight if near else zero
        put_product(indices, k, index)
        put_product(weights, k, weight)
        total += weight
    return total


@jit.inline
def both_edge_taps(rule, x, y, rows, zero):
    """Taps and weights of one position along both axes, in the rows for them; return the sums of the weights."""
    across = edge_taps(rule.family, rule.K, rule.x_axis, rule.table, x, rows.x_taps, rows.x_weights, zero)
    down = edge_taps(rule.family, rule.K, rule.y_axis, rule.table, y, rows.y_taps, rows.y_weights, zero)
    return across, down


@jit.inline
def edge_slopes(family, K, axis, slope_table, x, indices, slopes, zero):
    """As `edge_taps`, with the derivatives of the weights by the position."""
    return edge_taps(TENT_SLOPE if family == BILINEAR else family, K, axis, slope_table, x, indices, slopes, zero)


@jit.inline
def edge_weight(family, table, piece, k, fraction, one):
    """Weight of tap k at a fraction of a pixel behind the pixel before the position."""
    T = type(one)
    if family == NEAREST:
        return one
    if family == BILINEAR:
        return T(fraction) if k == 1 else one - T(fraction)
    if family == TENT_SLOPE:
        return one if k == 1 else -one
    return T(polynomial(table, piece, k, fraction))


@jit.inline
def coefficient(table, piece, row, term):
    """table[piece, row, term]"""
    address, _, K, terms = table
    return load_one(address + 8 * ((piece * (1 + K) + row) * terms + term), 0.0)


@jit.inline
def piece_of(table, fraction):
    """Which piece of a table holds; 0 where there is no table. Row 0 of a piece starts with the fraction it holds from."""
    piece = 0
    while piece + 1 < table[1] and fraction >= coefficient(table, piece + 1, 0, 0):
        piece += 1
    return piece


@jit.inline
def polynomial(table, piece, k, fraction):
    """Value of the polynomial of tap k; row 1 + k of a piece has its coefficients, highest power first."""
    value = coefficient(table, piece, 1 + k, 0)
    for term in range(1, table[3]):
        value = value * fraction + coefficient(table, piece, 1 + k, term)
    return value


@jit.inline
def resolve(index, size, axis, weight):
    """The pixel that a tap beyond the edge reads, and its weight."""
    mode = axis[MODE]
    if mode == ZEROS:
        return np.int64(0), weight - weight
    if mode == BORDER:
        return (np.int64(0) if index < 0 else size - 1), weight
    if mode == WRAP:
        return index % size, weight
    if axis[FOLD_START] == 0.0:  # about centres: the edge pixel is not repeated
        index = index % max(2 * (size - 1), 1)
        return (2 * (size - 1) - index if index >= size else index), weight
    index = index % (2 * size)
    return (2 * size - 1 - index if index >= size else index), weight
