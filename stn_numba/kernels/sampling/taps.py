"""Offsets, weights and slopes of pixels whose taps all lie inside the image, eight at a time: no comparison with an edge."""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import AFFINE, BILINEAR, HOMOGRAPHY, MODE, NEAREST, SIZE, STEP, ZEROS
from stn_numba.kernels.sampling import edge_taps
from stn_numba.kernels.sampling.positions import along_column
from stn_numba.kernels.sampling.workspace import NEXT_TAP
from stn_numba.kernels.simd.load_store import prefetch
from stn_numba.kernels.simd.scalars import greatest
from stn_numba.kernels.simd.scratch import position, positions, put_tap, put_taps, tap
from stn_numba.kernels.simd.vectors import (
    EIGHT,
    add_product,
    all_in_unit,
    floors,
    larger,
    magnitudes,
    minus,
    narrowed,
    plus,
    rounded,
    short_of_one,
    smaller,
    spread,
    times,
    where_in_unit,
    whole_numbers,
)

SECOND_CACHE = 3 << 18  # bytes of an image that stays in the second cache


@jit.inline
def inside_taps(rule, first, stop, rows, slopes, one):
    """Offsets, and fractions or weights, of the pixels [first, stop) of a strip, whose taps all lie inside."""
    family, K, x_axis, y_axis, table, slope_table, _, _ = rule
    if family == BILINEAR:
        bilinear_taps(x_axis, y_axis, first, stop, rows, slopes, one)
    else:
        offsets_row(rule, x_axis[STEP], y_axis[STEP], first, stop, rows, rows.offsets)
        polynomial_weights(family, K, table, first, stop, rows.x_places, rows.u, one)
        polynomial_weights(family, K, table, first, stop, rows.y_places, rows.v, one)
        if slopes:
            polynomial_weights(family, K, slope_table, first, stop, rows.x_places, rows.du, one)
            polynomial_weights(family, K, slope_table, first, stop, rows.y_places, rows.dv, one)


@jit.inline
def bilinear_taps(x_axis, y_axis, first, stop, rows, slopes, one):
    """Two neighbors along each axis and tents for them, which vanish by themselves beyond the image."""
    axis_x, axis_y, farthest = (x_axis[SIZE], one), (y_axis[SIZE], one), farthest_behind(x_axis)
    x_step, y_step = spread(x_axis[STEP], EIGHT), spread(y_axis[STEP], EIGHT)
    for j in range(first, stop, 8):
        column, behind_x, distance_x = neighbors(axis_x, positions(rows.x_places, 0.0, j, EIGHT))
        line, behind_y, distance_y = neighbors(axis_y, positions(rows.y_places, 0.0, j, EIGHT))
        put_taps(rows.offsets, j, whole_numbers(add_product(times(line, y_step), column, x_step)))
        if all_between(axis_x, axis_y, behind_x, behind_y):
            put_pair(rows.u, j, lines(axis_x, behind_x))
            put_pair(rows.v, j, lines(axis_y, behind_y))
            if slopes:
                put_pair(rows.du, j, line_slopes(axis_x))
                put_pair(rows.dv, j, line_slopes(axis_y))
        else:
            put_pair(rows.u, j, tents(axis_x, behind_x))
            put_pair(rows.v, j, tents(axis_y, behind_y))
            if slopes:
                put_pair(rows.du, j, tent_slopes(axis_x, farthest, distance_x))
                put_pair(rows.dv, j, tent_slopes(axis_y, farthest, distance_y))


@jit.inline
def put_pair(weights, j, pair):
    """Weights or slopes of the two neighbors of eight pixels, to the rows that begin there."""
    put_taps(weights, j, pair[0])
    put_taps(weights + NEXT_TAP, j, pair[1])


@jit.inline
def neighbors(axis, place):
    """The pixel before each of eight positions, within [0, size - 2] whatever the position, and how far behind it they lie.

    `axis` = (size, one), with a 1 of the type of the weights. Returns (before, behind, distance): the distance once as the type
    of the weights, and once in float64.
    """
    size, one = axis
    before = smaller(larger(floors(place), spread(0.0, EIGHT)), spread(greatest(size - 2.0, 0.0), EIGHT))
    distance = minus(place, before)
    return before, narrowed(distance, one), distance


@jit.inline
def tents(axis, behind):
    """Weights of the two neighbors, max(0, 1 - |d|)."""
    size, one = axis
    unit, zero, other = spread(one, EIGHT), spread(one - one, EIGHT), spread(one if size > 1.0 else one - one, EIGHT)
    first = larger(minus(unit, magnitudes(behind)), zero)
    return first, times(other, larger(minus(unit, magnitudes(minus(behind, unit))), zero))


@jit.inline
def all_between(x_axis, y_axis, behind_x, behind_y):
    """Whether all eight positions lie between two neighbors along both axes, where tents are straight lines."""
    (width, _), (height, _) = x_axis, y_axis
    return all_in_unit(behind_x, behind_y) & (width > 1.0) & (height > 1.0)  # a lone pixel has no neighbor


@jit.inline
def lines(axis, behind):
    """As `tents`, between the neighbors, bit for bit."""
    unit = spread(axis[1], EIGHT)
    first = minus(unit, behind)
    return first, minus(unit, first)


