"""The kernel `nearest`: copy the nearest pixel of each position bit for bit, whatever pixels hold.

An item is `count` units of 1, 2, 4 or 8 bytes: a number in one channel, or a whole pixel where channels are contiguous.
So there is one compiled kernel for each size of unit, not for each dtype. Images are `load_store.Image` of units, and `axes`
are (x_axis, y_axis), see `constants`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import AFFINE, BORDER, MODE, SIZE, STEP, ZEROS
from stn_numba.kernels.sampling.interior import columns_between
from stn_numba.kernels.sampling.packed_pixels import store_packed
from stn_numba.kernels.sampling.padding import FARTHEST, clip, pad_index
from stn_numba.kernels.sampling.positions import GridSource, along_row, columns_from, row_positions
from stn_numba.kernels.sampling.strips import image_and_row, image_count
from stn_numba.kernels.sampling.taps import bytes_ahead
from stn_numba.kernels.sampling.workspace import to_next
from stn_numba.kernels.simd.lanes import mask_bits
from stn_numba.kernels.simd.load_store import Image, prefetch, size_of
from stn_numba.kernels.simd.raw import gather_raw, load_raw, store_raw
from stn_numba.kernels.simd.scalars import greatest, least
from stn_numba.kernels.simd.scratch import allocate, get_offset, get_position, put_tap, release
from stn_numba.kernels.simd.vectors import EIGHT, FOUR, THREE, TWO, fma, full, maximum, rint, to_int64

TILE_WIDTH, TILE_HEIGHT = 256, 64  # of output pixels: what they read of a rotated image stays in the first cache
ROW = TILE_WIDTH + 16  # numbers of 8 bytes in a scratch row; whole vectors may be written behind a strip
NOWHERE = np.iinfo(np.int64).min  # the offset of a position outside the image


class Job(NamedTuple):
    """What all pieces of rows of a call have in common."""

    grid: GridSource
    axes: tuple[tuple[float, ...], tuple[float, ...]]
    image: Image
    out: Image
    steps: tuple[int, int]
    size: tuple[int, int, int, int]
    count: int  # units of an item
    outside: int  # address of the pixel that is read outside the image
    gathers: int  # see `load_store.gather`
    memory: int  # three scratch rows: x, y and offsets


@jit.inline
def nearest_index(axis, x):
    """The pixel that a position along one axis reads; -1 for none."""
    size = np.int64(axis[SIZE])
    x = np.rint(x)
    if axis[MODE] == BORDER:
        x = clip(x, 0.0, axis[SIZE] - 1.0)
    if not (abs(x) < FARTHEST):  # NaN, too
        return np.int64(-1)
    index = np.int64(x)
    if index < 0 or index >= size:
        return np.int64(-1) if axis[MODE] == ZEROS else pad_index(index, size, axis, 0.0)[0]
    return index


@jit.apart
def pixel_offsets(axes, count, xs, ys, offsets):
    """Bytes from the first pixel of the image to the one that each of `count` positions reads, NOWHERE for none.

    Eight at a time, where all of them lie inside the image, or all beside it where it is followed by zeros. Returns whether
    all pixels lie inside, and the largest offsets, if each eight lie inside.
    """
    x_axis, y_axis = axes
    everywhere, largest, ends = True, full(EIGHT, 0.0), x_axis[MODE] == ZEROS
    for j in range(0, count, 8):
        column, line = rint(get_position(xs, j, EIGHT)), rint(get_position(ys, j, EIGHT))
        inside = mask_bits((column >= 0.0) & (column < x_axis[SIZE])) & mask_bits((line >= 0.0) & (line < y_axis[SIZE]))
        if inside == 255:
            place = fma(column, x_axis[STEP], line * y_axis[STEP])
            largest = maximum(largest, place)
            put_tap(offsets, j, to_int64(place))
        elif ends and inside == 0:
            for k in range(j, least(j + 8, count)):
                put_tap(offsets, k, NOWHERE)
            everywhere = False
        else:
            largest = full(EIGHT, np.inf)
            for k in range(j, least(j + 8, count)):
                m, n = nearest_index(x_axis, get_position(xs, k)), nearest_index(y_axis, get_position(ys, k))
                offset = n * np.int64(y_axis[STEP]) + m * np.int64(x_axis[STEP])
                put_tap(offsets, k, offset if m >= 0 and n >= 0 else NOWHERE)
                everywhere = everywhere and m >= 0 and n >= 0
    return everywhere, largest


@jit.apart
def affine_offsets(axes, line_x, line_y, first, count, offsets):
    """As `pixel_offsets`, for columns from `first` on that all read pixels inside the image; returns the largest offsets."""
    largest = full(EIGHT, 0.0)
    for j in range(0, count, 8):
        columns = columns_from(first + j)
        column, line = rint(line_x[0] * columns + line_x[1]), rint(line_y[0] * columns + line_y[1])
        place = fma(column, axes[0][STEP], line * axes[1][STEP])
        largest = maximum(largest, place)
        put_tap(offsets, j, to_int64(place))
    return largest


@jit.inline
def reads_inside(axes, line_x, line_y, column):
    """Whether the pixel that an output column of an affine map reads lies inside the image."""
    x, y = np.rint(line_x[0] * column + line_x[1]), np.rint(line_y[0] * column + line_y[1])
    return (x >= 0.0) & (x < axes[0][SIZE]) & (y >= 0.0) & (y < axes[1][SIZE])


@jit.inline
def interior_columns(grid, axes, n, i, left, right):
    """The columns of [left, right) of output row i of grid n that read pixels inside the image; none, if that is not known.

    Along a row an affine map rises or falls, rounding included: these columns are neighbors, and the others lie outside.
    """
    if grid.kind != AFFINE:
        return left, left
    line_x, line_y = along_row(grid.matrix, n, 0, i), along_row(grid.matrix, n, 1, i)
    if reads_inside(axes, line_x, line_y, np.float64(left)) and reads_inside(axes, line_x, line_y, np.float64(right - 1)):
        return left, right
    low, high = columns_between(line_x, -0.5, axes[0][SIZE] - 0.5, np.float64(left), np.float64(right))
    low, high = columns_between(line_y, -0.5, axes[1][SIZE] - 0.5, low, high)
    first, stop = (np.int64(low), np.int64(high)) if low < high else (left, left)
    while first < stop and not reads_inside(axes, line_x, line_y, np.float64(first)):
        first += 1
    while first < stop and not reads_inside(axes, line_x, line_y, np.float64(stop - 1)):
        stop -= 1
    return first, stop


@jit.inline
def copy_units(target, source, unit, count):
    """Copy the units of one item."""
    size = size_of(unit)
    if count == 3:
        store_raw(target, load_raw(source, unit, TWO))
        store_raw(target + 2 * size, load_raw(source + 2 * size, unit))
    else:
        for k in range(count):
            store_raw(target + k * size, load_raw(source + k * size, unit))


@jit.inline
def copy_inside(address, offsets, first, pixels, unit, count, target, step):
    """Copy one item for each of the pixels [first, pixels), which all lie inside the image."""
    if count == 1:
        for j in range(first, pixels):
            store_raw(target + j * step, load_raw(address + get_offset(offsets, j), unit))
    elif count == 3:
        for j in range(first, pixels):
            copy_units(target + j * step, address + get_offset(offsets, j), unit, 3)
    else:
        for j in range(first, pixels):
            copy_units(target + j * step, address + get_offset(offsets, j), unit, count)


@jit.apart
def copy_contiguous(gathers, address, ahead, offsets, pixels, unit, count, target):
    """As `copy_inside`, to a contiguous output, for items of one unit, or of three that are followed by another."""
    size = size_of(unit)
    for j in range(0, pixels - 7, 8):
        prefetch(address + get_offset(offsets, j) + ahead)
        prefetch(address + get_offset(offsets, j + 4) + ahead)
        place = target + j * count * size
        if count == 1:
            store_raw(place, gather_raw(gathers, address, offsets + 8 * j, unit, EIGHT))
        elif size == 1:
            store_packed(place, gather_raw(gathers, address, offsets + 8 * j, np.int32(0), EIGHT), THREE)
        else:
            for k in range(7):
                store_raw(place + 3 * k * size, load_raw(address + get_offset(offsets, j + k), unit, FOUR))
            copy_units(place + 21 * size, address + get_offset(offsets, j + 7), unit, 3)
    copy_inside(address, offsets, pixels // 8 * 8, pixels, unit, count, target, count * size)


@jit.inline
def copy_anywhere(address, offsets, pixels, unit, count, outside, target, step):
    """Copy one item for each of some pixels, or the one for outside."""
    for j in range(pixels):
        offset = get_offset(offsets, j)
        copy_units(target + j * step, outside if offset == NOWHERE else address + offset, unit, count)


@jit.inline
def fill(pixels, unit, count, outside, target, step):
    """Copy the item for outside to all pixels."""
    j, size = 0, size_of(unit)
    if count == 1:
        while step == size and j + 8 <= pixels:
            store_raw(target + j * size, full(EIGHT, load_raw(outside, unit)))
            j += 8
        while j < pixels:
            store_raw(target + j * step, load_raw(outside, unit))
            j += 1
    else:
        for j in range(pixels):
            copy_units(target + j * step, outside, unit, count)


@jit.inline
def is_followed(axes, offsets):
    """Whether pixels at these offsets are followed by another one in memory."""
    (x_axis, y_axis), end = axes, 0.0
    for axis in (x_axis, y_axis):
        end += greatest((axis[SIZE] - 1.0) * axis[STEP], 0.0)
    return mask_bits((offsets >= -np.inf) & (offsets < end)) == 255


@jit.inline
def nearest_columns(job, n, i, left, right, inside, address, target):
    """Write columns [left, right) of output row i of grid n, which begins at `target`; all `inside`, or that is not known."""
    grid, axes, image, out, count, outside = job.grid, job.axes, job.image, job.out, job.count, job.outside
    xs, ys, offsets = job.memory, job.memory + 8 * ROW, job.memory + 16 * ROW
    unit, item, pixels = image.dtype, count * size_of(image.dtype), right - left
    nothing, largest = grid.kind == AFFINE and axes[0][MODE] == ZEROS and not inside, full(EIGHT, np.inf)
    if inside:
        lines = along_row(grid.matrix, n, 0, i), along_row(grid.matrix, n, 1, i)
        largest = affine_offsets(axes, lines[0], lines[1], left, pixels, offsets)
    elif not nothing:
        row_positions(grid, n, i, left, pixels, xs, ys)
        inside, largest = pixel_offsets(axes, pixels, xs, ys, offsets)
    contiguous = out.x_step == item and (count == 1 or (count == 3 and is_followed(axes, largest)))
    ahead = bytes_ahead(axes[1], grid, n, to_next(axes[1], image.y_step), image_count(job))
    for c in range(job.size[3]):
        here, there = address + c * image.c_step, target + left * out.x_step + c * out.c_step
        if inside and contiguous:
            copy_contiguous(job.gathers, here, ahead, offsets, pixels, unit, count, there)
        elif inside:
            copy_inside(here, offsets, 0, pixels, unit, count, there, out.x_step)
        elif nothing:
            fill(pixels, unit, count, outside + c * item, there, out.x_step)
        else:
            copy_anywhere(here, offsets, pixels, unit, count, outside + c * item, there, out.x_step)


@jit.inline
def nearest_rows(job, first_row, last_row):
    """Write some of the rows of all outputs, tile by tile."""
    image, out, w = job.image, job.out, job.size[2]
    for top in range(first_row, last_row, TILE_HEIGHT):
        for left in range(0, w, TILE_WIDTH):
            right = least(left + TILE_WIDTH, w)
            for row in range(top, least(top + TILE_HEIGHT, last_row)):
                n, i = image_and_row(row, job.grid, job.size)
                k, address = n * job.steps[1], image.address + n * job.steps[0] * image.n_step
                target = out.address + n * out.n_step + i * out.y_step
                first, stop = interior_columns(job.grid, job.axes, k, i, left, right)
                for start, end, inside in ((left, first, False), (first, stop, True), (stop, right, False)):
                    if start < end:
                        nearest_columns(job, k, i, start, end, inside, address, target)


@jit.tasks
def nearest(first, stop, tasks, image, grid, axes, steps, size, count, outside, gathers, out):
    """Copy to an output of `size` (N, h, w, items of a pixel); `outside` is the address of the pixel read outside the image.

    `steps` are those of `forward.sample`.
    """
    memory, rows = allocate(24 * ROW), size[0] * size[1]
    if memory:
        job = Job(GridSource(*grid), axes, Image(*image), Image(*out), steps, size, count, outside, gathers, memory)
        for task in range(first, stop):
            nearest_rows(job, task * rows // tasks, (task + 1) * rows // tasks)
        release(memory)
    return memory != 0
