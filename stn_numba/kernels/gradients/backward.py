"""Gradients of <d_out, out> by image and grid: strips of output, as in the forward pass, both while a strip is at hand.

Several output pixels may add to one input pixel. So a task is an image, or, of few large images, a band of input rows of
one: it keeps to the taps in its band, no two tasks write one pixel, and the order of the additions does not depend on
the number of threads. For the gradient by the grid alone a task is a block of output rows of one image.

A sum of float32 stops growing at 2**24. So where more outputs than that may give to one pixel, `d_image` is emptied into the
float64 of `d_total` after every so many outputs (`sum_after`; 0 for never), and at the end.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.compiler.unpack import allocate, release
from stn_numba.kernels.constants import AFFINE, DENSE, SIZE, STRIP, TILE_ROWS
from stn_numba.kernels.gradients.backward_strips import Job, Place, gradient_strip, own_rows
from stn_numba.kernels.gradients.positions_vjp import pull_back_affine, pull_back_row
from stn_numba.kernels.sampling.interior import inside_run, near_columns, slope_bounds, tile_is_near
from stn_numba.kernels.sampling.positions import Source, row_positions
from stn_numba.kernels.sampling.strips import prepare_positions, rows_together, take_signs
from stn_numba.kernels.sampling.taps import fetch_row, rows_ahead
from stn_numba.kernels.sampling.workspace import ROW, Rule, number_pixels, row_addresses, scratch_bytes, to_next
from stn_numba.kernels.simd.load_store import Image, accumulate, load_back, size_of, store_one
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import found, position, put_position
from stn_numba.kernels.simd.vectors import ONE, spread


class GridGradient(NamedTuple):
    """Where the gradient by the grid of one output goes."""

    dense: int
    partial: int


@jit.inline
def quiet_positions(count, rows, zero):
    """Positions that give no gradient become 0: they may be NaN or infinite."""
    for j in range(count):
        put_position(rows.xs, j, position(rows.xs, 0.0, j) if found(rows.gx, zero, j) != zero else 0.0)
        put_position(rows.ys, j, position(rows.ys, 0.0, j) if found(rows.gy, zero, j) != zero else 0.0)


@jit.inline
def place_of(job, n, m, i, column):
    """The place of a strip that begins at a column of row i of output n, and gives to gradient m."""
    image, d_out = job.image, job.d_out
    ahead = rows_ahead(job.rule.y_axis, job.source, n * job.steps[1], to_next(job.rule.y_axis, image.y_step))
    d_row = d_out.address + n * d_out.n_step + i * d_out.y_step + column * d_out.x_step
    return Place(image.address + n * job.steps[0] * image.n_step, job.d_image.address + m * job.d_image.n_step, d_row, ahead)


@jit.inline
def gradient_columns(job, d_grid, n, m, i, together, left, right):
    """Both gradients from the columns [left, right) of row i of output n, which reads image m, or of some rows together."""
    rule, source, rows, k, start, stop = job.rule, job.source, job.rows, n * job.steps[1], left, right
    if together == 1:
        start, stop = near_columns(rule, source, k, i, left, right, job.top, job.bottom)
    count, columns = (stop - start) * together, stop - start
    if count > 0:
        place = place_of(job, n, m, i, start)
        fetch_row(place.d_out, count * job.d_out.x_step)
        moved = prepare_positions(rule, source, k, i, start, columns, rows, together, job.by_grid)
        run = np.int64(0), count, True
        if together == 1:
            run = inside_run(source, k, i, start, job.bounds, 0, count, rows)
        gradient_strip(job, place, run, count)
        if job.by_grid and moved:
            take_signs(count, rows, job.zero)
        if job.by_grid and source.kind == AFFINE:
            pull_back_affine(i, start, count, rows, job.zero, d_grid.partial)
        elif job.by_grid:
            if source.kind != DENSE:  # whose positions tell pieces which pixels are theirs
                quiet_positions(count, rows, job.zero)
            for r in range(together):
                pull_back_strip(job, d_grid, k, n, i + r, start, r * columns, columns)


@jit.inline
def pull_back_strip(job, d_grid, k, n, i, first, skipped, count):
    """The gradient by the grid's own numbers from `count` pixels of a strip, those behind the first so many."""
    (_, h, w, _), rows, zero = job.size, job.rows, job.zero
    dense = d_grid.dense + 2 * (n * h + i) * w * job.source.item
    position_bytes, product_bytes = 8 * skipped, size_of(zero) * skipped
    positions = rows.xs + position_bytes, rows.ys + position_bytes
    gradients = rows.gx + product_bytes, rows.gy + product_bytes
    sums = rows.dx, rows.dy, rows.dz
    own = own_rows(job, skipped)
    pull_back_row(job.source, k, i, first, count, positions, gradients, sums, zero, dense, own, d_grid.partial)


@jit.aside
def empty_into_total(job, m):
    """Add the rows of image m's gradient that this piece adds to to the total, and set them to 0."""
    d_image, d_total, zero = job.d_image, job.d_total, job.zero
    W, C = np.int64(job.rule.x_axis[SIZE]), job.size[3]
    for y in range(job.top, job.bottom):
        for x in range(W):
            for c in range(C):
                part = d_image.address + m * d_image.n_step + y * d_image.y_step + x * d_image.x_step + c * d_image.c_step
                total = d_total.address + m * d_total.n_step + y * d_total.y_step + x * d_total.x_step + c * d_total.c_step
                accumulate(total, d_total.like, spread(np.float64(load_back(part, d_image.like)), ONE))
                store_one(part, d_image.like, zero)


