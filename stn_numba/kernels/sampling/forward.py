"""Forward pass: read an image at the positions of a grid.

Work is cut into tasks, and each task writes what no other task writes: results do not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.compiler.unpack import allocate, release
from stn_numba.kernels.constants import BILINEAR, FILL_OUTSIDE, FILL_TAPS, NO_FILL, SIZE, STEP, STRIP, TILE_ROWS
from stn_numba.kernels.sampling.edge_taps import both_edge_taps, edge_value
from stn_numba.kernels.sampling.interior import (
    inside_bits,
    inside_bounds,
    inside_run,
    is_far,
    is_inside,
    near_columns,
    next_piece,
)
from stn_numba.kernels.sampling.interpolate import pixels, pixels_of_plane
from stn_numba.kernels.sampling.packed_pixels import pixels_as_words
from stn_numba.kernels.sampling.positions import Source
from stn_numba.kernels.sampling.strips import (
    anywhere,
    image_and_row,
    is_plane,
    is_words,
    prepare_positions,
    rows_together,
)
from stn_numba.kernels.sampling.taps import fetch_ahead, inside_taps, rows_ahead
from stn_numba.kernels.sampling.workspace import Rule, row_addresses, scratch_bytes, to_next
from stn_numba.kernels.simd.load_store import Image, is_float, load_back, size_of, store, store_one
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import position, tap
from stn_numba.kernels.simd.vectors import FOUR, ONE, SIXTEEN, TWO, spread


@jit.inline
def inside_pixels(rule, image, address, ahead, first, stop, rows, zero, out, out_address, C):
    """The pixels [first, stop) of a strip, whose taps all lie inside the image; return whether all came out finite."""
    family, K, like, one = rule.family, rule.K, image.like, type(zero)(1)
    across, down = to_next(rule.x_axis, rule.x_axis[STEP]), to_next(rule.y_axis, rule.y_axis[STEP])
    if is_words(rule, image, out, C):
        pixels_as_words(rule, address, ahead, down, like, first, stop, rows, out, out_address, C)
        return True
    plane, check = is_plane(rule, image, out, C), zero
    inside_taps(rule, first, stop, rows, False, one)
    fetch_ahead(ahead, address, across, down, first, stop, rows.offsets)
    if plane:
        for c in range(C):
            source, target = address + c * image.c_step, out_address + c * out.c_step
            check += pixels_of_plane(source, down, like, first, stop, rows, zero, out, target)
    elif family == BILINEAR:
        check = pixels(TWO, K, image, address, across, down, first, stop, rows, zero, out, out_address, C)
    elif K == 4:
        check = pixels(FOUR, K, image, address, across, down, first, stop, rows, zero, out, out_address, C)
    else:
        check = pixels(ONE, K, image, address, across, down, first, stop, rows, zero, out, out_address, C)
    return check - check == zero


@jit.inline
def edge_pixel(rule, image, address, x, y, rows, zero, out, out_address, C, only_nan):
    """A pixel anywhere: tap by tap, and its share of the fill value. `only_nan`: just the channels that came out as NaN."""
    fill, fills = rule.fill, rule.fills
    total = both_edge_taps(rule, x, y, rows, zero, False)
    share = zero
    if fills == FILL_TAPS:
        share = type(zero)(1) - total
    elif fills == FILL_OUTSIDE and x != x:
        share = type(zero)(1)
    for c in range(C):
        place = out_address + c * out.c_step
        before = load_back(place, out.like)
        if not only_nan or before != before:
            start = share * tap(fill, zero, c) if share != zero else zero
            store_one(place, out.like, edge_value(rule.K, image, address + c * image.c_step, rows, start, zero))


@jit.inline
def clear(count, C, zero, out, out_address):
    """Write zeros to some pixels."""
    like, size = out.like, size_of(out.like)
    if out.x_step == C * size and out.c_step == size:
        k, total = 0, count * C
        while k + 16 <= total:
            store(out_address + k * size, like, spread(zero, SIXTEEN))
            k += 16
        while k < total:
            store_one(out_address + k * size, like, zero)
            k += 1
    else:
        for j in range(count):
            for c in range(C):
                store_one(out_address + j * out.x_step + c * out.c_step, like, zero)


@jit.inline
def clear_outside(bounds, count, rows, C, zero, out, out_address):
    """Write zeros to pixels of floats whose taps have no weight: what a weight of zero makes of a negative pixel is -0."""
    for j in range(0, count, 8):
        if inside_bits(bounds, j, rows) != 255:
            for k in range(j, least(j + 8, count)):
                if not is_inside(bounds, k, rows):
                    clear(1, C, zero, out, out_address + k * out.x_step)


@jit.aside
def edge_pixels(rule, image, address, start, first, stop, end, finite, rows, zero, out, out_address, C):
    """The pixels from `start` to `end` that are not in [first, stop), one by one; those that read nothing together.

    And the pixels in [first, stop) that came out as NaN, unless all are `finite`: zero times a NaN or an infinite pixel is to
    be nothing.
    """
    j = start
    while j < end:
        inside = first <= j < stop
        if inside and finite:
            j = stop
            continue
        behind, limit = j, first if j < first else end
        while not inside and rule.fills == NO_FILL and behind < limit and is_far(rule, behind, rows):
            behind += 1
        if behind > j:
            clear(behind - j, C, zero, out, out_address + j * out.x_step)
            j = behind
        else:
            x, y = position(rows.x_places, 0.0, j), position(rows.y_places, 0.0, j)
            edge_pixel(rule, image, address, x, y, rows, zero, out, out_address + j * out.x_step, C, inside)
            j += 1


@jit.inline
def sample_strip(rule, image, address, ahead, run, count, bounds, rows, zero, out, out_address, C):
    """The pixels of a strip: those inside in one run, the others one by one."""
    start = 0
    while start < count:
        first, stop, end, in_one_run = next_piece(run, start, count, bounds, rows)
        finite = True
        if first < stop:
            finite = inside_pixels(rule, image, address, ahead, first, stop, rows, zero, out, out_address, C)
        left, right = start, end
        if anywhere(rule) and in_one_run:  # all that has a weight is in the run
            clear(first - start, C, zero, out, out_address + start * out.x_step)
            clear(end - stop, C, zero, out, out_address + stop * out.x_step)
            left, right = first, stop
        if left < first or stop < right or not finite:
            edge_pixels(rule, image, address, left, first, stop, right, finite, rows, zero, out, out_address, C)
        start = end


@jit.inline
def sample_columns(rule, image, source, n, i, together, steps, C, left, right, bounds, rows, zero, out, out_address):
    """Columns [left, right) of output row i of image n, or of some rows together; the output row begins at `out_address`."""
    start, stop = left, right
    if rule.fills == NO_FILL and together == 1:
        start, stop = near_columns(rule, source, n * steps[1], i, left, right, 0, np.int64(rule.y_axis[SIZE]))
    clear(start - left, C, zero, out, out_address + left * out.x_step)
    if start < stop:
        prepare_positions(rule, source, n * steps[1], i, start, stop - start, rows, together, False)
        count = (stop - start) * together
        run = np.int64(0), count, True
        if together == 1:
            run = inside_run(source, n * steps[1], i, start, bounds, 0, count, rows)
        address = image.address + n * steps[0] * image.n_step
        ahead = rows_ahead(rule.y_axis, source, n * steps[1], to_next(rule.y_axis, image.y_step))
        place = out_address + start * out.x_step
        sample_strip(rule, image, address, ahead, run, count, bounds, rows, zero, out, place, C)
        if together > 1 and is_float(out.like) and not is_plane(rule, image, out, C):
            clear_outside(bounds, count, rows, C, zero, out, place)
    clear(right - stop, C, zero, out, out_address + stop * out.x_step)


@jit.inline
def sample_rows(first_row, last_row, image, source, rule, steps, size, zero, out, rows):
    """Forward pass of some of the rows of all outputs, tile by tile."""
    _, h, w, C = size
    bounds, together = inside_bounds(rule, 0, np.int64(rule.y_axis[SIZE])), rows_together(rule, image, out, w, C, 4)
    top = first_row
    while top < last_row:
        # no strip reaches into the next image
        bottom = least(top + TILE_ROWS if together == 1 else (top // h + 1) * h, last_row)
        for left in range(0, w, STRIP):
            right, row = least(left + STRIP, w), top
            while row < bottom:
                n, i = image_and_row(row, source, size)
                count = least(together, bottom - row)
                address = out.address + n * out.n_step + i * out.y_step
                sample_columns(rule, image, source, n, i, count, steps, C, left, right, bounds, rows, zero, out, address)
                row += count
        top = bottom


@jit.tasks
def sample(first, stop, tasks, image, source, rule, steps, size, zero, out):
    """Read an image into an output of `size` (N, h, w, C), whose numbers are computed as the dtype of `zero`.

    `steps` = (image_step, grid_step) are 1, or 0 where one image serves all grids or one grid all images.
    """
    rule, rows = Rule(*rule), size[0] * size[1]
    memory = allocate(scratch_bytes(rule))
    if memory:
        image, source, out, scratch = Image(*image), Source(*source), Image(*out), row_addresses(rule, memory)
        for task in range(first, stop):
            top, end = task * rows // tasks, (task + 1) * rows // tasks
            sample_rows(top, end, image, source, rule, steps, size, zero, out, scratch)
        release(memory)
    return memory != 0
