"""Forward pass: read an image at the positions of a grid.

Work is cut into tasks, and each task writes what no other task writes: results do not depend on the number of threads.
`image` and `out` are the tuples that `kernels.vectors` describes, `steps` = (image_step, grid_step) are 1, or 0 where one
image serves all grids or one grid all images; `size` = (N, h, w, C) of the output.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from stn_numba.kernels import jit
from stn_numba.kernels.rows import (
    NO_FILL,
    STRIP,
    TILE_ROWS,
    fill_shares,
    image_and_row,
    last_followed,
    padded,
    prepare_positions,
    prepare_row,
    row_addresses,
    scratch,
    to_next,
    x_offset,
    x_weight,
    y_offset,
    y_weight,
)
from stn_numba.kernels.taps import BILINEAR, bilinear_limits, four_taps
from stn_numba.kernels.vectors import (
    EIGHT,
    FOUR,
    ONE,
    SIXTEEN,
    THREE,
    add_scaled,
    address_of,
    first_three,
    fmuladd,
    get,
    load,
    load_pair,
    peek,
    prefetch,
    put,
    size_of,
    spread,
    store,
    store_one,
)


@jit.inline
def corners(j, address, rows):
    """Addresses and weights of the four taps of a pixel: p00, p01, p10, p11, w00, w01, w10, w11."""
    u0, u1, v0, v1 = x_weight(rows, 0, j), x_weight(rows, 1, j), y_weight(rows, 0, j), y_weight(rows, 1, j)
    top, right, down = address + x_offset(rows, 0, j), rows[6], rows[7]
    bottom = top + down
    return top, top + right, bottom, bottom + right, v0 * u0, v0 * u1, v1 * u0, v1 * u1


@jit.inline
def blend_four(four, shift, like, lanes, start):
    """Vector `start` + four weights times the channels `shift` bytes behind four addresses."""
    p00, p01, p10, p11, w00, w01, w10, w11 = four
    total = add_scaled(start, w00, load(p00 + shift, like, lanes))
    total = add_scaled(total, w01, load(p01 + shift, like, lanes))
    total = add_scaled(total, w10, load(p10 + shift, like, lanes))
    return add_scaled(total, w11, load(p11 + shift, like, lanes))


@jit.inline
def blend_all(K, j, address, like, lanes, rows, start):
    """Vector `start` + sum over K x K taps of weight times the channels at `address`."""
    total = start
    for a in range(K):
        row, weight = address + y_offset(rows, a, j), y_weight(rows, a, j)
        for b in range(K):
            total = add_scaled(total, weight * x_weight(rows, b, j), load(row + x_offset(rows, b, j), like, lanes))
    return total


@jit.inline
def pixel_of_four(address, j, rows, like, C, zero, out_address, safe, followed):
    """Read all channels of one pixel by four taps, as many side by side as there are; channels are packed.

    `followed`: another pixel of this strip is written behind it next, so that one element too many does no harm.
    """
    four, size = corners(j, address, rows), size_of(like)
    c = 0
    if four[4] + four[5] + four[6] + four[7] == zero:  # outside; not even zero times the image, which may hold NaN
        while c < C:
            store_one(out_address + c * size, like, zero)
            c += 1
    elif C == 3 and four[3] <= safe:  # four lanes are one load, and one store, where three are two
        vector = blend_four(four, 0, like, FOUR, spread(zero, FOUR))
        if followed:
            store(out_address, like, vector)
        else:
            store(out_address, like, first_three(vector))
        c = 3
    elif C == 3:
        store(out_address, like, blend_four(four, 0, like, THREE, spread(zero, THREE)))
        c = 3
    while c + 16 <= C:
        store(out_address + c * size, like, blend_four(four, c * size, like, SIXTEEN, spread(zero, SIXTEEN)))
        c += 16
    while c + 4 <= C:
        store(out_address + c * size, like, blend_four(four, c * size, like, FOUR, spread(zero, FOUR)))
        c += 4
    while c < C:
        store(out_address + c * size, like, blend_four(four, c * size, like, ONE, spread(zero, ONE)))
        c += 1


@jit.inline
def pixel_of_all(K, address, j, rows, like, C, zero, out_address, safe, followed):
    """As `pixel_of_four`, by K x K taps."""
    size = size_of(like)
    c = 0
    if reads_nothing(K, j, rows, zero):
        while c < C:
            store_one(out_address + c * size, like, zero)
            c += 1
    elif C == 3 and followed and address + y_offset(rows, K - 1, j) + x_offset(rows, K - 1, j) <= safe:
        store(out_address, like, blend_all(K, j, address, like, FOUR, rows, spread(zero, FOUR)))
        c = 3
    elif C == 3:
        store(out_address, like, blend_all(K, j, address, like, THREE, rows, spread(zero, THREE)))
        c = 3
    while c + 8 <= C:
        store(out_address + c * size, like, blend_all(K, j, address + c * size, like, EIGHT, rows, spread(zero, EIGHT)))
        c += 8
    while c < C:
        store(out_address + c * size, like, blend_all(K, j, address + c * size, like, ONE, rows, spread(zero, ONE)))
        c += 1


@jit.inline
def reads_nothing(K, j, rows, zero):
    """Whether all weights of one axis are zero: then not even zero times the image is taken, which may hold NaN."""
    across = down = zero
    for k in range(K):
        across += abs(x_weight(rows, k, j))
        down += abs(y_weight(rows, k, j))
    return across == zero or down == zero


@jit.inline
def channels_row(rule, image, n, out, out_row, count, scratch_rows, fill, shares, C):
    """A strip, pixel by pixel, the channels of a pixel side by side."""
    like, address, zero = image[1], image[0] + n * image[2], fill.dtype.type(0)
    rows, filled = row_addresses(rule, scratch_rows, zero), len(shares) > 0
    K, bilinear = rule[1], rule[0] == BILINEAR
    fill_address, share_address = address_of(fill), address_of(shares)
    packed = image[5] == size_of(like) and out[5] == size_of(like) and not filled
    safe = last_followed(rule, rows, address, like)
    chained = count - 1 if out[4] == C * size_of(like) else 0
    if packed and bilinear and C == 3:  # a number known at compile time: a third less work
        for j in range(0, count, 2):
            prefetch(address + x_offset(rows, 0, j) + rows[7])
        for j in range(count):
            pixel_of_four(address, j, rows, like, 3, zero, out_row + j * out[4], safe, j < chained)
    elif packed and bilinear:
        for j in range(count):
            pixel_of_four(address, j, rows, like, C, zero, out_row + j * out[4], safe, j < chained)
    elif packed and K == 4 and C == 3:
        for j in range(count):
            pixel_of_all(4, address, j, rows, like, 3, zero, out_row + j * out[4], safe, j < chained)
    elif packed:
        for j in range(count):
            pixel_of_all(K, address, j, rows, like, C, zero, out_row + j * out[4], safe, j < chained)
    else:
        for j in range(count):
            share = peek(share_address, zero, j) if filled else zero
            nothing = reads_nothing(K, j, rows, zero)
            for c in range(C):
                vector = spread(share * peek(fill_address, zero, c), ONE)
                if not nothing:
                    source = address + c * image[5]
                    if bilinear:
                        vector = blend_four(corners(j, source, rows), 0, like, ONE, vector)
                    else:
                        vector = blend_all(K, j, source, like, ONE, rows, vector)
                store(out_row + j * out[4] + c * out[5], out[1], vector)


@jit.inline
def plane_row(rule, address, like, count, xs, ys, line):
    """A strip of one channel, pixels side by side: the two neighbours of a pixel by one load.

    Taps are worked out anew for each channel: that costs less than to write them down and read them again.
    """
    one = line.dtype.type(1)
    zero, down = one - one, to_next(rule[3])
    x_limits, y_limits = bilinear_limits(rule[2], rule[3], one)
    for j in range(0, count, 2):
        offset, _, _, _, _ = four_taps(get(xs, j), get(ys, j), x_limits, y_limits, one)
        prefetch(address + offset + down)
    for j in range(padded(count)):
        offset, u0, u1, v0, v1 = four_taps(get(xs, j), get(ys, j), x_limits, y_limits, one)
        a, b = load_pair(address + offset, like)
        p, q = load_pair(address + offset + down, like)
        value = fmuladd(v0, fmuladd(u0, a, u1 * b), v1 * fmuladd(u0, p, u1 * q))
        inside = (u0 + u1) * (v0 + v1) != zero
        put(line, j, value if inside else zero)


@jit.inline
def store_line(count, line, shares, fill_value, address, step, like):
    """Write one channel of a strip to where it belongs."""
    if len(shares):
        for j in range(count):
            line[j] = fmuladd(shares[j], fill_value, line[j])
    j, zero = 0, line.dtype.type(0)
    if step == size_of(like):  # said with vectors: LLVM would make this loop and the next one into one that scatters
        while j + 16 <= count:
            store(address + j * step, like, load(address_of(line) + j * size_of(zero), zero, SIXTEEN))
            j += 16
    while j < count:
        store_one(address + j * step, like, get(line, j))
        j += 1


@jit.inline
def sample_tile(image, source, rule, steps, size, out, rows, shares, line, planes, top, bottom, first, count):
    """`count` columns from `first` on of output rows [top, bottom), counted through all images."""
    _, _, _, C = size
    fill = rule[6]
    for row in range(top, bottom):
        n, i = image_and_row(row, source, size)
        if planes:
            prepare_positions(rule, source, n * steps[1], i, first, count, rows)
        if len(shares) or not planes:
            prepare_row(rule, source, n * steps[1], i, first, count, rows)
        if len(shares):
            fill_shares(rule, count, rows, shares)
        out_row = out[0] + n * out[2] + i * out[3] + first * out[4]
        if planes:
            for c in range(C):
                address = image[0] + n * steps[0] * image[2] + c * image[5]
                plane_row(rule, address, image[1], count, rows[0], rows[1], line)
                store_line(count, line, shares, fill[c], out_row + c * out[5], out[4], out[1])
        else:
            channels_row(rule, image, n * steps[0], out, out_row, count, rows, fill, shares, C)


@jit.inline
def sample_rows(task, tasks, image, source, rule, steps, size, work, out):
    """Forward pass of one task's rows, tile by tile."""
    batch, h, w, C = size
    rows = scratch(w, rule[1], work)
    shares, line = np.empty(w if rule[7] != NO_FILL else 0, work.dtype), np.empty(rows[0].size, work.dtype)
    # one load for two neighbours needs them side by side in memory, and there to be two of them
    planes = rule[0] == BILINEAR and image[4] == size_of(image[1]) and rule[2][0] > 1 and (C == 1 or image[5] != image[4])
    end = (task + 1) * batch * h // tasks
    for top in range(task * batch * h // tasks, end, TILE_ROWS):
        bottom = min(top + TILE_ROWS, end)
        for first in range(0, w, STRIP):
            count = min(STRIP, w - first)
            sample_tile(image, source, rule, steps, size, out, rows, shares, line, planes, top, bottom, first, count)


@jit.serial
def sample_serial(tasks, image, source, rule, steps, size, work, out):
    for task in range(tasks):
        sample_rows(task, tasks, image, source, rule, steps, size, work, out)


@jit.parallel
def sample_parallel(tasks, image, source, rule, steps, size, work, out):
    for task in prange(tasks):
        sample_rows(task, tasks, image, source, rule, steps, size, work, out)
