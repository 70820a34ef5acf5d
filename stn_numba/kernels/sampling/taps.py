"""Offsets, weights and slopes of pixels whose taps all lie inside the image, eight at a time: no comparison with an edge."""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import AFFINE, BILINEAR, HOMOGRAPHY, MODE, NEAREST, SIZE, STEP, ZEROS
from stn_numba.kernels.sampling.polynomial import weights_of_row
from stn_numba.kernels.sampling.positions import float64_at
from stn_numba.kernels.sampling.workspace import NEXT_TAP
from stn_numba.kernels.simd.lanes import all_in_unit_interval
from stn_numba.kernels.simd.load_store import prefetch
from stn_numba.kernels.simd.scalars import greatest
from stn_numba.kernels.simd.scratch import get_offset, get_position, get_tap, put_tap
from stn_numba.kernels.simd.vectors import EIGHT, astype, floor, fma, full, maximum, minimum, rint, to_int64, where

L1_CACHE, L2_CACHE = 3 << 14, 3 << 18  # bytes of images that stay in the first and in the second cache
BELOW_ONE = 1.0 - 2.0**-24  # the largest number below 1 that float32 tells from 1


@jit.inline
def interior_taps(sampler, first, stop, work, slopes, one):
    """Fill the workspace with offsets and weights (and slopes) of the pixels [first, stop), whose taps all lie inside."""
    family, K, x_axis, y_axis, table, slope_table, _, _, _ = sampler
    if family == BILINEAR:
        bilinear_taps(sampler, first, stop, work, slopes, one)
    else:
        tap_offsets(sampler, x_axis[STEP], y_axis[STEP], first, stop, work, work.offsets)
        weights_of_row(family, K, table, first, stop, work.x_padded, work.u, one)
        weights_of_row(family, K, table, first, stop, work.y_padded, work.v, one)
        if slopes:
            weights_of_row(family, K, slope_table, first, stop, work.x_padded, work.du, one)
            weights_of_row(family, K, slope_table, first, stop, work.y_padded, work.dv, one)


@jit.inline
def weight(row, k, j, zero):
    """Weight or slope of tap k of pixel j, from one of the rows of the workspace."""
    return get_tap(row + k * NEXT_TAP, zero, j)


@jit.inline
def weights_of_pixel(work, j, zero):
    """Weights (u0, u1, v0, v1) of pixel j's 2 x 2 taps."""
    return weight(work.u, 0, j, zero), weight(work.u, 1, j, zero), weight(work.v, 0, j, zero), weight(work.v, 1, j, zero)


@jit.inline
def slopes_of_pixel(work, j, zero):
    """Their derivatives by the position, (du0, du1, dv0, dv1)."""
    return weight(work.du, 0, j, zero), weight(work.du, 1, j, zero), weight(work.dv, 0, j, zero), weight(work.dv, 1, j, zero)


@jit.apart
def bilinear_taps(sampler, first, stop, work, slopes, one):
    """As `interior_taps` for bilinear sampling. Weights vanish by themselves beyond the image."""
    x_step, y_step = sampler.x_axis[STEP], sampler.y_axis[STEP]
    for j in range(first, stop, 8):
        column, line, u, v, du, dv = bilinear_weights(sampler, j, work, slopes, one)
        put_tap(work.offsets, j, to_int64(fma(column, x_step, line * y_step)))
        put_pair(work.u, j, u)
        put_pair(work.v, j, v)
        if slopes:
            put_pair(work.du, j, du)
            put_pair(work.dv, j, dv)


@jit.inline
def put_pair(row, j, pair):
    """Write weights or slopes of the two neighbors of eight pixels."""
    put_tap(row, j, pair[0])
    put_tap(row + NEXT_TAP, j, pair[1])


@jit.inline
def bilinear_weights(sampler, j, work, slopes, one):
    """The first tap of eight pixels from j on, and weights and slopes of it and the next one: (column, line, u, v, du, dv).

    u, v, du, dv are pairs of vectors of the type of `one`; without `slopes` du and dv mean nothing.
    """
    width, height, T = sampler.x_axis[SIZE], sampler.y_axis[SIZE], type(one)
    column, behind_x, distance_x = pixels_before(width, get_position(work.x_padded, j, EIGHT), one)
    line, behind_y, distance_y = pixels_before(height, get_position(work.y_padded, j, EIGHT), one)
    du = dv = full(EIGHT, T(-1)), full(EIGHT, T(1))
    if all_in_unit_interval(behind_x, behind_y) & (width > 1.0) & (height > 1.0):  # a lone pixel has no neighbor
        u, v = straight(behind_x), straight(behind_y)
    else:
        u, v = tents(width, behind_x), tents(height, behind_y)
        if slopes:
            # slopes are taken at any distance where zeros follow the image, else just before the next pixel
            farthest = np.inf if sampler.x_axis[MODE] == ZEROS else BELOW_ONE
            du, dv = tent_slopes(width, farthest, distance_x, one), tent_slopes(height, farthest, distance_y, one)
    return column, line, u, v, du, dv


