"""A strip of an output row on its way: positions, then taps and weights in scratch rows, ready for the image to be read.

Everything that depends on grid, interpolation kernel and padding happens here and in `kernels.edges`; the loops over pixels
and channels that follow see only offsets and weights.

`rule` is the tuple (family, K, x_axis, y_axis, table, slope_table, fill, fills); a kernel gets its arrays as arrays, and makes
their addresses of them (`rule_by_address`) before it looks at pixels:

family, K            one of `edges`' families and its number of taps an axis
x_axis, y_axis       see `edges`
table, slope_table   polynomial pieces of the kernel and of its derivative; empty for the other families
fill, fills          (C,) what is read outside; fills is NO_FILL, FILL_OUTSIDE (positions beyond the image's edges
                     give `fill`) or FILL_TAPS (taps beyond the edge read it)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stn_numba.kernels import edges, jit
from stn_numba.kernels.edges import (
    BEYOND,
    BILINEAR,
    BORDER,
    FARTHEST,
    INSIDE,
    MODE,
    NEAREST,
    POLYNOMIAL,
    REFLECT,
    SIZE,
    STEP,
    ZEROS,
    reaches,
)
from stn_numba.kernels.memory import (
    address_of,
    found,
    position,
    positions,
    prefetch,
    put_position,
    put_positions,
    put_product,
    put_tap,
    put_taps,
    size_of,
    tap,
)
from stn_numba.kernels.positions import AFFINE, BASIS, along_row, columns_reaching, row_positions
from stn_numba.kernels.vectors import (
    EIGHT,
    add_product,
    bits_above,
    bits_set,
    counting,
    floors,
    lanes_between,
    larger,
    lowest_bit,
    magnitudes,
    minus,
    narrowed,
    plus,
    rounded,
    smaller,
    spread,
    times,
    where_in_unit,
    whole_numbers,
)

NO_FILL, FILL_OUTSIDE, FILL_TAPS = 0, 1, 2

STRIP = 256  # pixels of an output row that are worked on at a time
TILE_ROWS = 32  # strips one below the other: what they read of a turned image then stays in the first caches
FIRST_CACHE = 1 << 14  # bytes of an image that stays in the first cache
WORTH_A_LOOK = 64  # columns, below which it costs more to ask which are far than to come to them
PIECE = 16  # pixels of a strip that is looked through anew where what lies inside the image is not in one run
ROW = STRIP + 16  # numbers of 8 bytes in a scratch row; whole vectors may be read behind a strip


class Rule(NamedTuple):
    """A rule without arrays: axes and tables as tuples, fill as an address."""

    family: int
    K: int
    x_axis: tuple[float, ...]
    y_axis: tuple[float, ...]
    table: tuple[int, int, int, int]
    slope_table: tuple[int, int, int, int]
    fill: int
    fills: int


class Rows(NamedTuple):
    """Addresses of the scratch rows of a strip, all in one array; u, v, du and dv are the first of K rows each."""

    xs: int  # positions in pixels
    ys: int
    x_places: int  # where the padding lets them read: the same rows where it changes nothing
    y_places: int
    x_signs: int  # derivative of the places by the positions
    y_signs: int
    offsets: int  # bytes from the first element of the image to each pixel's first tap
    d_offsets: int  # the same for d_image, where its steps are others
    u: int  # weights along x
    v: int  # weights along y
    du: int  # derivatives of the weights
    dv: int
    gx: int  # gradients by the positions
    gy: int
    dx: int  # sums to be, on the way back to a homography; dx serves as a line of eight, too
    dy: int
    dz: int
    x_taps: int  # the K taps of a single pixel at an edge
    x_weights: int
    y_taps: int
    y_weights: int
    x_slopes: int
    y_slopes: int
    s00: int  # what a pixel gives to its 2 x 2 taps
    s01: int
    s10: int
    s11: int
    columns: int  # column and row of each pixel, counted from the strip's first
    lines: int


@jit.inline
def rule_by_address(rule):
    """The rule without arrays."""
    family, K, x_axis, y_axis, table, slope_table, fill, fills = rule
    x_axis, y_axis = axis_numbers(x_axis), axis_numbers(y_axis)
    return Rule(family, K, x_axis, y_axis, table_address(table), table_address(slope_table), address_of(fill), fills)


@jit.inline
def axis_numbers(axis):
    """An axis as a tuple."""
    a = axis
    return a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8]


@jit.inline
def table_address(table):
    """A table as `edges` reads it."""
    return address_of(table), table.shape[0], table.shape[1] - 1, table.shape[2]


@jit.inline
def scratch(rule):
    """An array for the rows of `row_addresses`."""
    return np.empty((17 + 4 * rule.K + 12) * ROW)


@jit.inline
def row_addresses(rule, array):
    """Addresses of the scratch rows."""
    family, K = rule.family, rule.K
    row, first = 8 * ROW, address_of(array)
    moved = rule.fills == FILL_OUTSIDE or rule.x_axis[MODE] >= REFLECT or (rule.x_axis[MODE] == BORDER and family != POLYNOMIAL)
    places = first + (2 * row if moved else 0)
    taps, rest = first + 8 * row, first + (8 + 4 * K) * row
    return Rows(
        first, first + row, places, places + row, first + 4 * row, first + 5 * row, first + 6 * row, first + 7 * row,
        taps, taps + K * row, taps + 2 * K * row, taps + 3 * K * row,
        rest, rest + row, rest + 2 * row, rest + 3 * row, rest + 4 * row,
        rest + 5 * row, rest + 6 * row, rest + 7 * row, rest + 8 * row, rest + 9 * row, rest + 10 * row,
        rest + 11 * row, rest + 12 * row, rest + 13 * row, rest + 14 * row, rest + 15 * row, rest + 16 * row,
    )  # fmt: skip


@jit.inline
def number_pixels(w, together, rows):
    """Fill the rows of columns and lines, for strips of one row or of so many rows of w pixels."""
    width = min(w, STRIP)
    for line in range(together):
        for j in range(0, width, 8):
            put_positions(rows.columns, line * w + j, plus(counting(EIGHT), spread(np.float64(j), EIGHT)))
            put_positions(rows.lines, line * w + j, spread(np.float64(line), EIGHT))


@jit.inline
def rows_together(rule, image, out, w, C):
    """How many output rows one strip holds: several, one behind the other, of small images of one channel or planes.

    A row on its own costs as much as some dozens of pixels. Pixels need not all be inside then (`anywhere`).
    """
    behind = out.y_step == w * out.x_step
    return max(np.int64(1), STRIP // w) if behind and anywhere(rule) and is_plane(rule, image, out, C) else np.int64(1)


@jit.inline
def is_plane(rule, image, out, C):
    """Whether pixels of one channel are read side by side, in pairs."""
    size = size_of(image.like)
    packed = image.c_step == size and out.c_step == size_of(out.like)
    return rule.family == BILINEAR and to_next(rule.x_axis, image.x_step) == size and (C == 1 or not packed)


@jit.inline
def anywhere(rule):
    """Whether `inside_taps` serves all positions: beyond the image the weights of a tent vanish by themselves."""
    return rule.family == BILINEAR and rule.x_axis[MODE] == ZEROS and rule.fills == NO_FILL


@jit.inline
def image_and_row(row, source, size):
    """Output image n and row i of the row that is so and so many through all images.

    Grids of one basis take turns row by row: each strip of basis functions is fetched once for all images.
    """
    batch, h, w, _ = size
    return (row % batch, row // batch) if source.kind == BASIS and w > STRIP // 2 else (row // h, row % h)


@jit.inline
def to_next(axis, step):
    """Bytes from a pixel to its neighbour along an axis, 0 where there is none."""
    return np.int64(step) if axis[SIZE] > 1 else np.int64(0)


@jit.inline
def prepare_positions(rule, source, n, i, first, count, rows, together):
    """Positions of `count` pixels of row i of grid n from column `first` on, hidden, limited and folded as the padding wants.

    Or of so many rows together. Returns whether anything was changed, so that signs matter.
    """
    x_axis, y_axis, xs, ys = rule.x_axis, rule.y_axis, rows.xs, rows.ys
    for k in range(together):
        row_positions(source, n, i + k, first, count, xs + 8 * k * count, ys + 8 * k * count)
    count *= together
    if rows.x_places == xs:
        return False
    if rule.fills == FILL_OUTSIDE:
        edges.hide_outside(x_axis, y_axis, count, xs, ys, rows.x_places, rows.y_places)
        xs, ys = rows.x_places, rows.y_places
    mode = x_axis[MODE]
    if mode >= REFLECT:
        edges.fold_row(x_axis, count, xs, rows.x_places, rows.x_signs)
        edges.fold_row(y_axis, count, ys, rows.y_places, rows.y_signs)
    elif mode == BORDER and rule.family != POLYNOMIAL:
        edges.limit_row(x_axis, count, xs, rows.x_places, rows.x_signs)
        edges.limit_row(y_axis, count, ys, rows.y_places, rows.y_signs)
    return mode >= REFLECT or (mode == BORDER and rule.family != POLYNOMIAL)


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
        start, stop = max(start, first), min(stop, end)
    if mode == ZEROS or top > 0 or bottom < y_axis[SIZE]:
        above = -FARTHEST if mode != ZEROS and top == 0 else np.float64(top - K)
        below = FARTHEST if mode != ZEROS and bottom == y_axis[SIZE] else np.float64(bottom - 1 + K)
        first, end = columns_reaching(source, n, i, w, 1, above, below)
        start, stop = max(start, first), min(stop, end)
    start = min(start, right)
    return start, max(start, stop)


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
        above = max(above, top + (K - 1) // 2)
    if bottom < y_axis[SIZE]:
        below = min(below, bottom - max(K // 2, 0.5))
    return x_axis[INSIDE], x_axis[BEYOND], above, below


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
def find_run(bounds, start, end, rows):
    """Look at every pixel, eight at a time."""
    left, right, above, below = bounds
    first, stop, inside = end, start, 0
    for j in range(start, end, 8):
        bits = lanes_between(positions(rows.x_places, 0.0, j, EIGHT), left, right)
        bits &= lanes_between(positions(rows.y_places, 0.0, j, EIGHT), above, below)
        bits &= (1 << min(end - j, 8)) - 1
        if bits:
            first = min(first, j + lowest_bit(bits))
            stop = j + 64 - bits_above(bits)
            inside += bits_set(bits)
    return (first, stop, stop - first == inside) if inside else (end, end, True)


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
    """Two neighbours along each axis and tents for them, which vanish by themselves beyond the image."""
    axis_x, axis_y = (x_axis[SIZE], one), (y_axis[SIZE], one)
    x_step, y_step = spread(x_axis[STEP], EIGHT), spread(y_axis[STEP], EIGHT)
    for j in range(first, stop, 8):
        column = bilinear_axis(axis_x, rows.x_places, j, rows.u, rows.du, slopes)
        line = bilinear_axis(axis_y, rows.y_places, j, rows.v, rows.dv, slopes)
        put_taps(rows.offsets, j, whole_numbers(add_product(times(line, y_step), column, x_step)))


@jit.inline
def bilinear_axis(axis, places, j, weights, slopes, with_slopes):
    """The first of the two neighbours of eight positions along one axis; their weights and slopes go to the rows."""
    before, behind = neighbours(axis, positions(places, 0.0, j, EIGHT))
    first, second = tents(axis, behind)
    put_taps(weights, j, first)
    put_taps(weights + 8 * ROW, j, second)
    if with_slopes:
        first, second = tent_slopes(axis, behind)
        put_taps(slopes, j, first)
        put_taps(slopes + 8 * ROW, j, second)
    return before


@jit.inline
def neighbours(axis, place):
    """The pixel before each of eight positions, within [0, size - 2] whatever the position, and how far behind it they lie.

    `axis` = (size, one), with a 1 of the type of the weights.
    """
    size, one = axis
    before = smaller(larger(floors(place), spread(0.0, EIGHT)), spread(max(size - 2.0, 0.0), EIGHT))
    return before, narrowed(minus(place, before), one)


@jit.inline
def tents(axis, behind):
    """Weights of the two neighbours, max(0, 1 - |d|)."""
    size, one = axis
    unit, zero, other = spread(one, EIGHT), spread(one - one, EIGHT), spread(one if size > 1.0 else one - one, EIGHT)
    first = larger(minus(unit, magnitudes(behind)), zero)
    return first, times(other, larger(minus(unit, magnitudes(minus(behind, unit))), zero))


@jit.inline
def all_between(behind_x, behind_y, one):
    """Whether all eight positions lie between their neighbours, where tents are straight lines."""
    bits = lanes_between(behind_x, one - one, one) & lanes_between(behind_y, one - one, one)
    return bits == 255


@jit.inline
def lines(axis, behind):
    """As `tents`, between the neighbours, bit for bit."""
    unit = spread(axis[1], EIGHT)
    first = minus(unit, behind)
    return first, minus(unit, first)


@jit.inline
def line_slopes(axis):
    """As `tent_slopes`, between the neighbours."""
    return spread(-axis[1], EIGHT), spread(axis[1], EIGHT)


@jit.inline
def tent_slopes(axis, behind):
    """Derivatives of the weights by the position, from the right at the corners of the tent."""
    size, one = axis
    unit, other = spread(one, EIGHT), spread(one if size > 1.0 else one - one, EIGHT)
    first = plus(where_in_unit(plus(behind, unit), one), where_in_unit(behind, -one))
    return first, times(other, plus(where_in_unit(behind, one), where_in_unit(minus(behind, unit), -one)))


@jit.inline
def offsets_row(rule, x_step, y_step, first, stop, rows, offsets):
    """Bytes to the first taps, for any family, by the steps given."""
    K, x_axis, y_axis, nearest = rule.K, rule.x_axis, rule.y_axis, rule.family == NEAREST
    back = np.float64((K - 1) // 2)
    last_x, last_y = spread(max(x_axis[SIZE] - K, 0.0), EIGHT), spread(max(y_axis[SIZE] - K, 0.0), EIGHT)
    none = spread(0.0, EIGHT)
    for j in range(first, stop, 8):
        x, y = positions(rows.x_places, 0.0, j, EIGHT), positions(rows.y_places, 0.0, j, EIGHT)
        column, line = (rounded(x), rounded(y)) if nearest else (floors(x), floors(y))
        column, line = minus(column, spread(back, EIGHT)), minus(line, spread(back, EIGHT))
        column, line = smaller(larger(column, none), last_x), smaller(larger(line, none), last_y)
        bytes_down = times(line, spread(y_step, EIGHT))
        put_taps(offsets, j, whole_numbers(add_product(bytes_down, column, spread(x_step, EIGHT))))


@jit.inline
def fetch_ahead(rule, address, across, down, first, stop, offsets):
    """Ask for the pixels of the lower row of taps, known long before they are read: at a turn no prefetcher foresees them.

    The last element of a pair may lie in the next cache line. Small images stay in the first cache anyway.
    """
    if down * rule.y_axis[SIZE] <= FIRST_CACHE:
        return
    if across <= 8:  # neighbours lie in the same lines
        for j in range(first, stop - 1, 2):
            prefetch(address + tap(offsets, np.int64(0), j) + down)
            prefetch(address + tap(offsets, np.int64(0), j + 1) + down + 2 * across)
    else:
        for j in range(first, stop):
            lower = address + tap(offsets, np.int64(0), j) + down
            prefetch(lower)
            prefetch(lower + 2 * across)


@jit.inline
def polynomial_weights(family, K, table, first, stop, xs, weights, one):
    """K rows of weights along one axis; one piece of degree 3 or less is vector code."""
    T = type(one)
    if family == NEAREST:
        for j in range(first, stop):
            put_tap(weights, j, one)
    elif table[1] == 1 and table[3] <= 4:
        for k in range(K):
            row = weights + 8 * k * ROW
            a0, a1, a2, a3 = power(table, k, 0), power(table, k, 1), power(table, k, 2), power(table, k, 3)
            for j in range(first, stop):
                x = position(xs, 0.0, j)
                t = x - np.floor(x)
                put_tap(row, j, T(((a3 * t + a2) * t + a1) * t + a0))
    else:
        for j in range(first, stop):
            x = position(xs, 0.0, j)
            t = x - np.floor(x)
            s = edges.piece_of(table, t)
            for k in range(K):
                put_tap(weights + 8 * k * ROW, j, T(edges.polynomial(table, s, k, t)))


@jit.inline
def power(table, k, exponent):
    """Coefficient of a power in the polynomial of tap k, for a table of one piece."""
    return edges.coefficient(table, 0, 1 + k, table[3] - 1 - exponent) if exponent < table[3] else 0.0


@jit.inline
def take_signs(count, rows, zero):
    """The chain rule through what the padding did to the positions; where nothing is left of a gradient, its position is 0."""
    for xs, signs, gradients in ((rows.xs, rows.x_signs, rows.gx), (rows.ys, rows.y_signs, rows.gy)):
        for j in range(count):
            gradient = found(gradients, zero, j) * type(zero)(found(signs, 0.0, j))
            put_product(gradients, j, gradient)
            put_position(xs, j, position(xs, 0.0, j) if gradient != zero else 0.0)
