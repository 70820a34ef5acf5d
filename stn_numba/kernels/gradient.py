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
from stn_numba.kernels.memory import Image, address_of, found, hold, position, put_position, put_product, size_of
from stn_numba.kernels.plane_gradient import give_plane, plane_gradients
from stn_numba.kernels.positions import AFFINE, by_address
from stn_numba.kernels.pull_back import pull_back_affine, pull_back_row
from stn_numba.kernels.rows import STRIP, number_pixels, row_addresses, rule_by_address, scratch, to_next
from stn_numba.kernels.runs import PIECE, find_run, inside_bounds, inside_run, is_far, near_columns
from stn_numba.kernels.strips import TILE_ROWS, anywhere, is_plane, prepare_positions, rows_together, take_signs
from stn_numba.kernels.taps import fetch_ahead, inside_taps, offsets_row


@jit.inline
def quiet_positions(count, rows, zero):
    """Positions that give no gradient become 0: they may be NaN or infinite."""
    for j in range(count):
        put_position(rows.xs, j, position(rows.xs, 0.0, j) if found(rows.gx, zero, j) != zero else 0.0)
        put_position(rows.ys, j, position(rows.ys, 0.0, j) if found(rows.gy, zero, j) != zero else 0.0)


@jit.inline
def inside_pixels(rule, addresses, image, d_out, d_image, d_row, wanted, first, stop, rows, zero, C):
    """Both gradients from the pixels [first, stop) of a strip, whose taps all lie inside."""
    (by_image, by_grid), offsets, one = wanted, rows.offsets, type(zero)(1)
    plane = is_plane(rule, image, d_out, C)
    if plane:
        offsets_row(rule, rule.x_axis[STEP], rule.y_axis[STEP], first, stop, rows, offsets)
    else:
        inside_taps(rule, first, stop, rows, by_grid, one)
    if by_image and (d_image.y_step != image.y_step or d_image.x_step != image.x_step):
        offsets = rows.d_offsets
        steps = np.float64(d_image.x_step), np.float64(d_image.y_step)
        offsets_row(rule, steps[0], steps[1], first, stop, rows, offsets)
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
    axes, down = ((rule.x_axis[SIZE], one), (rule.y_axis[SIZE], one)), to_next(rule.y_axis, image.y_step)
    d_across, d_down = to_next(rule.x_axis, d_image.x_step), to_next(rule.y_axis, d_image.y_step)
    if by_grid:
        fetch_ahead(rule, source, to_next(rule.x_axis, image.x_step), down, first, stop, rows.offsets)
    if by_image:
        fetch_ahead(rule, target, d_across, d_down, first, stop, offsets)
    for c in range(C):
        d_channel = d_row + c * d_out.c_step
        plane_gradients(
            axes, image.like, source + c * image.c_step, down, d_channel, d_out.x_step, wanted, first, stop, rows, zero, c > 0
        )
        if by_image:
            give_plane(target + c * d_image.c_step, d_across, d_down, d_image.like, first, stop, rows, offsets, zero)


@jit.inline
def edge_pixels(rule, addresses, image, d_out, d_image, d_row, wanted, start, end, band, rows, zero, C):
    """Both gradients from the pixels from `start` to `end`, one by one."""
    (by_image, by_grid), (top, bottom) = wanted, band
    for j in range(start, end):
        if not is_far(rule, j, rows):
            if by_grid:
                edge_gradient(rule, image, addresses[0], d_out, d_row + j * d_out.x_step, j, rows, zero, C)
            if by_image:
                edge_shares(rule, d_image, addresses[1], d_out, d_row + j * d_out.x_step, j, top, bottom, rows, zero, C)


@jit.inline
def gradient_strip(rule, addresses, image, d_out, d_image, d_row, wanted, run, count, bounds, band, whole, rows, zero, C):
    """Both gradients from the pixels of a strip: those inside in one run, the others one by one; `whole`: all of the image."""
    first, stop, in_one_run = run
    cleared = count // 8 * 8 if in_one_run and first == 0 and stop == count else 0
    for j in range(cleared, (count + 7) // 8 * 8):
        put_product(rows.gx, j, zero)
        put_product(rows.gy, j, zero)
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
        addresses = image.address + n * steps[0] * image.n_step, d_image.address + m * d_image.n_step
        d_row = d_out.address + n * d_out.n_step + i * d_out.y_step + start * d_out.x_step
        whole = top == 0 and bottom == rule.y_axis[SIZE]
        gradient_strip(
            rule, addresses, image, d_out, d_image, d_row, wanted, run, count * together, bounds, band, whole, rows, zero, C
        )
        if wanted[1]:
            if moved:
                take_signs(count * together, rows, zero)
            if source.kind == AFFINE:
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
    positions = rows.xs + position_bytes, rows.ys + position_bytes
    gradients = rows.gx + product_bytes, rows.gy + product_bytes
    pull_back_row(source, k, i, first, count, positions, gradients, (rows.dx, rows.dy, rows.dz), zero, (d_dense, like), partial)


@jit.inline
def gradient_rows(task, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image, d_dense, partials):
    """Gradients of one task."""
    batch, h, w, _ = size
    image, d_out, d_image = Image(*image), Image(*d_out), Image(*d_image)
    rule, source, zero = rule_by_address(rule), by_address(source), work.dtype.type(0)
    memory, H = scratch(rule), np.int64(rule.y_axis[SIZE])
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
