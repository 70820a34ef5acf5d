"""Reading by the nearest pixel: items are copied bit for bit, whatever they hold.

An item is `count` units of 1, 2, 4 or 8 bytes: a number in one channel, or a whole pixel where its channels lie side by side.
So there is one compiled kernel for each size of unit, not for each dtype. Images are those of `kernels.memory`, of units;
`source` and `steps` are those of `kernels.forward`; `axes` = (x_axis, y_axis), see `kernels.edges`.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels import jit
from stn_numba.kernels.constants import BORDER, MODE, SIZE, STEP, ZEROS
from stn_numba.kernels.edges import FARTHEST, limit, resolve
from stn_numba.kernels.job import allocate, release
from stn_numba.kernels.memory import Image, copy, copy_two, size_of
from stn_numba.kernels.positions import Source, row_positions
from stn_numba.kernels.rows import ROW, STRIP
from stn_numba.kernels.scalars import least
from stn_numba.kernels.scratch import position, positions, put_tap, put_taps, tap
from stn_numba.kernels.strips import TILE_ROWS, image_and_row
from stn_numba.kernels.vectors import EIGHT, add_product, lanes_between, rounded, spread, times, whole_numbers

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

    Eight at a time, where all of them lie inside the image, or all beside it where it is followed by nothing.
    """
    x_axis, y_axis = axes
    x_step, y_step, ends = spread(x_axis[STEP], EIGHT), spread(y_axis[STEP], EIGHT), x_axis[MODE] == ZEROS
    for j in range(0, count, 8):
        column, line = rounded(positions(xs, 0.0, j, EIGHT)), rounded(positions(ys, 0.0, j, EIGHT))
        inside = lanes_between(column, 0.0, x_axis[SIZE]) & lanes_between(line, 0.0, y_axis[SIZE])
        if inside == 255:
            put_taps(offsets, j, whole_numbers(add_product(times(line, y_step), column, x_step)))
        elif ends and inside == 0:
            for k in range(j, least(j + 8, count)):
                put_tap(offsets, k, NOWHERE)
        else:
            for k in range(j, least(j + 8, count)):
                m, n = pixel_of(x_axis, position(xs, 0.0, k)), pixel_of(y_axis, position(ys, 0.0, k))
                place = n * np.int64(y_axis[STEP]) + m * np.int64(x_axis[STEP])
                put_tap(offsets, k, place if m >= 0 and n >= 0 else NOWHERE)


@jit.inline
def copy_row(address, offsets, pixels, like, count, outside, target, step):
    """One item of each pixel of a strip."""
    none, size = np.int64(0), size_of(like)
    if count == 1:
        for j in range(pixels):
            offset = tap(offsets, none, j)
            copy(target + j * step, outside if offset == NOWHERE else address + offset, like)
    elif count == 3:
        for j in range(pixels):
            offset, here = tap(offsets, none, j), target + j * step
            source = outside if offset == NOWHERE else address + offset
            copy_two(here, source, like)
            copy(here + 2 * size, source + 2 * size, like)
    else:
        for j in range(pixels):
            offset, here = tap(offsets, none, j), target + j * step
            source = outside if offset == NOWHERE else address + offset
            for k in range(count):
                copy(here + k * size, source + k * size, like)


@jit.inline
def nearest_rows(first_row, last_row, image, source, axes, steps, size, count, outside, out, memory):
    """Read some of the rows of all outputs, tile by tile: a tile of a turned image stays in the caches."""
    (_, _, w, C), item = size, count * size_of(image.like)
    xs, ys, offsets = memory, memory + 8 * ROW, memory + 16 * ROW
    for top in range(first_row, last_row, TILE_ROWS):
        for left in range(0, w, STRIP):
            pixels = least(STRIP, w - left)
            for row in range(top, least(top + TILE_ROWS, last_row)):
                n, i = image_and_row(row, source, size)
                row_positions(source, n * steps[1], i, left, pixels, xs, ys)
                offset_rows(axes, pixels, xs, ys, offsets)
                address = image.address + n * steps[0] * image.n_step
                target = out.address + n * out.n_step + i * out.y_step + left * out.x_step
                for c in range(C):
                    here, there, beyond = address + c * image.c_step, target + c * out.c_step, outside + c * item
                    copy_row(here, offsets, pixels, image.like, count, beyond, there, out.x_step)


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
