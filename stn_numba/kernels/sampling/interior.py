"""Which pixels of a strip have all their taps inside the image: nearly always one run."""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import AFFINE, BEYOND, BILINEAR, FILL_TAPS, INSIDE, MODE, REFLECT, SIZE, ZEROS
from stn_numba.kernels.sampling.edge_taps import FARTHEST, reaches
from stn_numba.kernels.sampling.positions import along_row, columns_reaching, number
from stn_numba.kernels.sampling.workspace import WORTH_A_LOOK
from stn_numba.kernels.simd.scalars import greatest, least
from stn_numba.kernels.simd.scratch import position, positions
from stn_numba.kernels.simd.vectors import EIGHT, bits_above, bits_set, lanes_between, lowest_bit

PIECE = 16  # pixels of a strip that is looked through anew where what lies inside the image is not in one run


@jit.inline
def near_lines(rule, top, bottom):
    """Positions (above, below) beyond which no pixel reads the rows [top, bottom) of the image."""
    mode = rule.y_axis[MODE]
    if mode >= REFLECT:
        return -FARTHEST, FARTHEST
    endless_above, endless_below = mode != ZEROS and top == 0, mode != ZEROS and bottom == rule.y_axis[SIZE]
    return -np.inf if endless_above else np.float64(top - rule.K), np.inf if endless_below else np.float64(bottom - 1 + rule.K)


@jit.inline
def tile_is_near(rule, source, n, first_row, last_row, left, right, top, bottom, reach):
    """Whether any pixel of a tile may read the rows [top, bottom) of the image.

    Known of affine maps, and where the least and the greatest position along y in the tile are written at `reach`.
    """
    if reach != 0:
        above, below = near_lines(rule, top, bottom)
        return not (number(reach, 0) > below + 1.0 or number(reach, 1) < above - 1.0)
    if source.kind != AFFINE:
        return True
    (slope, start), (_, end) = along_row(source.matrix, n, 1, first_row), along_row(source.matrix, n, 1, last_row - 1)
    one, other, (above, below) = slope * left, slope * (right - 1), near_lines(rule, top, bottom)
    return not (
        least(one, other) + least(start, end) > below + 1.0 or greatest(one, other) + greatest(start, end) < above - 1.0
    )


@jit.inline
def near_columns(rule, source, n, i, left, right, top, bottom):
    """The part of the columns [left, right) of output row i outside which no pixel reads the rows [top, bottom) of the image.

    As far as that is known of the grid without a look at each pixel, and worth asking.
    """
    (_, K, x_axis, y_axis, _, _, _, _), w = rule, source.w
    mode = x_axis[MODE]
    if w < WORTH_A_LOOK or mode >= REFLECT:
        return left, right
    start, stop = left, right
    if mode == ZEROS:
        first, end = columns_reaching(source, n, i, w, 0, -np.float64(K), x_axis[SIZE] - 1.0 + K)
        start, stop = greatest(start, first), least(stop, end)
    if mode == ZEROS or top > 0 or bottom < y_axis[SIZE]:
        above, below = near_lines(rule, top, bottom)
        first, end = columns_reaching(source, n, i, w, 1, above, below)
        start, stop = greatest(start, first), least(stop, end)
    start = least(start, right)
    return start, greatest(start, stop)


@jit.inline
def is_far(rule, j, rows):
    """Whether a pixel reads nothing of the image."""
    x, y = position(rows.x_places, 0.0, j), position(rows.y_places, 0.0, j)
    near = reaches(rule.x_axis, rule.K, x) and reaches(rule.y_axis, rule.K, y)
    return not near and rule.x_axis[MODE] == ZEROS


