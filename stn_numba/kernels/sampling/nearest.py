"""Reading by the nearest pixel: items are copied bit for bit, whatever they hold.

An item is `count` units of 1, 2, 4 or 8 bytes: a number in one channel, or a whole pixel where its channels lie side by side.
So there is one compiled kernel for each size of unit, not for each dtype. Images are those of `simd.load_store`, of units;
`source` and `steps` are those of `kernels.sampling.forward`; `axes` = (x_axis, y_axis), see `kernels.sampling.edge_taps`.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.compiler.unpack import allocate, release
from stn_numba.kernels.constants import AFFINE, BORDER, MODE, SIZE, STEP, ZEROS
from stn_numba.kernels.sampling.edge_taps import FARTHEST, limit, resolve
from stn_numba.kernels.sampling.interior import columns_between
from stn_numba.kernels.sampling.packed_pixels import load_words, store_words
from stn_numba.kernels.sampling.positions import Source, along_row, row_positions, straight
from stn_numba.kernels.sampling.strips import image_and_row
from stn_numba.kernels.sampling.taps import rows_ahead
from stn_numba.kernels.sampling.workspace import to_next
from stn_numba.kernels.simd.load_store import Image, copy, copy_collected, copy_repeated, copy_some, prefetch, size_of
from stn_numba.kernels.simd.scalars import greatest, least
from stn_numba.kernels.simd.scratch import position, positions, put_tap, put_taps, tap
from stn_numba.kernels.simd.vectors import (
    EIGHT,
    FOUR,
    THREE,
    TWO,
    add_product,
    counting,
    lanes_between,
    larger,
    plus,
    rounded,
    spread,
    times,
    whole_numbers,
)

TILE_WIDTH, TILE_HEIGHT = 256, 64  # of output pixels: what they read of a turned image stays in the first cache
ROW = TILE_WIDTH + 16  # numbers of 8 bytes in a scratch row; whole vectors may be written behind a strip
NOWHERE = np.iinfo(np.int64).min  # the offset of a position outside the image


@jit.inline
def pixel_of(axis, x):
    """The pixel that a position along one axis reads; -1 for none."""
    size = np.int64(axis[SIZE])
    x = np.rint(x)
    if axis[MODE] == BORDER:
        x = limit(x, 0.0, axis[SIZE] - 1.0)
    if not (abs(x) < FARTHEST):  # NaN, too
        return np.int64(-1)
    index = np.int64(x)
    if index < 0 or index >= size:
        return np.int64(-1) if axis[MODE] == ZEROS else resolve(index, size, axis, 0.0)[0]
    return index


@jit.inline
def offset_rows(axes, count, xs, ys, offsets):
    """Bytes from the first pixel of the image to the one that each of `count` positions reads, NOWHERE for none.

    Eight at a time, where all of them lie inside the image, or all beside it where it is followed by nothing. Returns whether
    all pixels lie inside, and the largest offsets, if each eight lie inside.
    """
    x_axis, y_axis = axes
    everywhere, largest = True, spread(0.0, EIGHT)
    x_step, y_step, ends = spread(x_axis[STEP], EIGHT), spread(y_axis[STEP], EIGHT), x_axis[MODE] == ZEROS
    for j in range(0, count, 8):
        column, line = rounded(positions(xs, 0.0, j, EIGHT)), rounded(positions(ys, 0.0, j, EIGHT))
        inside = lanes_between(column, 0.0, x_axis[SIZE]) & lanes_between(line, 0.0, y_axis[SIZE])
        if inside == 255:
            place = add_product(times(line, y_step), column, x_step)
            largest = larger(largest, place)
            put_taps(offsets, j, whole_numbers(place))
        elif ends and inside == 0:
            for k in range(j, least(j + 8, count)):
                put_tap(offsets, k, NOWHERE)
            everywhere = False
        else:
            largest = spread(np.inf, EIGHT)
            for k in range(j, least(j + 8, count)):
                m, n = pixel_of(x_axis, position(xs, 0.0, k)), pixel_of(y_axis, position(ys, 0.0, k))
                offset = n * np.int64(y_axis[STEP]) + m * np.int64(x_axis[STEP])
                put_tap(offsets, k, offset if m >= 0 and n >= 0 else NOWHERE)
                everywhere = everywhere and m >= 0 and n >= 0
    return everywhere, largest


@jit.inline
def lies_inside(axes, line_x, line_y, column):
    """Whether the pixel that an output column of an affine map reads lies inside the image."""
    x, y = np.rint(line_x[0] * column + line_x[1]), np.rint(line_y[0] * column + line_y[1])
    return (x >= 0.0) & (x < axes[0][SIZE]) & (y >= 0.0) & (y < axes[1][SIZE])


@jit.inline
def affine_offsets(axes, line_x, line_y, first, count, offsets):
    """As `offset_rows`, for columns from `first` on that all read pixels inside the image; returns the largest offsets."""
    x_step, y_step, largest = spread(axes[0][STEP], EIGHT), spread(axes[1][STEP], EIGHT), spread(0.0, EIGHT)
    for j in range(0, count, 8):
        columns = plus(counting(EIGHT), spread(np.float64(first + j), EIGHT))
        column, line = rounded(straight(line_x, columns, EIGHT)), rounded(straight(line_y, columns, EIGHT))
        place = add_product(times(line, y_step), column, x_step)
        largest = larger(largest, place)
        put_taps(offsets, j, whole_numbers(place))
    return largest


@jit.inline
def inside_columns(source, axes, n, i, left, right):
    """The columns of [left, right) of output row i of grid n that read pixels inside the image, as far as that is solved.

    Along a row an affine map rises or falls, rounding included: these columns are neighbors, and the others lie outside.
    """
    if source.kind != AFFINE:
        return left, left
    line_x, line_y = along_row(source.matrix, n, 0, i), along_row(source.matrix, n, 1, i)
    if lies_inside(axes, line_x, line_y, np.float64(left)) and lies_inside(axes, line_x, line_y, np.float64(right - 1)):
        return left, right
    low, high = columns_between(line_x, -0.5, axes[0][SIZE] - 0.5, np.float64(left), np.float64(right))
    low, high = columns_between(line_y, -0.5, axes[1][SIZE] - 0.5, low, high)
    first, stop = (np.int64(low), np.int64(high)) if low < high else (left, left)
    while first < stop and not lies_inside(axes, line_x, line_y, np.float64(first)):
        first += 1
    while first < stop and not lies_inside(axes, line_x, line_y, np.float64(stop - 1)):
        stop -= 1
    return first, stop


@jit.inline
def copy_item(target, source, like, count):
    """The units of one item."""
    size = size_of(like)
    if count == 3:
        copy_some(target, source, like, TWO)
        copy(target + 2 * size, source + 2 * size, like)
    else:
        for k in range(count):
            copy(target + k * size, source + k * size, like)


@jit.inline
def copy_inside(address, offsets, first, pixels, like, count, target, step):
    """One item of each of the pixels [first, pixels), which all lie inside the image."""
    none = np.int64(0)
    if count == 1:
        for j in range(first, pixels):
            copy(target + j * step, address + tap(offsets, none, j), like)
    elif count == 3:
        for j in range(first, pixels):
            copy_item(target + j * step, address + tap(offsets, none, j), like, 3)
    else:
        for j in range(first, pixels):
            copy_item(target + j * step, address + tap(offsets, none, j), like, count)


@jit.inline
def copy_side_by_side(address, ahead, offsets, pixels, like, count, target):
    """As `copy_inside` for items of one unit, or of three with another one behind, which come to lie side by side."""
    size, none = size_of(like), np.int64(0)
    for j in range(0, pixels - 7, 8):
        prefetch(address + tap(offsets, none, j) + ahead)
        prefetch(address + tap(offsets, none, j + 4) + ahead)
        place = target + j * count * size
        if count == 1:
            copy_collected(place, address, offsets + 8 * j, like, EIGHT)
        elif size == 1:
            store_words(place, load_words(address, offsets + 8 * j), THREE)
        else:
            for k in range(7):
                copy_some(place + 3 * k * size, address + tap(offsets, none, j + k), like, FOUR)
            copy_item(place + 21 * size, address + tap(offsets, none, j + 7), like, 3)
    copy_inside(address, offsets, pixels // 8 * 8, pixels, like, count, target, count * size)


@jit.inline
def copy_anywhere(address, offsets, pixels, like, count, outside, target, step):
    """One item of each of some pixels, or of what lies outside."""
    for j in range(pixels):
        offset = tap(offsets, np.int64(0), j)
        copy_item(target + j * step, outside if offset == NOWHERE else address + offset, like, count)


@jit.inline
def fill(pixels, like, count, outside, target, step):
    """The item that lies outside, again and again."""
    j, size = 0, size_of(like)
    if count == 1:
        while step == size and j + 8 <= pixels:
            copy_repeated(target + j * size, outside, like, EIGHT)
            j += 8
        while j < pixels:
            copy(target + j * step, outside, like)
            j += 1
    else:
        for j in range(pixels):
            copy_item(target + j * step, outside, like, count)


@jit.inline
def nearest_piece(source, axes, n, i, left, right, inside, image, address, C, count, outside, out, target, memory):
    """Columns [left, right) of output row i of grid n, which begins at `target`; all or none `inside`, or that is not known."""
    xs, ys, offsets, item, pixels = memory, memory + 8 * ROW, memory + 16 * ROW, count * size_of(image.like), right - left
    nothing, largest = source.kind == AFFINE and axes[0][MODE] == ZEROS and not inside, spread(np.inf, EIGHT)
    if inside:
        lines = along_row(source.matrix, n, 0, i), along_row(source.matrix, n, 1, i)
        largest = affine_offsets(axes, lines[0], lines[1], left, pixels, offsets)
    elif not nothing:
        row_positions(source, n, i, left, pixels, xs, ys)
        inside, largest = offset_rows(axes, pixels, xs, ys, offsets)
    packed = out.x_step == item and (count == 1 or (count == 3 and before_last(axes, largest)))
    ahead = rows_ahead(axes[1], source, n, to_next(axes[1], image.y_step))
    for c in range(C):
        here, there = address + c * image.c_step, target + left * out.x_step + c * out.c_step
        if inside and packed:
            copy_side_by_side(here, ahead, offsets, pixels, image.like, count, there)
        elif inside:
            copy_inside(here, offsets, 0, pixels, image.like, count, there, out.x_step)
        elif nothing:
            fill(pixels, image.like, count, outside + c * item, there, out.x_step)
        else:
            copy_anywhere(here, offsets, pixels, image.like, count, outside + c * item, there, out.x_step)


@jit.inline
def before_last(axes, offsets):
    """Whether pixels at these offsets have another one behind them in memory, whatever it holds."""
    (x_axis, y_axis), end = axes, 0.0
    for axis in (x_axis, y_axis):
        end += greatest((axis[SIZE] - 1.0) * axis[STEP], 0.0)
    return lanes_between(offsets, -np.inf, end) == 255


@jit.inline
def nearest_rows(first_row, last_row, image, source, axes, steps, size, count, outside, out, memory):
    """Read some of the rows of all outputs, tile by tile: a tile of a turned image stays in the caches."""
    _, _, w, C = size
    for top in range(first_row, last_row, TILE_HEIGHT):
        for left in range(0, w, TILE_WIDTH):
            right = least(left + TILE_WIDTH, w)
            for row in range(top, least(top + TILE_HEIGHT, last_row)):
                n, i = image_and_row(row, source, size)
                address, target = image.address + n * steps[0] * image.n_step, out.address + n * out.n_step + i * out.y_step
                k = n * steps[1]
                first, stop = inside_columns(source, axes, k, i, left, right)
                for start, end, inside in ((left, first, False), (first, stop, True), (stop, right, False)):
                    if start < end:
                        nearest_piece(
                            source, axes, k, i, start, end, inside, image, address, C, count, outside, out, target, memory
                        )  # fmt: skip


@jit.tasks
def nearest(first, stop, tasks, image, source, axes, steps, size, count, outside, out):
    """Copy to an output of `size` (N, h, w, items of a pixel); `outside` is the address of the pixel read outside the image."""
    memory, rows = allocate(24 * ROW), size[0] * size[1]
    if memory:
        image, source, out = Image(*image), Source(*source), Image(*out)
        for task in range(first, stop):
            top, end = task * rows // tasks, (task + 1) * rows // tasks
            nearest_rows(top, end, image, source, axes, steps, size, count, outside, out, memory)
        release(memory)
    return memory != 0
