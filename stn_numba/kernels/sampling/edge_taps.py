"""Taps of a pixel wherever it lies: at the edge of an image, beyond it, or nowhere. One position of one axis at a time.

An axis is a tuple of the numbers named below; a table is (address, pieces, K, terms) of float64 (pieces, 1 + K, terms).
Neither is an array, for arrays are reference-counted, atomically, and this is done for single pixels. A NaN fails
every comparison and ends with weights 0 at tap 0: whatever a grid holds, no index leaves the image.

Pixels whose taps all lie inside the image, nearly all of most images, take the fast way of `taps`. Both ways give the
same bits, so it does not matter which pixels of a strip take which.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import (
    BILINEAR,
    BORDER,
    FOLD_LENGTH,
    FOLD_START,
    HIGH,
    LOW,
    MODE,
    NEAREST,
    REFLECT,
    SIZE,
    TENT_SLOPE,
    WRAP,
    ZEROS,
)
from stn_numba.kernels.simd.load_store import load_one
from stn_numba.kernels.simd.scalars import greatest
from stn_numba.kernels.simd.scratch import found, position, put_position, put_product
from stn_numba.kernels.simd.vectors import fmuladd

FARTHEST = 2.0**31  # beyond so many pixels a repeating image ends: float64 no longer tells where in it one is
HAIR = 2.0**-52  # the relative distance to the next float64


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
def round_row(count, xs, places):
    """Move positions to the nearest pixel, ties to the even one."""
    for j in range(count):
        put_position(places, j, np.rint(position(xs, 0.0, j)))


@jit.inline
def fold_row(axis, count, xs, places, signs, from_right):
    """Bring positions of a repeating image back into it; signs gets the derivative, +1 or -1.

    In a mirrored copy the derivative from the right is the one from the left of the pixels that are read: `from_right` moves
    positions there to the left by a hair, so that those on a pixel take the slope on its left.
    """
    first, length, mirrored = axis[FOLD_START], axis[FOLD_LENGTH], axis[MODE] == REFLECT
    period, hair = 2.0 * length if mirrored else length, HAIR if from_right else 0.0
    for j in range(count):
        x = position(xs, 0.0, j)
        sign = 1.0
        if not (first <= x <= first + length):
            beyond = x - first
            beyond = beyond - np.floor(beyond / period) * period if period > 0.0 else beyond * 0.0
            if mirrored and beyond > length:
                beyond, sign = period - beyond, -1.0
            x = first + beyond if abs(x) < FARTHEST else np.nan
            x -= (abs(x) + 2.0**-20) * hair if sign < 0.0 else 0.0
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
def edge_taps(family, K, axis, table, x, indices, weights, zero, snap):
    """Fill `indices` and `weights` with the K taps of one position; return the sum of the weights, 1 if all lie inside.

    `snap`: a position that lies by a hair to the left of a pixel, as `fold_row` moves it, has the weights of that pixel.
    """
    if axis[MODE] == ZEROS and (family == BILINEAR or family == TENT_SLOPE):  # noqa: SIM109, a tuple would be a function
        return tent_taps(family, axis, x, indices, weights, zero)
    T, size, reach = type(zero), np.int64(axis[SIZE]), np.float64(K)
    base = np.rint(x) if family == NEAREST else np.floor(x)
    fraction = x - base if abs(x) < np.inf else 0.0
    fraction = 1.0 if snap and fraction > 1.0 - 2.0**-40 else fraction
    if axis[MODE] == BORDER:  # beyond the reach every tap reads the edge
        base = limit(base, -reach, axis[SIZE] - 1.0 + reach)
    near = -reach <= base <= axis[FOLD_START] + axis[FOLD_LENGTH] + reach
    first = np.int64(base if near else 0.0) - (K - 1) // 2
    piece, total = piece_of(table, fraction), zero
    for k in range(K):
        index, weight = first + k, edge_weight(family, table, piece, k, fraction, T(1))
        if index < 0 or index >= size:
            index, weight = resolve(index, size, axis, weight)
        vanishes = snap and fraction == 1.0 and abs(weight) < T(2.0**-40)  # but for rounding
        weight = weight if near and not vanishes else zero
        put_product(indices, k, index)
        put_product(weights, k, weight)
        total += weight
    return T(1) if near and first >= 0 and first + K <= size else total


@jit.inline
def tent_taps(family, axis, x, indices, weights, zero):
    """As `edge_taps` for bilinear reading of an image followed by zeros, as `taps.tents` and `taps.tent_slopes` have them.

    The two taps stay within the image and their weights vanish by themselves beyond it.
    """
    T, one = type(zero), type(zero)(1)
    before = limit(np.floor(x), 0.0, greatest(axis[SIZE] - 2.0, 0.0))
    near = -1.0 <= x < axis[SIZE]
    behind = x - before if near else 2.0  # float64: just before a pixel is not behind it
    before = np.int64(before if near else 0.0)
    total = zero
    for k in range(2):
        lone = k == 1 and axis[SIZE] <= 1.0
        weight = greatest(zero, one - abs(T(behind) - T(k)))
        if family == TENT_SLOPE:
            weight = one if -1.0 <= behind - k < 0.0 else (-one if 0.0 <= behind - k < 1.0 else zero)
        weight = zero if lone else weight
        put_product(indices, k, np.int64(0) if lone else before + k)
        put_product(weights, k, weight)
        total += weight
    return total


@jit.inline
def both_edge_taps(rule, x, y, rows, zero, snap):
    """Taps and weights of one position along both axes, in the rows for them; return the product of the sums of the weights."""
    total = type(zero)(1)
    for k in range(2):  # a loop, so that the code of an axis is compiled once
        axis, place = (rule.x_axis, rule.y_axis)[k], (x, y)[k]
        indices, weights = (rows.x_taps, rows.y_taps)[k], (rows.x_weights, rows.y_weights)[k]
        total *= edge_taps(rule.family, rule.K, axis, rule.table, place, indices, weights, zero, snap)
    return total


@jit.inline
def both_edge_slopes(rule, x, y, rows, zero):
    """As `both_edge_taps`, with the derivatives of the weights by the position."""
    family = TENT_SLOPE if rule.family == BILINEAR else rule.family
    for k in range(2):
        axis, place = (rule.x_axis, rule.y_axis)[k], (x, y)[k]
        indices, slopes = (rows.x_taps, rows.y_taps)[k], (rows.x_slopes, rows.y_slopes)[k]
        edge_taps(family, rule.K, axis, rule.slope_table, place, indices, slopes, zero, False)


@jit.inline
def edge_weight(family, table, piece, k, fraction, one):
    """Weight of tap k at a fraction of a pixel behind the pixel before the position."""
    T = type(one)
    if family == NEAREST:
        return one
    if family == BILINEAR:
        first = one - T(fraction)
        return one - first if k == 1 else first
    if family == TENT_SLOPE:
        return one if k == 1 else -one
    return T(polynomial(table, piece, k, fraction))


@jit.inline
def edge_value(K, image, address, rows, start, zero):
    """The weighted sum of one pixel's taps in one channel, on top of `start`; a weight of zero takes nothing from a pixel.

    Sums go down the columns first, then across, as `blends` does it.
    """
    x_taps, us, y_taps, vs, none = rows.x_taps, rows.x_weights, rows.y_taps, rows.y_weights, np.int64(0)
    total = start
    for b in range(K):
        u, column = found(us, zero, b), zero
        if u != zero:
            line = address + found(x_taps, none, b) * image.x_step
            for a in range(K):
                v = found(vs, zero, a)
                if v != zero:
                    column = fmuladd(v, load_one(line + found(y_taps, none, a) * image.y_step, image.like), column)
            total = fmuladd(u, column, total)
    return total


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
    if axis[FOLD_START] == 0.0:  # about centers: the edge pixel is not repeated
        index = index % greatest(2 * (size - 1), 1)
        return (2 * (size - 1) - index if index >= size else index), weight
    index = index % (2 * size)
    return (2 * size - 1 - index if index >= size else index), weight
