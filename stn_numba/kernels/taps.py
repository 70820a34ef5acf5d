"""Taps of one axis: which pixels a row of positions reads, with what weights, and how the weights change.

`offsets` (K, w) gets each tap's distance from the image's first element in bytes, `weights` (K, w) its weight,
`slopes` (K, w) the derivative of the weight by the position. All later work is the same for every kernel and padding.

An axis is an array of the numbers named below. A NaN fails every comparison and ends with weights 0 at
tap 0: whatever a grid holds, no index leaves the image.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels import jit
from stn_numba.kernels.vectors import get, put

SIZE, LOW, HIGH, STEP, MODE, FOLD_START, FOLD_LENGTH = range(7)  # the numbers of an axis

ZEROS, BORDER, REFLECT, WRAP = 0, 1, 2, 3  # axis[MODE]: what a tap beyond the edge reads
NEAREST, BILINEAR, POLYNOMIAL = 0, 1, 2  # families of interpolation kernels
FARTHEST = 2.0**31  # beyond so many pixels a repeating image ends: float64 no longer tells where in it one is


@jit.inline
def fold_row(axis, count, xs, signs):
    """Bring positions of a repeating image back into it; signs gets the derivative, +1 or -1."""
    first, length = axis[FOLD_START], axis[FOLD_LENGTH]
    mirrored = axis[MODE] == REFLECT
    for j in range(count):
        x = xs[j]
        sign = 1.0
        if not (first <= x <= first + length):
            period = 2.0 * length if mirrored else length
            beyond = x - first
            beyond = beyond - np.floor(beyond / period) * period if period > 0.0 else beyond * 0.0
            if mirrored and beyond > length:
                beyond, sign = period - beyond, -1.0
            x = first + beyond if abs(x) < FARTHEST else np.nan
        xs[j], signs[j] = x, sign


@jit.inline
def axis_taps(family, axis, table, count, xs, offsets, weights):
    """Taps and weights along one axis for `count` positions."""
    if family == NEAREST:
        nearest_taps(axis, count, xs, offsets, weights)
    else:
        polynomial_taps(axis, table, count, xs, offsets, weights)


@jit.inline
def axis_slopes(family, axis, slope_table, count, xs, signs, offsets, slopes):
    """Derivatives of the weights that `axis_taps` gave for the same positions."""
    if family == BILINEAR:
        bilinear_slopes(axis, count, xs, slopes)
    elif family == NEAREST:
        slopes[:] = 0
    else:
        polynomial_taps(axis, slope_table, count, xs, offsets, slopes)
    if axis[MODE] >= REFLECT:
        for k in range(len(slopes)):
            for j in range(count):
                slopes[k, j] *= slopes.dtype.type(signs[j])


@jit.inline
def limit(x, low, high):
    """Limit x to [low, high]; NaN stays NaN."""
    x = low if x < low else x
    return high if x > high else x


@jit.inline
def positive(x):
    """max(0, x), with 0 for NaN."""
    return x if x > 0.0 else 0.0


@jit.inline
def first_tap(x, last):
    """Floor of x limited to [0, last]; NaN gives 0."""
    first = positive(np.floor(x))
    return first if first < last else last


@jit.inline
def bilinear_limits(x_axis, y_axis, one):
    """What `four_taps` needs to know of the two axes, in the types in which it reckons; `one` is a weight of 1."""
    last_x, last_y = max(x_axis[SIZE] - 2.0, 0.0), max(y_axis[SIZE] - 2.0, 0.0)
    second_x = one if x_axis[SIZE] > 1.0 else one - one
    second_y = one if y_axis[SIZE] > 1.0 else one - one
    x_limits = x_axis[LOW], x_axis[HIGH], last_x, x_axis[STEP], second_x
    return x_limits, (y_axis[LOW], y_axis[HIGH], last_y, y_axis[STEP], second_y)


@jit.inline
def four_taps(x, y, x_limits, y_limits, one):
    """First tap of the two-by-two in bytes from the first element, and tent weights max(0, 1 - |d|) along x and y.

    The weights follow the position, not the limited tap, so outside they vanish by themselves: no mask.
    """
    T = type(one)
    x_low, x_high, x_last, x_step, x_second = x_limits
    y_low, y_high, y_last, y_step, y_second = y_limits
    x, y = limit(x, x_low, x_high), limit(y, y_low, y_high)
    column, row = first_tap(x, x_last), first_tap(y, y_last)
    dx, dy = T(x - column), T(y - row)
    offset = np.int64(column * x_step + row * y_step)  # whole numbers, exact as float64 up to 2**53 bytes
    return offset, tent(dx, one), tent(dx - one, one) * x_second, tent(dy, one), tent(dy - one, one) * y_second


@jit.inline
def bilinear_taps(x_axis, y_axis, count, xs, ys, offsets, u0, u1, v0, v1):
    """`four_taps` of a row of positions."""
    one = u0.dtype.type(1)
    x_limits, y_limits = bilinear_limits(x_axis, y_axis, one)
    for j in range(count):
        offset, left, right, top, bottom = four_taps(get(xs, j), get(ys, j), x_limits, y_limits, one)
        put(offsets, j, offset)
        put(u0, j, left)
        put(u1, j, right)
        put(v0, j, top)
        put(v1, j, bottom)


@jit.inline
def tent(d, one):
    """max(0, 1 - |d|), with 0 for NaN; `one` keeps the arithmetic in its type."""
    zero, weight = one - one, one - abs(d)
    return weight if weight > zero else zero


@jit.inline
def tent_slope(d):
    """Derivative of max(0, 1 - |d|), taken from the right where the tent has a corner."""
    falling = 0.0 <= d < 1.0
    rising = -1.0 <= d < 0.0
    return -1.0 if falling else (1.0 if rising else 0.0)


@jit.inline
def bilinear_slopes(axis, count, xs, slopes):
    """Derivatives of the tents; zero where a position was limited, so that huge ones pull nothing."""
    T = slopes.dtype.type
    low, high = axis[LOW], axis[HIGH]
    last, second = max(axis[SIZE] - 2.0, 0.0), 1.0 if axis[SIZE] > 1.0 else 0.0
    slopes0, slopes1 = slopes[0], slopes[1]
    for j in range(count):
        x = get(xs, j)
        inside = 1.0 if low <= x < high else 0.0
        x = limit(x, low, high)
        d = x - first_tap(x, last)
        put(slopes0, j, T(tent_slope(d) * inside))
        put(slopes1, j, T(tent_slope(d - 1.0) * inside * second))


@jit.inline
def nearest_taps(axis, count, xs, offsets, weights):
    """The nearest pixel, ties to even; weight 1, or 0 outside a zero-padded image."""
    T = weights.dtype.type
    size, step = axis[SIZE], np.int64(axis[STEP])
    for j in range(count):
        tap = np.rint(xs[j])
        if axis[MODE] == WRAP and tap >= size:
            tap = 0.0
        inside = 0.0 <= tap < size or (axis[MODE] != ZEROS and xs[j] == xs[j])
        tap = limit(tap, 0.0, size - 1.0)
        offsets[0, j] = np.int64(tap) * step if inside else np.int64(0)
        weights[0, j] = T(1) if inside else T(0)


@jit.inline
def polynomial_taps(axis, table, count, xs, offsets, weights):
    """Weights that are polynomials in the fraction of the position: table (S, 1 + K, degree + 1).

    Piece s holds for fractions from table[s, 0, 0] on; row 1 + k has the coefficients of tap k, highest power first.
    """
    K = table.shape[1] - 1
    low, high = np.float64(K // 2 - 1), axis[SIZE] - K // 2
    outside = 0
    for j in range(count):
        outside += 0 if low <= xs[j] < high else 1
    if outside == 0 and table.shape[0] == 1 and table.shape[2] <= 4:
        inner_taps(axis, table[0], count, xs, offsets, weights)
    else:
        edge_taps(axis, table, count, xs, offsets, weights)


@jit.inline
def inner_taps(axis, piece, count, xs, offsets, weights):
    """As `edge_taps` where all taps are inside the image, for one piece of degree 3 or less: vector code."""
    T, terms, step = weights.dtype.type, piece.shape[1], axis[STEP]
    for k in range(piece.shape[0] - 1):
        a0 = piece[1 + k, terms - 1]
        a1 = piece[1 + k, terms - 2] if terms > 1 else 0.0
        a2 = piece[1 + k, terms - 3] if terms > 2 else 0.0
        a3 = piece[1 + k, terms - 4] if terms > 3 else 0.0
        first, row, values = k - (piece.shape[0] // 2 - 1.0), offsets[k], weights[k]
        for j in range(count):
            base = np.floor(get(xs, j))
            fraction = get(xs, j) - base
            put(row, j, np.int64((base + first) * step))
            put(values, j, T(((a3 * fraction + a2) * fraction + a1) * fraction + a0))


@jit.inline
def edge_taps(axis, table, count, xs, offsets, weights):
    """Taps and weights of a `polynomial_taps` strip anywhere, of any number of pieces."""
    T = weights.dtype.type
    pieces, K, terms = table.shape[0], table.shape[1] - 1, table.shape[2]
    size, step = np.int64(axis[SIZE]), np.int64(axis[STEP])
    reach = np.float64(K)
    for j in range(count):
        x = xs[j]
        near = -reach <= x <= axis[SIZE] - 1.0 + reach
        if axis[MODE] == BORDER and x == x:  # beyond the reach every tap reads the edge
            x, near = limit(x, -reach, axis[SIZE] - 1.0 + reach), True
        base = np.floor(x) if near else 0.0
        fraction = x - base if near else 0.0
        piece = 0
        while piece + 1 < pieces and fraction >= table[piece + 1, 0, 0]:
            piece += 1
        first = np.int64(base) - (K // 2 - 1)
        for k in range(K):
            value = table[piece, 1 + k, 0]
            for term in range(1, terms):
                value = value * fraction + table[piece, 1 + k, term]
            tap = first + k
            if tap < 0 or tap >= size:
                tap, value = resolve(tap, size, axis, value)
            offsets[k, j] = tap * step
            weights[k, j] = T(value) if near else T(0)


@jit.inline
def resolve(tap, size, axis, value):
    """The pixel that a tap beyond the edge reads, and its weight."""
    mode = axis[MODE]
    if mode == ZEROS:
        return np.int64(0), 0.0
    if mode == BORDER:
        return (np.int64(0) if tap < 0 else size - 1), value
    if mode == WRAP:
        return tap % size, value
    if axis[FOLD_START] == 0.0:  # about centres: the edge pixel is not repeated
        tap = tap % max(2 * (size - 1), 1)
        return (2 * (size - 1) - tap if tap >= size else tap), value
    tap = tap % (2 * size)
    return (2 * size - 1 - tap if tap >= size else tap), value


@jit.inline
def hide_outside(x_axis, y_axis, count, xs, ys):
    """Make positions beyond the outer edges of the border pixels NaN, so that they read the fill value."""
    for j in range(count):
        inside = -0.5 <= xs[j] <= x_axis[SIZE] - 0.5 and -0.5 <= ys[j] <= y_axis[SIZE] - 0.5
        if not inside:
            xs[j] = ys[j] = np.nan
