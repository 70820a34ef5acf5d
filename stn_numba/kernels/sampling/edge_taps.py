"""Pixels wherever they lie, at the edge of the image or beyond it: padding, and taps and weights of one position at a time.

Pixels whose taps all lie inside the image, nearly all of most images, are done eight at a time (`taps`, `interpolate`). Both
ways give the same bits, so it does not matter which pixels of a strip take which. An axis is a tuple of the numbers in
`constants`. A NaN fails every comparison and ends with weights of 0 at tap 0: whatever a grid holds, no index leaves the image.
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
from stn_numba.kernels.sampling.polynomial import evaluate, piece_of
from stn_numba.kernels.simd.load_store import load
from stn_numba.kernels.simd.scalars import greatest
from stn_numba.kernels.simd.scratch import get_position, get_product, put_position, put_product
from stn_numba.kernels.simd.vectors import fma

FARTHEST = 2.0**31  # beyond so many pixels a repeating image ends: float64 no longer tells where in it one is
NEXT_FLOAT = 2.0**-52  # the relative distance to the next float64


@jit.inline
def clip(x, low, high):
    """Clip x to [low, high]; NaN stays NaN."""
    x = low if x < low else x
    return high if x > high else x


@jit.inline
def clip_row(axis, count, xs, padded, factor):
    """Clip positions to the image; `factor` becomes the derivative, 1 or 0."""
    low, high = axis[LOW], axis[HIGH]
    for j in range(count):
        x = get_position(xs, j)
        put_product(factor, j, 1.0 if low <= x < high else 0.0)
        put_position(padded, j, clip(x, low, high))


@jit.inline
def round_row(count, xs, padded):
    """Move positions to the nearest pixel, ties to the even one."""
    for j in range(count):
        put_position(padded, j, np.rint(get_position(xs, j)))


@jit.inline
def fold_row(axis, count, xs, padded, factor, from_right):
    """Fold positions of a repeating image back into it; `factor` becomes the derivative, +1 or -1.

    In a mirrored copy the derivative from the right is the one from the left of the pixels that are read: `from_right` moves
    positions there to the left by rounding error, so that those on a pixel take the slope on its left.
    """
    first, length, mirrored = axis[FOLD_START], axis[FOLD_LENGTH], axis[MODE] == REFLECT
    period, shift = 2.0 * length if mirrored else length, NEXT_FLOAT if from_right else 0.0
    for j in range(count):
        x = get_position(xs, j)
        sign = 1.0
        if not (first <= x <= first + length):
            beyond = x - first
            beyond = beyond - np.floor(beyond / period) * period if period > 0.0 else beyond * 0.0
            if mirrored and beyond > length:
                beyond, sign = period - beyond, -1.0
            x = first + beyond if abs(x) < FARTHEST else np.nan
            x -= (abs(x) + 2.0**-20) * shift if sign < 0.0 else 0.0
        put_position(padded, j, x)
        put_product(factor, j, sign)


@jit.inline
def discard_outside(x_axis, y_axis, count, xs, ys, x_padded, y_padded):
    """Make positions beyond the outer edges of the border pixels NaN, so that they read the fill value."""
    right, bottom = x_axis[SIZE] - 0.5, y_axis[SIZE] - 0.5
    for j in range(count):
        x, y = get_position(xs, j), get_position(ys, j)
        nothing = 0.0 if -0.5 <= x <= right and -0.5 <= y <= bottom else np.nan
        put_position(x_padded, j, x + nothing)
        put_position(y_padded, j, y + nothing)


@jit.inline
def is_in_reach(axis, K, x):
    """Whether any tap may lie inside an image that does not go on beyond its edges."""
    return -np.float64(K) <= x <= axis[SIZE] - 1.0 + K


@jit.inline
def edge_taps(family, K, axis, table, x, indices, weights, zero, snap):
    """Fill `indices` and `weights` with the K taps of one position; return the sum of the weights, 1 if all lie inside.

    `snap`: a position just left of a pixel, as `fold_row` moves it, has the weights of that pixel.
    """
    if axis[MODE] == ZEROS and (family == BILINEAR or family == TENT_SLOPE):  # noqa: SIM109, a tuple would be a function
        return tent_taps(family, axis, x, indices, weights, zero)
    T, size, reach = type(zero), np.int64(axis[SIZE]), np.float64(K)
    base = np.rint(x) if family == NEAREST else np.floor(x)
    fraction = x - base if abs(x) < np.inf else 0.0
    fraction = 1.0 if snap and fraction > 1.0 - 2.0**-40 else fraction
    if axis[MODE] == BORDER:  # beyond the reach every tap reads the edge
        base = clip(base, -reach, axis[SIZE] - 1.0 + reach)
    near = -reach <= base <= axis[FOLD_START] + axis[FOLD_LENGTH] + reach
    first = np.int64(base if near else 0.0) - (K - 1) // 2
    piece, total = piece_of(table, fraction), zero
    for k in range(K):
        index, weight = first + k, edge_weight(family, table, piece, k, fraction, T(1))
        if index < 0 or index >= size:
            index, weight = pad(index, size, axis, weight)
        vanishes = snap and fraction == 1.0 and abs(weight) < T(2.0**-40)  # but for rounding
        weight = weight if near and not vanishes else zero
        put_product(indices, k, index)
        put_product(weights, k, weight)
        total += weight
    return T(1) if near and first >= 0 and first + K <= size else total


@jit.inline
def tent_taps(family, axis, x, indices, weights, zero):
    """As `edge_taps` for bilinear reading of an image followed by zeros, as `taps.tents` and `taps.tent_slopes` compute them.

    The two taps stay within the image, and their weights vanish by themselves beyond it.
    """
    T, one = type(zero), type(zero)(1)
    before = clip(np.floor(x), 0.0, greatest(axis[SIZE] - 2.0, 0.0))
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
def edge_taps_of_pixel(sampler, j, work, zero, snap):
    """Fill the workspace with the taps of pixel j along both axes; return the product of the sums of their weights."""
    total, xy = type(zero)(1), (get_position(work.x_padded, j), get_position(work.y_padded, j))
    for k in range(2):  # a loop, so that the code of an axis is compiled once
        axis, position = (sampler.x_axis, sampler.y_axis)[k], xy[k]
        indices, weights = (work.x_taps, work.y_taps)[k], (work.x_weights, work.y_weights)[k]
        total *= edge_taps(sampler.family, sampler.K, axis, sampler.table, position, indices, weights, zero, snap)
    return total


@jit.inline
def edge_slopes_of_pixel(sampler, j, work, zero):
    """As `edge_taps_of_pixel`, with the derivatives of the weights by the position."""
    family = TENT_SLOPE if sampler.family == BILINEAR else sampler.family
    xy = get_position(work.x_padded, j), get_position(work.y_padded, j)
    for k in range(2):
        axis, position = (sampler.x_axis, sampler.y_axis)[k], xy[k]
        indices, slopes = (work.x_taps, work.y_taps)[k], (work.x_slopes, work.y_slopes)[k]
        edge_taps(family, sampler.K, axis, sampler.slope_table, position, indices, slopes, zero, False)


@jit.inline
def edge_weight(family, table, piece, k, fraction, one):
    """Weight of tap k of a position a fraction of a pixel behind the pixel before it."""
    T = type(one)
    if family == NEAREST:
        return one
    if family == BILINEAR:
        first = one - T(fraction)
        return one - first if k == 1 else first
    if family == TENT_SLOPE:
        return one if k == 1 else -one
    return T(evaluate(table, piece, k, fraction))


@jit.inline
def interpolate_edge(K, image, address, work, start, zero):
    """The weighted sum of one pixel's taps in one channel, on top of `start`; a weight of zero takes nothing from a pixel.

    Sums go down the columns first, then across, as in `interpolate`.
    """
    total = start
    for b in range(K):
        u, column = get_product(work.x_weights, zero, b), zero
        if u != zero:
            line = address + get_product(work.x_taps, np.int64(0), b) * image.x_step
            for a in range(K):
                v = get_product(work.y_weights, zero, a)
                if v != zero:
                    pixel = line + get_product(work.y_taps, np.int64(0), a) * image.y_step
                    column = fma(v, load(pixel, image.dtype), column)
            total = fma(u, column, total)
    return total


@jit.inline
def pad(index, size, axis, weight):
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
