"""Padding: where positions outside the image read it, and which pixel a tap beyond the edge reads.

An axis is a tuple of the numbers in `constants`. Positions of a repeating image are folded back into it; `factor` becomes the
derivative of the padded position by the position. NaN stays NaN.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import BORDER, FOLD_LENGTH, FOLD_START, HIGH, LOW, MODE, REFLECT, SIZE, WRAP, ZEROS
from stn_numba.kernels.simd.scalars import greatest
from stn_numba.kernels.simd.scratch import get_position, put_position, put_product

FARTHEST = 2.0**31  # pixels; farther out a repeating image ends, since float64 no longer tells where in it a position is
NEXT_FLOAT = 2.0**-52  # the relative distance to the next float64


@jit.inline
def clip(x, low, high):
    """Clip x to [low, high]."""
    x = low if x < low else x
    return high if x > high else x


@jit.inline
def clip_row(axis, count, xs, padded, factor):
    """Clip positions to the image; `factor` is 1 or 0."""
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
    """Fold positions of a repeating image back into it; `factor` is +1 or -1.

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
def pad_index(index, size, axis, weight):
    """The pixel that a tap beyond the edge reads instead of the one at `index`, and its weight."""
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