@jit.inline
def tile_reach(job, n, above, left):
    """Where the reach of a tile of grid n is written, 0 if nowhere."""
    down, across = (job.size[1] + TILE_ROWS - 1) // TILE_ROWS, (job.size[2] + STRIP - 1) // STRIP
    place = (n * down + above // TILE_ROWS) * across + left // STRIP
    return job.reach + 16 * place if job.reach != 0 else np.int64(0)


@jit.inline
def gradient_rows(job, d_grid, n, m, first_row, last_row, together, since):
    """Both gradients from some rows of output n, tile by tile; return how many outputs there were since the last sum."""
    w = job.size[2]
    for above in range(first_row, last_row, TILE_ROWS):
        for left in range(0, w, STRIP):
            right, i, below = least(left + STRIP, w), above, least(above + TILE_ROWS, last_row)
            reach = tile_reach(job, n * job.steps[1], above, left)
            if not tile_is_near(job.rule, job.source, n * job.steps[1], above, below, left, right, job.top, job.bottom, reach):
                continue
            while i < below:
                count = least(together, below - i)
                gradient_columns(job, d_grid, n, m, i, count, left, right)
                i += count
                since += count * (right - left)
                if job.sum_after > 0 and since >= job.sum_after:
                    empty_into_total(job, m)
                    since = 0
    return since


@jit.inline
def gradient_of_piece(item, pieces, job, d_dense, partials):
    """Gradients from one piece: a band of rows of an image, or, for the grid alone, a block of rows of an output.

    What all pieces have in common is in `job`, which has no band yet.
    """
    by_image, (batch, h, w, C), H = job.by_image, job.size, np.int64(job.rule.y_axis[SIZE])
    who, piece = item // pieces, item % pieces
    first_row, last_row, top, bottom, start, stop = 0, h, 0, H, who, who + 1
    if by_image:
        top, bottom = piece * H // pieces, (piece + 1) * H // pieces
        if job.steps[0] == 0:
            start, stop = 0, batch
    else:
        first_row, last_row = piece * h // pieces, (piece + 1) * h // pieces
    job = with_band(job, top, bottom)
    together = rows_together(job.rule, job.image, job.d_out, w, C, 0) if pieces == 1 else np.int64(1)
    since, m, (address, numbers) = 0, who if by_image else 0, partials
    for n in range(start, stop):
        d_grid = GridGradient(d_dense, address + 8 * numbers * (n * pieces + piece))
        since = gradient_rows(job, d_grid, n, m, first_row, last_row, together, since)
    if job.sum_after > 0:
        empty_into_total(job, m)


@jit.inline
def with_band(job, top, bottom):
    """The job of a piece that may add to the rows [top, bottom) of an image."""
    return Job(
        job.rule, job.source, job.image, job.d_out, job.d_image, job.by_image, job.by_grid, top, bottom,
        slope_bounds(job.rule, top, bottom), job.steps, job.size, job.rows, job.zero, job.d_total, job.sum_after, job.reach,
    )  # fmt: skip


@jit.tasks
def gradient(
    first, stop, tasks, items, pieces, by_image, by_grid, image, source, rule, steps, size, zero, d_out, d_image, d_total,
    sum_after, d_dense, partials, reach,
):  # fmt: skip
    """Add to the gradients by images and grids: some images, or pieces of images, one after the other.

    `size`, `steps` and `zero` are those of `sampling.forward`. The gradient by a dense grid, of its dtype, is at `d_dense`; of
    the other kinds `partials` is (address, numbers of each) of those from each piece of each output. `reach` is the address of
    what `reach_of_tiles` filled, or 0.
    """
    rule = Rule(*rule)
    memory = allocate(scratch_bytes(rule))
    if memory:
        source, rows, nowhere = Source(*source), row_addresses(rule, memory), (0.0, 0.0, 0.0, 0.0)
        image, d_out, d_image, d_total = Image(*image), Image(*d_out), Image(*d_image), Image(*d_total)
        if by_grid:
            number_pixels(size[2], rows_together(rule, image, d_out, size[2], size[3], 0), rows)
        job = Job(
            rule, source, image, d_out, d_image, by_image, by_grid, 0, 0, nowhere, steps, size, rows, zero, d_total, sum_after,
            reach,
        )  # fmt: skip
        for item in range(first * items // tasks, stop * items // tasks):
            gradient_of_piece(item, pieces, job, d_dense, partials)
        release(memory)
    return memory != 0


@jit.inline
def reach_of_strip(source, n, i, left, pixels, xs, ys, low, high):
    """The least and the greatest position along y so far, with those of a strip; NaN counts for nothing."""
    row_positions(source, n, i, left, pixels, xs, ys)
    for j in range(pixels):
        y = position(ys, 0.0, j)
        low, high = y if y < low else low, y if y > high else high
    return low, high


@jit.tasks
def reach_of_tiles(first, stop, tasks, source, grids, shape, reach):
    """Fill `reach` (grids, tiles down, tiles across, 2): the least and the greatest position along y in each tile."""
    (h, w), source, memory = shape, Source(*source), allocate(16 * ROW)
    if memory:
        down, across = (h + TILE_ROWS - 1) // TILE_ROWS, (w + STRIP - 1) // STRIP
        for k in range(first * grids * down // tasks, stop * grids * down // tasks):
            n, top = k // down, k % down * TILE_ROWS
            for left in range(0, w, STRIP):
                low, high = np.inf, -np.inf
                for i in range(top, least(top + TILE_ROWS, h)):
                    low, high = reach_of_strip(source, n, i, left, least(STRIP, w - left), memory, memory + 8 * ROW, low, high)
                put_position(reach + 16 * (k * across + left // STRIP), 0, low)
                put_position(reach + 16 * (k * across + left // STRIP), 1, high)
        release(memory)
    return memory != 0
