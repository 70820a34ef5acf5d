"""Gradients of <d_out, out> by image and grid: strips of output, as in the forward pass, with both gradients while it is at hand.

Several output pixels may add to one input pixel. So a task is an image, or, of few large images, a band of input rows of
one: it keeps to the taps in its band, no two tasks write one pixel, and the order of the additions does not depend on
the number of threads. For the gradient by the grid alone a task is a block of output rows of one image.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from stn_numba.kernels import jit
from stn_numba.kernels.edges import SIZE
from stn_numba.kernels.grid_gradient import edge_gradient, inside_gradients
from stn_numba.kernels.image_gradient import edge_shares, inside_shares
from stn_numba.kernels.memory import address_of, found, hold, position, put_position, put_product, size_of
from stn_numba.kernels.positions import by_address
from stn_numba.kernels.pull_back import pull_back_row
from stn_numba.kernels.strips import (
    PIECE,
    STRIP,
    TILE_ROWS,
    find_run,
    inside_bounds,
    inside_run,
    inside_taps,
    is_far,
    near_columns,
    offsets_row,
    prepare_positions,
    row_addresses,
    rule_by_address,
    scratch,
    take_signs,
)


@jit.inline
def quiet_positions(count, rows, zero):
    """Positions that give no gradient become 0: they may be NaN or infinite."""
    for j in range(count):
        put_position(rows[0], j, position(rows[0], 0.0, j) if found(rows[12], zero, j) != zero else 0.0)
        put_position(rows[1], j, position(rows[1], 0.0, j) if found(rows[13], zero, j) != zero else 0.0)


@jit.inline
def inside_pixels(rule, addresses, image, d_out, d_image, d_row, wanted, first, stop, rows, zero, C):
    """Both gradients from the pixels [first, stop) of a strip, whose taps all lie inside."""
    (by_image, by_grid), offsets = wanted, rows[6]
    inside_taps(rule, first, stop, rows, by_grid, type(zero)(1))
    if by_grid:
        inside_gradients(rule, image, addresses[0], d_out, d_row, first, stop, rows, zero, C)
    if by_image:
        if d_image[3] != image[3] or d_image[4] != image[4]:
            offsets = rows[7]
            steps = np.float64(d_image[4]), np.float64(d_image[3])
            offsets_row(rule[0], rule[1], rule[2], rule[3], steps[0], steps[1], first, stop, rows, offsets)
        inside_shares(rule, d_image, addresses[1], d_out, d_row, first, stop, rows, offsets, zero, C)


@jit.inline
def edge_pixels(rule, addresses, image, d_out, d_image, d_row, wanted, start, first, stop, end, top, bottom, rows, zero, C):
    """Both gradients from the pixels from `start` to `end` that are not in [first, stop)."""
    by_image, by_grid = wanted
    for j in range(start, end):
        if (j < first or j >= stop) and not is_far(rule, j, rows):
            if by_grid:
                edge_gradient(rule, image, addresses[0], d_out, d_row + j * d_out[4], j, rows, zero, C)
            if by_image:
                edge_shares(rule, d_image, addresses[1], d_out, d_row + j * d_out[4], j, top, bottom, rows, zero, C)


@jit.inline
def gradient_strip(rule, addresses, image, d_out, d_image, d_row, wanted, run, count, bounds, top, bottom, rows, zero, C):
    """Both gradients from the pixels of a strip: those inside in one run, the others one by one."""
    for j in range((count + 7) // 8 * 8):
        put_product(rows[12], j, zero)
        put_product(rows[13], j, zero)
    start = 0
    while start < count:
        first, stop, in_one_run = run
        end = count
        if not in_one_run:
            end = min(start + PIECE, count)
            first, stop, in_one_run = find_run(bounds, start, end, rows)
            if not in_one_run:
                first = stop = end
        if first < stop:
            inside_pixels(rule, addresses, image, d_out, d_image, d_row, wanted, first, stop, rows, zero, C)
        edge_pixels(
            rule, addresses, image, d_out, d_image, d_row, wanted, start, first, stop, end, top, bottom, rows, zero, C
        )
        start = end


@jit.inline
def gradient_columns(rule, source, image, d_out, d_image, d_grid, wanted, n, m, i, left, right, band, bounds, steps, size, rows, zero):
    """Both gradients from the columns [left, right) of row i of output n, which reads image m; of d_image a band of rows only."""
    (top, bottom), (_, h, w, C), (_, by_grid), k = band, size, wanted, n * steps[1]
    start, stop = near_columns(rule, source, k, i, left, right, top, bottom)
    count = stop - start
    if count > 0:
        moved = prepare_positions(rule, source, k, i, start, count, rows)
        run = inside_run(source, k, i, start, bounds, 0, count, rows)
        addresses = image[0] + n * steps[0] * image[2], d_image[0] + m * d_image[2]
        d_row = d_out[0] + n * d_out[2] + i * d_out[3] + start * d_out[4]
        gradient_strip(rule, addresses, image, d_out, d_image, d_row, wanted, run, count, bounds, top, bottom, rows, zero, C)
        if by_grid:
            if moved:
                take_signs(count, rows, zero)
            else:
                quiet_positions(count, rows, zero)
            d_dense, like, partial = d_grid
            d_dense += 2 * (n * h + i) * w * size_of(like)
            pull_back_row(source, k, i, start, count, rows, zero, (d_dense, like), partial)


@jit.inline
def gradient_rows(task, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image, d_dense, partials):
    """Gradients of one task."""
    batch, h, w, _ = size
    memory, zero, H = scratch(rule), work.dtype.type(0), np.int64(rule[3][SIZE])
    rule, source = rule_by_address(rule), by_address(source)
    rows = row_addresses(rule, memory)
    who, piece, wanted = task // pieces, task % pieces, (by_image, by_grid)
    first_row, last_row, band, start, stop = 0, h, (0, H), who, who + 1
    if by_image:
        band = piece * H // pieces, (piece + 1) * H // pieces
        if steps[0] == 0:
            start, stop = 0, batch
    else:
        first_row, last_row = piece * h // pieces, (piece + 1) * h // pieces
    bounds = inside_bounds(rule, band[0], band[1])
    for n in range(start, stop):
        partial = address_of(partials) + 8 * partials.shape[1] * (n * pieces + piece)
        d_grid = address_of(d_dense), d_dense.dtype.type(0), partial
        for above in range(first_row, last_row, TILE_ROWS):
            for left in range(0, w, STRIP):
                for i in range(above, min(above + TILE_ROWS, last_row)):
                    gradient_columns(
                        rule, source, image, d_out, d_image, d_grid, wanted, n, who if steps[0] else 0, i, left, min(left + STRIP, w), band, bounds, steps, size, rows, zero
                    )
    hold(memory)


@jit.serial
def gradient_serial(
    tasks, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image, d_dense, partials
):
    for task in range(tasks):
        gradient_rows(task, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image, d_dense, partials)


@jit.parallel
def gradient_parallel(
    tasks, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image, d_dense, partials
):
    for task in prange(tasks):
        gradient_rows(task, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image, d_dense, partials)
