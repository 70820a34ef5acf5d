"""Taps and weights of a pixel wherever it lies, at the edge of the image or beyond it: one position of one axis at a time.

Pixels whose taps all lie inside the image, nearly all of most images, are done eight at a time (`taps`, `interpolate`). Both
ways give the same bits, so it does not matter which pixels of a strip take which. A NaN fails every comparison and ends with
weights of 0 at tap 0: whatever a grid holds, no index leaves the image.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import BILINEAR, BORDER, FOLD_LENGTH, FOLD_START, MODE, NEAREST, SIZE, TENT_SLOPE, ZEROS
from stn_numba.kernels.sampling.padding import clip, pad_index
from stn_numba.kernels.sampling.polynomial import evaluate, piece_of
from stn_numba.kernels.simd.load_store import load
from stn_numba.kernels.simd.scalars import greatest
from stn_numba.kernels.simd.scratch import get_position, get_product, put_product
from stn_numba.kernels.simd.vectors import fma


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
            index, weight = pad_index(index, size, axis, weight)
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