@jit.inline
def weights_of_eight(x_axis, y_axis, behind_x, behind_y):
    """Weights (u0, u1, v0, v1) of the neighbors of eight pixels along x and along y."""
    if all_between(x_axis, y_axis, behind_x, behind_y):
        (u0, u1), (v0, v1) = lines(x_axis, behind_x), lines(y_axis, behind_y)
    else:
        (u0, u1), (v0, v1) = tents(x_axis, behind_x), tents(y_axis, behind_y)
    return u0, u1, v0, v1


@jit.inline
def line_slopes(axis):
    """As `tent_slopes`, between the neighbors."""
    return spread(-axis[1], EIGHT), spread(axis[1], EIGHT)


@jit.inline
def farthest_behind(axis):
    """How far behind a pixel slopes are taken: at any distance where zeros follow the image, else just before the next one."""
    return np.inf if axis[MODE] == ZEROS else 1.0 - 2.0**-24


@jit.inline
def tent_slopes(axis, farthest, distance):
    """Derivatives of the weights by the position, from the right at the corners of the tent; see `farthest_behind`.

    The distance is that in float64: rounded to float32, a position just before a pixel would be taken for one behind it.
    """
    size, one = axis
    behind = narrowed(smaller(short_of_one(distance), spread(farthest, EIGHT)), one)
    unit, other = spread(one, EIGHT), spread(one if size > 1.0 else one - one, EIGHT)
    first = plus(where_in_unit(plus(behind, unit), one), where_in_unit(behind, -one))
    return first, times(other, plus(where_in_unit(behind, one), where_in_unit(minus(behind, unit), -one)))


@jit.inline
def offsets_row(rule, x_step, y_step, first, stop, rows, offsets):
    """Bytes to the first taps, for any family, by the steps given."""
    K, x_axis, y_axis, nearest = rule.K, rule.x_axis, rule.y_axis, rule.family == NEAREST
    back = np.float64((K - 1) // 2)
    last_x, last_y = spread(greatest(x_axis[SIZE] - K, 0.0), EIGHT), spread(greatest(y_axis[SIZE] - K, 0.0), EIGHT)
    none = spread(0.0, EIGHT)
    for j in range(first, stop, 8):
        x, y = positions(rows.x_places, 0.0, j, EIGHT), positions(rows.y_places, 0.0, j, EIGHT)
        column, line = (rounded(x), rounded(y)) if nearest else (floors(x), floors(y))
        column, line = minus(column, spread(back, EIGHT)), minus(line, spread(back, EIGHT))
        column, line = smaller(larger(column, none), last_x), smaller(larger(line, none), last_y)
        bytes_down = times(line, spread(y_step, EIGHT))
        put_taps(offsets, j, whole_numbers(add_product(bytes_down, column, spread(x_step, EIGHT))))


@jit.inline
def rows_ahead(y_axis, source, n, down):
    """Bytes from a pixel's first tap to what the strips to come will read: two rows below its taps, or above.

    At a turn no prefetcher foresees that. 0 for small images, which stay in the caches anyway.
    """
    if down * y_axis[SIZE] <= SECOND_CACHE:
        return np.int64(0)
    upwards = (source.kind == AFFINE or source.kind == HOMOGRAPHY) and along_column(source.matrix, n) < 0.0
    return -2 * down if upwards else 3 * down


@jit.inline
def fetch_ahead(ahead, address, across, down, first, stop, offsets):
    """Ask for cache lines long before they are read: `rows_ahead`, and the ends of the lower row of this strip's taps."""
    end, none = down + across * 5 // 2, np.int64(0)  # the widest load goes so far
    if ahead != 0:
        for j in range(first, stop, 2 if across <= 16 else 1):  # narrow neighbors lie in the same lines
            pixel = address + tap(offsets, none, j)
            prefetch(pixel + end)
            prefetch(pixel + ahead)


@jit.inline
def fetch_row(address, count):
    """Ask for so many bytes of a row, which are not read in their order."""
    for k in range(0, count, 64):
        prefetch(address + k)


@jit.inline
def polynomial_weights(family, K, table, first, stop, xs, weights, one):
    """K rows of weights along one axis; one piece of degree 3 or less is vector code."""
    T = type(one)
    if family == NEAREST:
        for j in range(first, stop):
            put_tap(weights, j, one)
    elif table[1] == 1 and table[3] <= 4:
        for k in range(K):
            row = weights + k * NEXT_TAP
            a0, a1, a2, a3 = power(table, k, 0), power(table, k, 1), power(table, k, 2), power(table, k, 3)
            for j in range(first, stop):
                x = position(xs, 0.0, j)
                t = x - np.floor(x)
                put_tap(row, j, T(((a3 * t + a2) * t + a1) * t + a0))
    else:
        for j in range(first, stop):
            x = position(xs, 0.0, j)
            t = x - np.floor(x)
            s = edge_taps.piece_of(table, t)
            for k in range(K):
                put_tap(weights + k * NEXT_TAP, j, T(edge_taps.polynomial(table, s, k, t)))


@jit.inline
def power(table, k, exponent):
    """Coefficient of a power in the polynomial of tap k, for a table of one piece."""
    return edge_taps.coefficient(table, 0, 1 + k, table[3] - 1 - exponent) if exponent < table[3] else 0.0