@jit.inline
def inside_bounds(rule, top, bottom):
    """(left, right, above, below) of positions whose taps all lie in the image, and in its rows [top, bottom)."""
    x_axis, y_axis, K = rule.x_axis, rule.y_axis, rule.K
    above, below = y_axis[INSIDE], y_axis[BEYOND]
    if top > 0:
        above = greatest(above, top + (K - 1) // 2)
    if bottom < y_axis[SIZE]:
        below = least(below, bottom - greatest(K // 2, 0.5))
    return x_axis[INSIDE], x_axis[BEYOND], above, below


@jit.inline
def slope_bounds(rule, top, bottom):
    """As `inside_bounds`, for slopes: that from the right of the last pixel reads what lies beyond the edge."""
    left, right, above, below = inside_bounds(rule, top, bottom)
    if rule.family == BILINEAR and (rule.x_axis[MODE] >= REFLECT or rule.fills == FILL_TAPS):
        right, below = least(right, rule.x_axis[SIZE] - 1.0), least(below, rule.y_axis[SIZE] - 1.0)
    return left, right, above, below


@jit.inline
def inside_run(source, n, i, column, bounds, start, end, rows):
    """(first, stop, in_one_run) of the pixels of a strip from `start` to `end` whose taps all lie inside."""
    if end - start >= WORTH_A_LOOK and source.kind == AFFINE and rows.x_places == rows.xs:
        return affine_run(source.matrix, n, i, column, bounds, start, end, rows)
    return find_run(bounds, start, end, rows)


@jit.inline
def affine_run(matrix, n, i, column, bounds, start, end, rows):
    """As `find_run`, solved rather than searched: along a row an affine map rises or falls, rounding included."""
    left, right, above, below = bounds
    low, high = np.float64(column + start), np.float64(column + end)
    low, high = columns_between(along_row(matrix, n, 0, i), left, right, low, high)
    low, high = columns_between(along_row(matrix, n, 1, i), above, below, low, high)
    first, stop = (np.int64(low) - column, np.int64(high) - column) if low < high else (end, end)
    while first < stop and not is_inside(bounds, first, rows):
        first += 1
    while first < stop and not is_inside(bounds, stop - 1, rows):
        stop -= 1
    return first, stop, True


@jit.inline
def columns_between(line, low, high, start, stop):
    """Columns of [start, stop) for which a `positions.along_row` may lie in [low, high); one more or less at the ends."""
    slope, offset = line
    if slope != 0:
        one, other = (low - offset) / slope, (high - offset) / slope
        one, other = (one, other) if slope > 0 else (other, one)
        start = np.floor(one) if one > start else start  # a NaN fails the comparisons and limits nothing
        stop = np.floor(other) + 1.0 if other + 1.0 < stop else stop
    return start, stop


@jit.inline
def is_inside(bounds, j, rows):
    """Whether the taps of a pixel all lie inside."""
    left, right, above, below = bounds
    x, y = position(rows.x_places, 0.0, j), position(rows.y_places, 0.0, j)
    return (left <= x) & (x < right) & (above <= y) & (y < below)


@jit.inline
def inside_bits(bounds, j, rows):
    """Bits of an integer, the lowest for the first of eight pixels: whether its taps all lie inside."""
    left, right, above, below = bounds
    bits = lanes_between(positions(rows.x_places, 0.0, j, EIGHT), left, right)
    return bits & lanes_between(positions(rows.y_places, 0.0, j, EIGHT), above, below)


@jit.inline
def find_run(bounds, start, end, rows):
    """Look at every pixel, eight at a time."""
    first, stop, inside = end, start, 0
    for j in range(start, end, 8):
        bits = inside_bits(bounds, j, rows) & ((1 << least(end - j, 8)) - 1)
        if bits:
            first = least(first, j + lowest_bit(bits))
            stop = j + 64 - bits_above(bits)
            inside += bits_set(bits)
    return (first, stop, stop - first == inside) if inside else (end, end, True)


@jit.inline
def next_piece(run, start, count, bounds, rows):
    """(first, stop, end, in_one_run): of the pixels from `start` to `end` those in [first, stop) have all taps inside.

    That is the whole strip if its `run` is one, else a short piece, which is looked through anew.
    """
    first, stop, in_one_run = run
    end = count
    if not in_one_run:
        end = least(start + PIECE, count)
        first, stop, in_one_run = find_run(bounds, start, end, rows)
        if not in_one_run:
            first = stop = end
    return first, stop, end, in_one_run
