"""Gradient of <d_out, out> by the grid (equation 7 of arXiv 1506.02025): rows of output, as in the forward pass.

Each row gives its gradient by the positions, which `positions.pull_back_row` turns into the grid's own numbers.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from stn_numba.kernels import jit
from stn_numba.kernels.positions import pull_back_row, row_positions
from stn_numba.kernels.rows import (
    FILL_TAPS,
    STRIP,
    TILE_ROWS,
    image_and_row,
    last_followed,
    prepare_row,
    prepare_slopes,
    row_addresses,
    scratch,
    x_offset,
    x_weight,
    y_offset,
    y_weight,
)
from stn_numba.kernels.taps import BILINEAR, MODE, REFLECT
from stn_numba.kernels.vectors import (
    FOUR,
    ONE,
    SIXTEEN,
    THREE,
    add_product,
    add_scaled,
    address_of,
    first_three,
    lane_sum,
    load,
    peek,
    prefetch,
    put,
    size_of,
    spread,
)


@jit.inline
def four_taps(j, address, rows, slopes):
    """Addresses of the four taps of a pixel, then the derivatives of their weights along x, and along y."""
    u0, u1, v0, v1 = x_weight(rows, 0, j), x_weight(rows, 1, j), y_weight(rows, 0, j), y_weight(rows, 1, j)
    du0, du1, dv0, dv1 = x_weight(slopes, 0, j), x_weight(slopes, 1, j), y_weight(slopes, 0, j), y_weight(slopes, 1, j)
    p, right, down = address + x_offset(rows, 0, j), rows[6], rows[7]
    places = p, p + right, p + down, p + down + right
    return places, (v0 * du0, v0 * du1, v1 * du0, v1 * du1), (dv0 * u0, dv0 * u1, dv1 * u0, dv1 * u1)


@jit.inline
def products(taps, a, b, p, q, d, zero):
    """<d, derivative of out> along x and along y, over a few channels of the four taps."""
    _, (x00, x01, x10, x11), (y00, y01, y10, y11) = taps
    along_x = add_scaled(add_scaled(add_scaled(add_scaled(zero, x00, a), x01, b), x10, p), x11, q)
    along_y = add_scaled(add_scaled(add_scaled(add_scaled(zero, y00, a), y01, b), y10, p), y11, q)
    return lane_sum(add_product(zero, along_x, d)), lane_sum(add_product(zero, along_y, d))


@jit.inline
def products_of_four(taps, shift, like, d_address, lanes):
    """`products` over the channels `shift` bytes on."""
    p00, p01, p10, p11 = taps[0]
    zero = spread(taps[1][0] - taps[1][0], lanes)
    a, b = load(p00 + shift, like, lanes), load(p01 + shift, like, lanes)
    p, q = load(p10 + shift, like, lanes), load(p11 + shift, like, lanes)
    return products(taps, a, b, p, q, load(d_address + shift, like, lanes), zero)


@jit.inline
def products_of_three(taps, like, d_address, safe):
    """`products` over three channels; four lanes are one load where three are two."""
    p00, p01, p10, p11 = taps[0]
    if p11 > safe:
        return products_of_four(taps, 0, like, d_address, THREE)
    a, b = first_three(load(p00, like, FOUR)), first_three(load(p01, like, FOUR))
    p, q = first_three(load(p10, like, FOUR)), first_three(load(p11, like, FOUR))
    return products(taps, a, b, p, q, load(d_address, like, THREE), spread(taps[1][0] - taps[1][0], THREE))


@jit.inline
def gradient_of_four(j, address, like, rows, slopes, d_address, C, safe):
    """Gradient by one position, channels packed."""
    taps, size = four_taps(j, address, rows, slopes), size_of(like)
    gx = gy = taps[1][0] - taps[1][0]
    c = 0
    if C == 3:
        gx, gy = products_of_three(taps, like, d_address, safe)
        c = 3
    while c + 16 <= C:
        dx, dy = products_of_four(taps, c * size, like, d_address, SIXTEEN)
        gx, gy, c = gx + dx, gy + dy, c + 16
    while c + 4 <= C:
        dx, dy = products_of_four(taps, c * size, like, d_address, FOUR)
        gx, gy, c = gx + dx, gy + dy, c + 4
    while c < C:
        dx, dy = products_of_four(taps, c * size, like, d_address, ONE)
        gx, gy, c = gx + dx, gy + dy, c + 1
    return gx, gy


@jit.inline
def gradient_of_all(rule, j, image, address, rows, slopes, d_address, d_step, fill_address, C):
    """Gradient by one position, by K x K taps, channel by channel, wherever channels lie."""
    zero, K, filled, bilinear = rows[5], rule[1], rule[7] == FILL_TAPS, rule[0] == BILINEAR
    gx = gy = zero
    for a in range(K):
        for b in range(K):
            along_x = y_weight(rows, a, j) * x_weight(slopes, b, j)
            along_y = y_weight(slopes, a, j) * x_weight(rows, b, j)
            if along_x != zero or along_y != zero:
                if bilinear:
                    tap = address + x_offset(rows, 0, j) + a * rows[7] + b * rows[6]
                else:
                    tap = address + y_offset(rows, a, j) + x_offset(rows, b, j)
                total = zero
                for c in range(C):
                    value = lane_sum(load(tap + c * image[5], image[1], ONE))
                    value -= peek(fill_address, zero, c) if filled else zero
                    total += value * lane_sum(load(d_address + c * d_step, image[1], ONE))
                gx += along_x * total
                gy += along_y * total
    return gx, gy


@jit.inline
def position_gradient_row(rule, image, n, d_out, d_row, count, scratch_rows, x_slopes, y_slopes, C, gx, gy):
    """Gradient by a strip of pixel positions."""
    like, address, zero = image[1], image[0] + n * image[2], rule[6].dtype.type(0)
    rows = row_addresses(rule, scratch_rows, zero)
    slopes = rows[0], rows[1], address_of(x_slopes), address_of(y_slopes), rows[4], zero, rows[6], rows[7]
    fill_address = address_of(rule[6])
    packed = image[5] == size_of(like) and d_out[5] == size_of(like)
    safe = last_followed(rule, rows, address, like)
    four = packed and rule[0] == BILINEAR and rule[7] != FILL_TAPS
    for j in range(0, count, 2):
        prefetch(address + x_offset(rows, 0, j) + rows[7])
    if four and C == 1:  # numbers of channels known at compile time: far less work
        for j in range(count):
            x, y = gradient_of_four(j, address, like, rows, slopes, d_row + j * d_out[4], 1, safe)
            put(gx, j, x)
            put(gy, j, y)
    elif four and C == 3:
        for j in range(count):
            x, y = gradient_of_four(j, address, like, rows, slopes, d_row + j * d_out[4], 3, safe)
            put(gx, j, x)
            put(gy, j, y)
    elif four:
        for j in range(count):
            x, y = gradient_of_four(j, address, like, rows, slopes, d_row + j * d_out[4], C, safe)
            put(gx, j, x)
            put(gy, j, y)
    else:
        for j in range(count):
            d_address = d_row + j * d_out[4]
            x, y = gradient_of_all(rule, j, image, address, rows, slopes, d_address, d_out[5], fill_address, C)
            put(gx, j, x)
            put(gy, j, y)


@jit.inline
def grid_gradient_rows(task, tasks, image, source, rule, steps, size, work, d_out, d_dense, partials):
    """Gradient by the grid from one task's rows."""
    batch, h, w, C = size
    rows = scratch(w, rule[1], work)
    slopes, gradients = np.empty((2, rule[1], rows[0].size), work.dtype), np.empty((2, rows[0].size), work.dtype)
    end = (task + 1) * batch * h // tasks
    for top in range(task * batch * h // tasks, end, TILE_ROWS):
        bottom = min(top + TILE_ROWS, end)
        for first in range(0, w, STRIP):
            count = min(STRIP, w - first)
            for row in range(top, bottom):
                n, i = image_and_row(row, source, size)
                d_row = d_out[0] + n * d_out[2] + i * d_out[3] + first * d_out[4]
                strip = n, i, first, count
                grid_gradient_strip(
                    strip, image, source, rule, steps, C, d_out, d_row, rows, slopes, gradients, d_dense, partials, h
                )


@jit.inline
def grid_gradient_strip(strip, image, source, rule, steps, C, d_out, d_row, rows, slopes, gradients, d_dense, partials, h):
    """Gradient by the grid from `count` pixels of output row i of image n, from column `first` on."""
    n, i, first, count = strip
    gx, gy = gradients[0], gradients[1]
    prepare_row(rule, source, n * steps[1], i, first, count, rows)
    prepare_slopes(rule, count, rows, slopes[0], slopes[1])
    position_gradient_row(rule, image, n * steps[0], d_out, d_row, count, rows, slopes[0], slopes[1], C, gx, gy)
    if rule[2][MODE] >= REFLECT:  # positions were folded: the way back through a homography needs them as they were
        row_positions(source, n * steps[1], i, first, count, rows[0], rows[1])
    pull_back_row(source, n * steps[1], i, first, count, rows[0], rows[1], gx, gy, d_dense[n * h + i], partials[n * h + i])


@jit.serial
def grid_gradient_serial(tasks, image, source, rule, steps, size, work, d_out, d_dense, partials):
    for task in range(tasks):
        grid_gradient_rows(task, tasks, image, source, rule, steps, size, work, d_out, d_dense, partials)


@jit.parallel
def grid_gradient_parallel(tasks, image, source, rule, steps, size, work, d_out, d_dense, partials):
    for task in prange(tasks):
        grid_gradient_rows(task, tasks, image, source, rule, steps, size, work, d_out, d_dense, partials)
