"""Gradients of <d_out, out> by image and grid: strips of output, as in the forward pass, both while a strip is at hand.

Several output pixels may add to one input pixel. So a task is an image, or, of few large images, a band of input rows of
one: it keeps to the taps in its band, no two tasks write one pixel, and the order of the additions does not depend on
the number of threads. For the gradient by the grid alone a task is a block of output rows of one image.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from stn_numba.kernels import jit
from stn_numba.kernels.edges import SIZE, STEP
from stn_numba.kernels.grid_gradient import edge_gradient, inside_gradients
from stn_numba.kernels.image_gradient import edge_shares, inside_shares
from stn_numba.kernels.memory import address_of, found, hold, position, put_position, put_product, size_of
from stn_numba.kernels.plane_gradient import give_plane, plane_gradients
from stn_numba.kernels.positions import AFFINE, by_address
from stn_numba.kernels.pull_back import pull_back_affine, pull_back_row
from stn_numba.kernels.strips import (
    PIECE,
    STRIP,
    TILE_ROWS,
    anywhere,
    fetch_ahead,
    find_run,
    inside_bounds,
    inside_run,
    inside_taps,
    is_far,
    is_plane,
    near_columns,
    number_pixels,
    offsets_row,
    prepare_positions,
    row_addresses,
    rows_together,
    rule_by_address,
    scratch,
    take_signs,
    to_next,
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
    (by_image, by_grid), offsets, one = wanted, rows[6], type(zero)(1)
    plane = is_plane(rule, image, d_out, C)
    if plane:
        offsets_row(rule[0], rule[1], rule[2], rule[3], rule[2][STEP], rule[3][STEP], first, stop, rows, offsets)
    else:
        inside_taps(rule, first, stop, rows, by_grid, one)
    if by_image and (d_image[3] != image[3] or d_image[4] != image[4]):
        offsets = rows[7]
        steps = np.float64(d_image[4]), np.float64(d_image[3])
        offsets_row(rule[0], rule[1], rule[2], rule[3], steps[0], steps[1], first, stop, rows, offsets)
    if plane:
        plane_pixels(rule, addresses, image, d_out, d_image, d_row, wanted, first, stop, rows, offsets, zero, C)
        return
    if by_grid:
        inside_gradients(rule, image, addresses[0], d_out, d_row, first, stop, rows, zero, C)
    if by_image:
        inside_shares(rule, d_image, addresses[1], d_out, d_row, first, stop, rows, offsets, zero, C)


@jit.inline
def plane_pixels(rule, addresses, image, d_out, d_image, d_row, wanted, first, stop, rows, offsets, zero, C):
    """As `inside_pixels`, channel by channel."""
    (by_image, by_grid), (source, target), one = wanted, addresses, type(zero)(1)
    axes, down = ((rule[2][SIZE], one), (rule[3][SIZE], one)), to_next(rule[3], image[3])
    d_across, d_down = to_next(rule[2], d_image[4]), to_next(rule[3], d_image[3])
    if by_grid:
        fetch_ahead(rule, source, to_next(rule[2], image[4]), down, first, stop, rows[6])
    if by_image:
        fetch_ahead(rule, target, d_across, d_down, first, stop, offsets)
    for c in range(C):
        d_channel = d_row + c * d_out[5]
        plane_gradients(
            axes, image[1], source + c * image[5], down, d_channel, d_out[4], wanted, first, stop, rows, zero, c > 0
        )
        if by_image:
            give_plane(target + c * d_image[5], d_across, d_down, d_image[1], first, stop, rows, offsets, zero)


@jit.inline
def edge_pixels(rule, addresses, image, d_out, d_image, d_row, wanted, start, end, band, rows, zero, C):
    """Both gradients from the pixels from `start` to `end`, one by one."""
    (by_image, by_grid), (top, bottom) = wanted, band
    for j in range(start, end):
        if not is_far(rule, j, rows):
            if by_grid:
                edge_gradient(rule, image, addresses[0], d_out, d_row + j * d_out[4], j, rows, zero, C)
            if by_image:
                edge_shares(rule, d_image, addresses[1], d_out, d_row + j * d_out[4], j, top, bottom, rows, zero, C)


@jit.inline
def gradient_strip(rule, addresses, image, d_out, d_image, d_row, wanted, run, count, bounds, band, whole, rows, zero, C):
    """Both gradients from the pixels of a strip: those inside in one run, the others one by one; `whole`: all of the image."""
    first, stop, _ = run
    cleared = 0 if first > 0 or stop < count else count // 8 * 8
    for j in range(cleared, (count + 7) // 8 * 8):
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
        if not (in_one_run and whole and anywhere(rule)):  # else all that has a weight is in the run
            sides = ((start, first), (stop, end)) if first < stop else ((start, end), (end, end))
            for left, right in sides:
                edge_pixels(rule, addresses, image, d_out, d_image, d_row, wanted, left, right, band, rows, zero, C)
        start = end


@jit.inline
def gradient_columns(
    rule, source, image, d_out, d_image, d_grid, wanted, n, m, i, together, left, right, band, bounds, steps, size, rows, zero
):
    """Both gradients from the columns [left, right) of row i of output n, which reads image m; of d_image a band of rows only.

    Or from the columns of some rows together.
    """
    (top, bottom), C, k, start, stop = band, size[3], n * steps[1], left, right
    if together == 1:
        start, stop = near_columns(rule, source, k, i, left, right, top, bottom)
    count = stop - start
    if count > 0:
        moved = prepare_positions(rule, source, k, i, start, count, rows, together)
        run = np.int64(0), count * together, True
        if together == 1:
            run = inside_run(source, k, i, start, bounds, 0, count, rows)
        addresses = image[0] + n * steps[0] * image[2], d_image[0] + m * d_image[2]
        d_row = d_out[0] + n * d_out[2] + i * d_out[3] + start * d_out[4]
        whole = top == 0 and bottom == rule[3][SIZE]
        gradient_strip(
            rule, addresses, image, d_out, d_image, d_row, wanted, run, count * together, bounds, band, whole, rows, zero, C
        )
        if wanted[1]:
            if moved:
                take_signs(count * together, rows, zero)
            if source[0] == AFFINE:
                pull_back_affine(i, start, count * together, rows, zero, d_grid[2])
            else:
                quiet_positions(count * together, rows, zero)
                for r in range(together):
                    pull_back_strip(source, k, n, i + r, start, r * count, count, size, rows, zero, d_grid)


@jit.inline
def pull_back_strip(source, k, n, i, first, skipped, count, size, rows, zero, d_grid):
    """The gradient by the grid's own numbers from `count` pixels of a strip, those behind the first so many."""
    (_, h, w, _), (d_dense, like, partial) = size, d_grid
    d_dense += 2 * (n * h + i) * w * size_of(like)
    position_bytes, product_bytes = 8 * skipped, size_of(zero) * skipped
    positions = rows[0] + position_bytes, rows[1] + position_bytes
    gradients = rows[12] + product_bytes, rows[13] + product_bytes
    pull_back_row(
        source, k, i, first, count, positions, gradients, (rows[14], rows[15], rows[16]), zero, (d_dense, like), partial
    )


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
    bounds, together = inside_bounds(rule, band[0], band[1]), np.int64(1)
    if band[0] == 0 and band[1] == H:
        together = rows_together(rule, image, d_out, w, size[3])
    if by_grid:
        number_pixels(w, together, rows)
    for n in range(start, stop):
        partial = address_of(partials) + 8 * partials.shape[1] * (n * pieces + piece)
        d_grid = address_of(d_dense), d_dense.dtype.type(0), partial
        m = who if by_image else 0
        for above in range(first_row, last_row, TILE_ROWS):
            for left in range(0, w, STRIP):
                right, i, below = min(left + STRIP, w), above, min(above + TILE_ROWS, last_row)
                while i < below:
                    count = min(together, below - i)
                    gradient_columns(
                        rule, source, image, d_out, d_image, d_grid, wanted, n, m, i, count, left, right, band, bounds,
                        steps, size, rows, zero,
                    )  # fmt: skip
                    i += count
    hold(memory)


@jit.serial
def gradient_serial(
    tasks, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image, d_dense, partials
):
    for task in range(tasks):
        gradient_rows(
            task, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image, d_dense, partials
        )


@jit.parallel
def gradient_parallel(
    tasks, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image, d_dense, partials
):
    for task in prange(tasks):
        gradient_rows(
            task, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image, d_dense, partials
        )
