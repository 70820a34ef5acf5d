"""Padding: where positions outside the image read it, and which pixel a tap beyond the edge reads.

An axis is a tuple of the numbers in `constants`. Positions of a repeating image are folded back into it; `factor` becomes the
derivative of the padded position by the position. NaN stays NaN.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import (
    BORDER,
    FILL_OUTSIDE,
    FOLD_LENGTH,
    FOLD_START,
    HIGH,
    LOW,
    MODE,
    NEAREST,
    POLYNOMIAL,
    REFLECT,
    SIZE,
    WRAP,
    ZEROS,
)
from stn_numba.kernels.simd.scalars import greatest
from stn_numba.kernels.simd.scratch import get_position, get_product, put_position, put_product
from stn_numba.kernels.simd.vectors import EIGHT, astype, to_float64, where

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


@jit.apart
def pad_positions(sampler, count, work, by_grid):
    """Pad the positions of a strip, see `strips.strip_positions`; return whether `factor` matters."""
    x_axis, y_axis, xs, ys, mode = sampler.x_axis, sampler.y_axis, work.x, work.y, sampler.x_axis[MODE]
    if work.x_padded == xs:
        return False
    if sampler.family == NEAREST:  # the pixel that is read decides whether it lies outside
        round_row(count, xs, work.x_padded)
        round_row(count, ys, work.y_padded)
        xs, ys = work.x_padded, work.y_padded
    if sampler.fill_mode == FILL_OUTSIDE:
        discard_outside(x_axis, y_axis, count, xs, ys, work.x_padded, work.y_padded)
        xs, ys = work.x_padded, work.y_padded
    if mode >= REFLECT:
        fold_row(x_axis, count, xs, work.x_padded, work.x_factor, by_grid)
        fold_row(y_axis, count, ys, work.y_padded, work.y_factor, by_grid)
    elif mode == BORDER and sampler.family != POLYNOMIAL:
        clip_row(x_axis, count, xs, work.x_padded, work.x_factor)
        clip_row(y_axis, count, ys, work.y_padded, work.y_factor)
    return mode >= REFLECT or (mode == BORDER and sampler.family != POLYNOMIAL)


@jit.inline
def padding_vjp(count, work, zero):
    """Apply the chain rule through padding to gx and gy; where nothing is left of a gradient, its position becomes 0."""
    for xs, factors, gradients in ((work.x, work.x_factor, work.gx), (work.y, work.y_factor, work.gy)):
        for j in range(0, count, 8):
            factor, gradient = astype(get_product(factors, 0.0, j, EIGHT), zero), get_product(gradients, zero, j, EIGHT)
            # zero times a gradient that is not finite is zero; behind the strip gradients are zero, and factors anything
            gradient = where(gradient != 0.0, where(factor != 0.0, gradient * factor, 0.0), 0.0)
            put_product(gradients, j, gradient)
            put_position(xs, j, where(to_float64(gradient) != 0.0, get_position(xs, j, EIGHT), 0.0))


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
