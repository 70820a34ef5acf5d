"""Forward pass: read an image at the positions of a grid.

Work is cut into tasks, and each task writes what no other task writes: results do not depend on the number of threads.
`image` and `out` are the tuples that `kernels.memory` describes, `steps` = (image_step, grid_step) are 1, or 0 where one
image serves all grids or one grid all images; `size` = (N, h, w, C) of the output.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from stn_numba.kernels import jit
from stn_numba.kernels.edges import BILINEAR, SIZE, STEP, edge_taps
from stn_numba.kernels.memory import (
    Image,
    found,
    hold,
    load,
    load_one,
    load_pairs,
    position,
    positions,
    put_products,
    size_of,
    store,
    store_one,
    store_wide,
    tap,
)
from stn_numba.kernels.positions import by_address
from stn_numba.kernels.rows import (
    FILL_OUTSIDE,
    FILL_TAPS,
    NEXT_TAP,
    NO_FILL,
    STRIP,
    row_addresses,
    rule_by_address,
    scratch,
    to_next,
)
from stn_numba.kernels.runs import inside_bounds, inside_run, is_far, near_columns, next_piece
from stn_numba.kernels.strips import TILE_ROWS, anywhere, image_and_row, is_plane, prepare_positions, rows_together
from stn_numba.kernels.taps import (
    all_between,
    fetch_ahead,
    inside_taps,
    lines,
    neighbours,
    offsets_row,
    rows_ahead,
    tents,
)
from stn_numba.kernels.vectors import (
    EIGHT,
    FOUR,
    ONE,
    SIX,
    SIXTEEN,
    THREE,
    TWELVE,
    TWO,
    add_product,
    plus,
    spread,
    threes,
    times,
    where_positive_there,
)


@jit.inline
def blend_two(address, across, down, like, us, vs, j, zero, lanes):
    """2 x 2 taps from `address` on, by weights from their rows."""
    u0, u1 = spread(tap(us, zero, j), lanes), spread(tap(us + NEXT_TAP, zero, j), lanes)
    v0, v1 = spread(tap(vs, zero, j), lanes), spread(tap(vs + NEXT_TAP, zero, j), lanes)
    left = add_product(times(v0, load(address, like, lanes)), v1, load(address + down, like, lanes))
    address += across
    right = add_product(times(v0, load(address, like, lanes)), v1, load(address + down, like, lanes))
    return add_product(times(u0, left), u1, right)


@jit.inline
def blend_four(address, across, down, like, us, vs, j, zero, lanes):
    """4 x 4 taps from `address` on, by weights from their rows."""
    v0, v1 = spread(tap(vs, zero, j), lanes), spread(tap(vs + NEXT_TAP, zero, j), lanes)
    v2, v3 = spread(tap(vs + 2 * NEXT_TAP, zero, j), lanes), spread(tap(vs + 3 * NEXT_TAP, zero, j), lanes)
    total = spread(zero, lanes)
    for b in range(4):
        column = times(v0, load(address, like, lanes))
        column = add_product(column, v1, load(address + down, like, lanes))
        column = add_product(column, v2, load(address + 2 * down, like, lanes))
        column = add_product(column, v3, load(address + 3 * down, like, lanes))
        total = add_product(total, spread(tap(us + b * NEXT_TAP, zero, j), lanes), column)
        address += across
    return total


@jit.inline
def blend_many(K, address, across, down, like, us, vs, j, zero, lanes):
    """K x K taps from `address` on, by weights from their rows."""
    total = spread(zero, lanes)
    for b in range(K):
        column = spread(zero, lanes)
        for a in range(K):
            column = add_product(column, spread(tap(vs + a * NEXT_TAP, zero, j), lanes), load(address + a * down, like, lanes))
        total = add_product(total, spread(tap(us + b * NEXT_TAP, zero, j), lanes), column)
        address += across
    return total


@jit.inline
def blend(kind, K, address, across, down, like, us, vs, j, zero, lanes):
    """All taps of one pixel, from `address` on, for some channels side by side.

    `kind` has as many entries as there are taps an axis, where loops are written out for that, or one: known when compiled.
    Every way of reading takes the sums down the columns first, then across: so an image's layout does not show in the bits.
    """
    if len(kind) == 2:
        return blend_two(address, across, down, like, us, vs, j, zero, lanes)
    if len(kind) == 4:
        return blend_four(address, across, down, like, us, vs, j, zero, lanes)
    return blend_many(K, address, across, down, like, us, vs, j, zero, lanes)


@jit.inline
def blend_two_of_three(address, down, like, us, vs, j, zero):
    """2 x 2 taps of three channels: those of a row lie side by side, and are one load."""
    v0, v1 = spread(tap(vs, zero, j), SIX), spread(tap(vs + NEXT_TAP, zero, j), SIX)
    u0, u1 = spread(tap(us, zero, j), THREE), spread(tap(us + NEXT_TAP, zero, j), THREE)
    left, right = threes(add_product(times(v0, load(address, like, SIX)), v1, load(address + down, like, SIX)))
    return add_product(times(u0, left), u1, right)


@jit.inline
def blend_four_of_three(address, down, like, us, vs, j, zero):
    """4 x 4 taps of three channels: those of a row lie side by side, and are one load."""
    total = times(spread(tap(vs, zero, j), TWELVE), load(address, like, TWELVE))
    for a in range(1, 4):
        total = add_product(total, spread(tap(vs + a * NEXT_TAP, zero, j), TWELVE), load(address + a * down, like, TWELVE))
    first, second, third, fourth = threes(total)
    pixel = add_product(times(spread(tap(us, zero, j), THREE), first), spread(tap(us + NEXT_TAP, zero, j), THREE), second)
    pixel = add_product(pixel, spread(tap(us + 2 * NEXT_TAP, zero, j), THREE), third)
    return add_product(pixel, spread(tap(us + 3 * NEXT_TAP, zero, j), THREE), fourth)


@jit.inline
def blend_of_three(kind, address, down, like, us, vs, j, zero):
    """As `blend` for three channels side by side, of pixels that lie side by side."""
    if len(kind) == 2:
        return blend_two_of_three(address, down, like, us, vs, j, zero)
    return blend_four_of_three(address, down, like, us, vs, j, zero)


@jit.inline
def pixels_of_three(kind, image, address, down, first, stop, rows, zero, out, out_address):
    """Pixels of three channels side by side; all but the last are followed by another, which is written right behind."""
    like, target, step, offsets, us, vs = image.like, out.like, out.x_step, rows.offsets, rows.u, rows.v
    last = stop - 1 if step == 3 * size_of(target) else first
    for j in range(first, last):
        pixel = blend_of_three(kind, address + tap(offsets, np.int64(0), j), down, like, us, vs, j, zero)
        store_wide(out_address + j * step, target, pixel)
    for j in range(last, stop):
        pixel = blend_of_three(kind, address + tap(offsets, np.int64(0), j), down, like, us, vs, j, zero)
        store(out_address + j * step, target, pixel)


@jit.inline
def pixels_of_many(kind, K, image, address, across, down, first, stop, rows, zero, out, out_address, C):
    """Pixels of any number of channels side by side."""
    like, target, offsets, us, vs = image.like, out.like, rows.offsets, rows.u, rows.v
    size, out_size = size_of(like), size_of(target)
    for j in range(first, stop):
        source, place, c = address + tap(offsets, np.int64(0), j), out_address + j * out.x_step, 0
        while c + 16 <= C:
            store(place, target, blend(kind, K, source, across, down, like, us, vs, j, zero, SIXTEEN))
            source, place, c = source + 16 * size, place + 16 * out_size, c + 16
        while c + 4 <= C:
            store(place, target, blend(kind, K, source, across, down, like, us, vs, j, zero, FOUR))
            source, place, c = source + 4 * size, place + 4 * out_size, c + 4
        while c < C:
            store(place, target, blend(kind, K, source, across, down, like, us, vs, j, zero, ONE))
            source, place, c = source + size, place + out_size, c + 1


@jit.inline
def pixels(kind, K, image, address, across, down, first, stop, rows, zero, out, out_address, C):
    """Pixels whose channels lie side by side, or channel by channel where they do not."""
    packed = image.c_step == size_of(image.like) and out.c_step == size_of(out.like)
    if packed and C == 3 and len(kind) > 1 and across == 3 * size_of(image.like):
        pixels_of_three(kind, image, address, down, first, stop, rows, zero, out, out_address)
        return
    lanes, channels = (C, 1) if packed else (1, C)
    for c in range(channels):
        source, place = address + c * image.c_step, out_address + c * out.c_step
        pixels_of_many(kind, K, image, source, across, down, first, stop, rows, zero, out, place, lanes)


@jit.inline
def pixels_of_plane(axes, address, down, like, first, stop, rows, zero, out, out_address):
    """One channel, its pixels side by side: eight at a time, the two neighbours of each by one load.

    Weights are worked out once more for each channel: that costs less than to write them down and read them again.
    """
    x_axis, y_axis = axes
    target, step = out.like, out.x_step
    for j in range(first, stop, 8):
        _, behind_x = neighbours(x_axis, positions(rows.x_places, 0.0, j, EIGHT))
        _, behind_y = neighbours(y_axis, positions(rows.y_places, 0.0, j, EIGHT))
        if all_between(behind_x, behind_y, x_axis[1]):
            (u0, u1), (v0, v1) = lines(x_axis, behind_x), lines(y_axis, behind_y)
        else:
            (u0, u1), (v0, v1) = tents(x_axis, behind_x), tents(y_axis, behind_y)
        a, b = load_pairs(address, like, rows.offsets + 8 * j, EIGHT)
        p, q = load_pairs(address + down, like, rows.offsets + 8 * j, EIGHT)
        left, right = add_product(times(v0, a), v1, p), add_product(times(v0, b), v1, q)
        value = add_product(times(u0, left), u1, right)
        value = where_positive_there(value, times(plus(u0, u1), plus(v0, v1)))  # not even zero times the image: it may hold NaN
        if step == size_of(target) and j + 8 <= stop:
            store(out_address + j * step, target, value)
        else:
            put_products(rows.gx, 0, value)
            for k in range(min(8, stop - j)):
                store_one(out_address + (j + k) * step, target, found(rows.gx, zero, k))


@jit.inline
def inside_pixels(rule, image, address, ahead, first, stop, rows, zero, out, out_address, C):
    """The pixels [first, stop) of a strip, whose taps all lie inside the image."""
    family, K, like, one = rule.family, rule.K, image.like, type(zero)(1)
    across, down = to_next(rule.x_axis, rule.x_axis[STEP]), to_next(rule.y_axis, rule.y_axis[STEP])
    plane = is_plane(rule, image, out, C)
    if plane:
        offsets_row(rule, rule.x_axis[STEP], rule.y_axis[STEP], first, stop, rows, rows.offsets)
    else:
        inside_taps(rule, first, stop, rows, False, one)
    fetch_ahead(ahead, address, across, down, first, stop, rows.offsets)
    if plane:
        axes = (rule.x_axis[SIZE], one), (rule.y_axis[SIZE], one)
        for c in range(C):
            source, target = address + c * image.c_step, out_address + c * out.c_step
            pixels_of_plane(axes, source, down, like, first, stop, rows, zero, out, target)
    elif family == BILINEAR:
        pixels(TWO, K, image, address, across, down, first, stop, rows, zero, out, out_address, C)
    elif K == 4:
        pixels(FOUR, K, image, address, across, down, first, stop, rows, zero, out, out_address, C)
    else:
        pixels(ONE, K, image, address, across, down, first, stop, rows, zero, out, out_address, C)


@jit.inline
def edge_pixel(rule, image, address, x, y, rows, zero, out, out_address, C):
    """A pixel anywhere: tap by tap, and its share of the fill value."""
    family, K, x_axis, y_axis, table, _, fill, fills = rule
    x_taps, us, y_taps, vs = rows.x_taps, rows.x_weights, rows.y_taps, rows.y_weights
    across = edge_taps(family, K, x_axis, table, x, x_taps, us, zero)
    down = edge_taps(family, K, y_axis, table, y, y_taps, vs, zero)
    share = zero
    if fills == FILL_TAPS:
        share = type(zero)(1) - across * down
    elif fills == FILL_OUTSIDE and x != x:
        share = type(zero)(1)
    for c in range(C):
        total = share * tap(fill, zero, c) if share != zero else zero
        for a in range(K):
            v = found(vs, zero, a)
            line = address + c * image.c_step + found(y_taps, np.int64(0), a) * image.y_step
            for b in range(K):
                weight = v * found(us, zero, b)
                if weight != zero:  # not even zero times the image, which may hold NaN
                    total += weight * load_one(line + found(x_taps, np.int64(0), b) * image.x_step, image.like)
        store_one(out_address + c * out.c_step, out.like, total)


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
def edge_pixels(rule, image, address, start, first, stop, end, in_one_run, rows, zero, out, out_address, C):
    """The pixels from `start` to `end` that are not in [first, stop): those that read nothing together."""
    if anywhere(rule) and in_one_run:  # all that has a weight is in the run
        clear(first - start, C, zero, out, out_address + start * out.x_step)
        clear(end - stop, C, zero, out, out_address + stop * out.x_step)
        return
    j = start
    while j < end:
        if j == first and first < stop:
            j = stop
            continue
        behind, limit = j, first if j < first else end
        while rule.fills == NO_FILL and behind < limit and is_far(rule, behind, rows):
            behind += 1
        if behind > j:
            clear(behind - j, C, zero, out, out_address + j * out.x_step)
            j = behind
        else:
            x, y = position(rows.x_places, 0.0, j), position(rows.y_places, 0.0, j)
            edge_pixel(rule, image, address, x, y, rows, zero, out, out_address + j * out.x_step, C)
            j += 1


@jit.inline
def sample_strip(rule, image, address, ahead, run, count, bounds, rows, zero, out, out_address, C):
    """The pixels of a strip: those inside in one run, the others one by one."""
    start = 0
    while start < count:
        first, stop, end, in_one_run = next_piece(run, start, count, bounds, rows)
        if first < stop:
            inside_pixels(rule, image, address, ahead, first, stop, rows, zero, out, out_address, C)
        edge_pixels(rule, image, address, start, first, stop, end, in_one_run, rows, zero, out, out_address, C)
        start = end


@jit.inline
def sample_columns(rule, image, source, n, i, together, steps, C, left, right, bounds, rows, zero, out, out_address):
    """Columns [left, right) of output row i of image n, or of some rows together; the output row begins at `out_address`."""
    start, stop = left, right
    if rule.fills == NO_FILL and together == 1:
        start, stop = near_columns(rule, source, n * steps[1], i, left, right, 0, np.int64(rule.y_axis[SIZE]))
    clear(start - left, C, zero, out, out_address + left * out.x_step)
    if start < stop:
        prepare_positions(rule, source, n * steps[1], i, start, stop - start, rows, together)
        count = (stop - start) * together
        run = np.int64(0), count, True
        if together == 1:
            run = inside_run(source, n * steps[1], i, start, bounds, 0, count, rows)
        address = image.address + n * steps[0] * image.n_step
        ahead = rows_ahead(rule, source, n * steps[1], to_next(rule.y_axis, image.y_step))
        sample_strip(rule, image, address, ahead, run, count, bounds, rows, zero, out, out_address + start * out.x_step, C)
    clear(right - stop, C, zero, out, out_address + stop * out.x_step)


@jit.inline
def sample_rows(task, tasks, image, source, rule, steps, size, work, out):
    """Forward pass of one task's rows, tile by tile."""
    batch, h, w, C = size
    image, out = Image(*image), Image(*out)
    rule, source, zero = rule_by_address(rule), by_address(source), work.dtype.type(0)
    memory = scratch(rule)
    rows, bounds = row_addresses(rule, memory), inside_bounds(rule, 0, np.int64(rule.y_axis[SIZE]))
    together, end = rows_together(rule, image, out, w, C), (task + 1) * batch * h // tasks
    for top in range(task * batch * h // tasks, end, TILE_ROWS):
        for left in range(0, w, STRIP):
            right, row, bottom = min(left + STRIP, w), top, min(top + TILE_ROWS, end)
            while row < bottom:
                n, i = image_and_row(row, source, size)
                count = min(together, bottom - row, h - i)
                address = out.address + n * out.n_step + i * out.y_step
                sample_columns(rule, image, source, n, i, count, steps, C, left, right, bounds, rows, zero, out, address)
                row += count
    hold(memory)


@jit.serial
def sample_serial(tasks, image, source, rule, steps, size, work, out):
    for task in range(tasks):
        sample_rows(task, tasks, image, source, rule, steps, size, work, out)


@jit.parallel
def sample_parallel(tasks, image, source, rule, steps, size, work, out):
    for task in prange(tasks):
        sample_rows(task, tasks, image, source, rule, steps, size, work, out)
