"""Find the interior of a strip: pixels whose taps all lie inside the image. Nearly always they are neighbors.

An interior is (first, stop, complete): the pixels [first, stop), and whether these are all interior and no others are.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import AFFINE, BEYOND, BILINEAR, FILL_TAPS, INSIDE, MODE, REFLECT, SIZE, ZEROS
from stn_numba.kernels.sampling.padding import FARTHEST
from stn_numba.kernels.sampling.positions import along_row, columns_in_range, float64_at
from stn_numba.kernels.sampling.workspace import LEAST_SOLVED
from stn_numba.kernels.simd.lanes import mask_bits
from stn_numba.kernels.simd.scalars import count_ones, greatest, leading_zeros, least, trailing_zeros
from stn_numba.kernels.simd.scratch import get_position
from stn_numba.kernels.simd.vectors import EIGHT

SEGMENT = 16  # pixels of a strip whose interior is looked for again, where that of the strip is not complete


@jit.inline
def y_reach(sampler, top, bottom):
    """Positions (above, below) beyond which no pixel reads the rows [top, bottom) of the image."""
    mode = sampler.y_axis[MODE]
    if mode >= REFLECT:
        return -FARTHEST, FARTHEST
    endless_above, endless_below = mode != ZEROS and top == 0, mode != ZEROS and bottom == sampler.y_axis[SIZE]
    above = -np.inf if endless_above else np.float64(top - sampler.K)
    return above, np.inf if endless_below else np.float64(bottom - 1 + sampler.K)


@jit.inline
def tile_is_in_reach(sampler, grid, n, first_row, last_row, left, right, top, bottom, y_range):
    """Whether any pixel of a tile may read the rows [top, bottom) of the image.

    Known of affine maps, and of other grids if `y_range` is the address of (least, greatest) position along y, else 0.
    """
    if y_range != 0:
        above, below = y_reach(sampler, top, bottom)
        return not (float64_at(y_range, 0) > below + 1.0 or float64_at(y_range, 1) < above - 1.0)
    if grid.kind != AFFINE:
        return True
    (slope, start), (_, end) = along_row(grid.matrix, n, 1, first_row), along_row(grid.matrix, n, 1, last_row - 1)
    one, other, (above, below) = slope * left, slope * (right - 1), y_reach(sampler, top, bottom)
    return not (
        least(one, other) + least(start, end) > below + 1.0 or greatest(one, other) + greatest(start, end) < above - 1.0
    )


@jit.inline
def columns_in_reach(sampler, grid, n, i, left, right, top, bottom):
    """The part of the columns [left, right) of output row i outside which no pixel reads the rows [top, bottom) of the image.

    As far as the grid tells without a look at each pixel, and where that is worth it.
    """
    K, x_axis, y_axis, w = sampler.K, sampler.x_axis, sampler.y_axis, grid.w
    mode = x_axis[MODE]
    if w < LEAST_SOLVED or mode >= REFLECT:
        return left, right
    start, stop = left, right
    if mode == ZEROS:
        first, end = columns_in_range(grid, n, i, w, 0, -np.float64(K), x_axis[SIZE] - 1.0 + K)
        start, stop = greatest(start, first), least(stop, end)
    if mode == ZEROS or top > 0 or bottom < y_axis[SIZE]:
        above, below = y_reach(sampler, top, bottom)
        first, end = columns_in_range(grid, n, i, w, 1, above, below)
        start, stop = greatest(start, first), least(stop, end)
    start = least(start, right)
    return start, greatest(start, stop)


@jit.inline
def reads_nothing(sampler, j, work):
    """Whether pixel j reads nothing of the image."""
    x, y, K = get_position(work.x_padded, j), get_position(work.y_padded, j), np.float64(sampler.K)
    near = -K <= x <= sampler.x_axis[SIZE] - 1.0 + K and -K <= y <= sampler.y_axis[SIZE] - 1.0 + K
    return not near and sampler.x_axis[MODE] == ZEROS


@jit.inline
def interior_bounds(sampler, top, bottom):
    """(left, right, above, below) of positions whose taps all lie in the image, and in its rows [top, bottom)."""
    x_axis, y_axis, K = sampler.x_axis, sampler.y_axis, sampler.K
    above, below = y_axis[INSIDE], y_axis[BEYOND]
    if top > 0:
        above = greatest(above, top + (K - 1) // 2)
    if bottom < y_axis[SIZE]:
        below = least(below, bottom - greatest(K // 2, 0.5))
    return x_axis[INSIDE], x_axis[BEYOND], above, below


@jit.inline
def interior_bounds_of_slopes(sampler, top, bottom):
    """As `interior_bounds`, for slopes: that from the right of the last pixel reads what lies beyond the edge."""
    left, right, above, below = interior_bounds(sampler, top, bottom)
    if sampler.family == BILINEAR and (sampler.x_axis[MODE] >= REFLECT or sampler.fill_mode == FILL_TAPS):
        right, below = least(right, sampler.x_axis[SIZE] - 1.0), least(below, sampler.y_axis[SIZE] - 1.0)
    return left, right, above, below


@jit.inline
def find_interior(grid, n, i, column, bounds, count, work):
    """The interior of a strip of `count` pixels of output row i, from a column on."""
    if count >= LEAST_SOLVED and grid.kind == AFFINE and work.x_padded == work.x:
        return affine_interior(grid.matrix, n, i, column, bounds, count, work)
    return scan_interior(bounds, 0, count, work)


@jit.inline
def affine_interior(matrix, n, i, column, bounds, count, work):
    """The interior, solved rather than searched: along a row an affine map rises or falls, rounding included."""
    left, right, above, below = bounds
    low, high = np.float64(column), np.float64(column + count)
    low, high = columns_between(along_row(matrix, n, 0, i), left, right, low, high)
    low, high = columns_between(along_row(matrix, n, 1, i), above, below, low, high)
    first, stop = (np.int64(low) - column, np.int64(high) - column) if low < high else (count, count)
    while first < stop and not is_interior(bounds, first, work):
        first += 1
    while first < stop and not is_interior(bounds, stop - 1, work):
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
def is_interior(bounds, j, work):
    """Whether the taps of pixel j all lie inside."""
    left, right, above, below = bounds
    x, y = get_position(work.x_padded, j), get_position(work.y_padded, j)
    return (left <= x) & (x < right) & (above <= y) & (y < below)


@jit.inline
def interior_bits(bounds, j, work):
    """As `is_interior` of eight pixels from j on: bits of an integer, the lowest for the first."""
    left, right, above, below = bounds
    x, y = get_position(work.x_padded, j, EIGHT), get_position(work.y_padded, j, EIGHT)
    return mask_bits((x >= left) & (x < right)) & mask_bits((y >= above) & (y < below))


@jit.inline
def scan_interior(bounds, start, end, work):
    """The interior of the pixels [start, end), each of which is looked at."""
    first, stop, inside = end, start, 0
    for j in range(start, end, 8):
        bits = interior_bits(bounds, j, work) & ((1 << least(end - j, 8)) - 1)
        if bits:
            first = least(first, j + trailing_zeros(bits))
            stop = j + 64 - leading_zeros(bits)
            inside += count_ones(bits)
    return (first, stop, stop - first == inside) if inside else (end, end, True)


@jit.inline
def next_segment(interior, start, count, bounds, work):
    """(first, stop, end, complete): the interior of the pixels [start, end).

    That is the whole strip if its `interior` is complete, else a short segment; one whose own is not complete has none.
    """
    first, stop, complete = interior
    end = count
    if not complete:
        end = least(start + SEGMENT, count)
        first, stop, complete = scan_interior(bounds, start, end, work)
        if not complete:
            first = stop = end
    return first, stop, end, complete