@jit.inline
def pixels_before(size, position, one):
    """The pixel before each of eight positions, within [0, size - 2] whatever the position, and the distance from it.

    Returns (before, behind, distance): the distance once as the type of `one`, and once in float64.
    """
    before = minimum(maximum(floor(position), 0.0), greatest(size - 2.0, 0.0))
    distance = position - before
    return before, astype(distance, one), distance


@jit.inline
def tents(size, behind):
    """Weights of the two neighbors, max(0, 1 - |d|)."""
    second = 1.0 if size > 1.0 else 0.0
    return maximum(1.0 - abs(behind), 0.0), second * maximum(1.0 - abs(behind - 1.0), 0.0)


@jit.inline
def straight(behind):
    """As `tents`, between the two neighbors, bit for bit."""
    first = 1.0 - behind
    return first, 1.0 - first


@jit.inline
def tent_slopes(size, farthest, distance, one):
    """Derivatives of `tents` by the position, from the right at the corners of the tent, no farther behind than `farthest`.

    `distance` is in float64. Rounded to float32, a position just before a pixel could land on the wrong side of it.
    """
    distance = where((distance > BELOW_ONE) & (distance < 1.0), BELOW_ONE, distance)
    behind, second = astype(minimum(distance, farthest), one), 1.0 if size > 1.0 else 0.0
    first = step(behind + 1.0, 1.0) + step(behind, -1.0)
    return first, second * (step(behind, 1.0) + step(behind - 1.0, -1.0))


@jit.inline
def step(x, height):
    """A number where x is in [0, 1), else 0."""
    return where((x >= 0.0) & (x < 1.0), height, 0.0)


@jit.apart
def tap_offsets(sampler, x_step, y_step, first, stop, work, offsets):
    """Bytes to the first taps, for any family, by the strides given."""
    K, nearest, before = sampler.K, sampler.family == NEAREST, np.float64((sampler.K - 1) // 2)
    last_x, last_y = greatest(sampler.x_axis[SIZE] - K, 0.0), greatest(sampler.y_axis[SIZE] - K, 0.0)
    for j in range(first, stop, 8):
        x, y = get_position(work.x_padded, j, EIGHT), get_position(work.y_padded, j, EIGHT)
        column, line = (rint(x), rint(y)) if nearest else (floor(x), floor(y))
        column = minimum(maximum(column - before, 0.0), last_x)
        line = minimum(maximum(line - before, 0.0), last_y)
        put_tap(offsets, j, to_int64(fma(column, x_step, line * y_step)))


@jit.inline
def bytes_ahead(y_axis, grid, n, down, images):
    """Bytes from a pixel's first tap to what the next strips will read: two rows below its taps, or above.

    No prefetcher foresees that in a rotated image. 0 for images that stay in the caches anyway: if each is small, or all are.
    """
    size = down * y_axis[SIZE]
    if size <= L1_CACHE or images * size <= L2_CACHE:
        return np.int64(0)
    upwards = (grid.kind == AFFINE or grid.kind == HOMOGRAPHY) and float64_at(grid.matrix, 9 * n + 4) < 0.0  # dy / drow
    return -2 * down if upwards else 3 * down


@jit.apart
def prefetch_taps(ahead, address, across, down, first, stop, offsets):
    """Prefetch what the next strips will read (`bytes_ahead`), and the ends of the lower row of this strip's taps."""
    end = down + across * 5 // 2  # the widest load goes so far
    if ahead != 0:
        for j in range(first, stop, 2 if across <= 16 else 1):  # narrow neighbors lie in the same lines
            pixel = address + get_offset(offsets, j)
            prefetch(pixel + end)
            prefetch(pixel + ahead)


@jit.inline
def prefetch_row(address, count):
    """Prefetch `count` bytes of a row, which are not read in their order."""
    for k in range(0, count, 64):
        prefetch(address + k)
