"""The kernel `gradient`: gradients of <d_out, out> by image and grid, both in one pass over strips of output.

Several output pixels may add to one input pixel. So a task is an image, or, of few large images, a band of input rows of one:
it keeps to the taps in its band. No two tasks write one pixel, and the order of additions does not depend on the number of
threads. For the gradient by the grid alone a task is a block of output rows of one image.

A sum of float32 stops growing at 2**24. So where more outputs than that may add to one pixel, `d_image` is moved to the float64
of `d_total` after every `sum_after` outputs (0 for never), and at the end.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import AFFINE, DENSE, SIZE, STRIP, TILE_ROWS
from stn_numba.kernels.gradients.backward_strips import Job, Place, band_of, gradient_strip
from stn_numba.kernels.gradients.positions_vjp import affine_vjp, row_vjp
from stn_numba.kernels.sampling.interior import (
    columns_in_reach,
    find_interior,
    interior_bounds_of_slopes,
    tile_is_in_reach,
)
from stn_numba.kernels.sampling.padding import padding_vjp
from stn_numba.kernels.sampling.positions import GridSource, row_positions
from stn_numba.kernels.sampling.strips import image_count, rows_together, strip_positions
from stn_numba.kernels.sampling.taps import bytes_ahead, prefetch_row
from stn_numba.kernels.sampling.workspace import ROW, Sampler, number_pixels, to_next, workspace, workspace_bytes
from stn_numba.kernels.simd.load_store import Image, accumulate, size_of, store
from stn_numba.kernels.simd.raw import load_back
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import allocate, get_position, get_product, put_position, release
from stn_numba.kernels.simd.vectors import EIGHT, ONE, full, to_float64, where


class GridGradient(NamedTuple):
    """Where the gradient by the grid of one output goes."""

    dense: int
    partial: int


@jit.inline
def clear_unused_positions(count, work, zero):
    """Set positions that give no gradient to 0: they may be NaN or infinite."""
    for j in range(0, count, 8):
        gx, gy = get_product(work.gx, zero, j, EIGHT), get_product(work.gy, zero, j, EIGHT)
        put_position(work.x, j, where(to_float64(gx) != 0.0, get_position(work.x, j, EIGHT), 0.0))
        put_position(work.y, j, where(to_float64(gy) != 0.0, get_position(work.y, j, EIGHT), 0.0))


@jit.inline
def place_of(job, n, m, i, column):
    """The place of a strip that begins at a column of row i of output n, and adds to gradient m."""
    image, d_out = job.image, job.d_out
    ahead = bytes_ahead(
        job.sampler.y_axis, job.grid, n * job.steps[1], to_next(job.sampler.y_axis, image.y_step), image_count(job)
    )
    d_row = d_out.address + n * d_out.n_step + i * d_out.y_step + column * d_out.x_step
    return Place(image.address + n * job.steps[0] * image.n_step, job.d_image.address + m * job.d_image.n_step, d_row, ahead)


@jit.inline
def gradient_columns(job, d_grid, n, m, i, together, left, right):
    """Both gradients from the columns [left, right) of row i of output n, which reads image m, or of some rows together."""
    sampler, grid, work, k, start, stop = job.sampler, job.grid, job.work, n * job.steps[1], left, right
    if together == 1:
        start, stop = columns_in_reach(sampler, grid, k, i, left, right, job.top, job.bottom)
    count, columns = (stop - start) * together, stop - start
    if count > 0:
        place = place_of(job, n, m, i, start)
        prefetch_row(place.d_out, count * job.d_out.x_step)
        padded = strip_positions(sampler, grid, k, i, start, columns, work, together, job.by_grid)
        interior = np.int64(0), count, True
        if together == 1:
            interior = find_interior(grid, k, i, start, job.bounds, count, work)
        gradient_strip(job, place, interior, count)
        if job.by_grid and padded:
            padding_vjp(count, work, job.zero)
        if job.by_grid and grid.kind == AFFINE:
            affine_vjp(i, start, count, work, job.zero, d_grid.partial)
        elif job.by_grid:
            if grid.kind != DENSE:  # whose positions tell pieces which pixels are theirs
                clear_unused_positions(count, work, job.zero)
            for r in range(together):
                grid_vjp(job, d_grid, k, n, i + r, start, r * columns, columns)


@jit.inline
def grid_vjp(job, d_grid, k, n, i, first, skipped, count):
    """The gradient by the grid's own numbers from `count` pixels of a strip, from pixel `skipped` on."""
    (_, h, w, _), work, zero = job.size, job.work, job.zero
    dense = d_grid.dense + 2 * (n * h + i) * w * job.grid.item
    position_bytes, product_bytes = 8 * skipped, size_of(zero) * skipped
    positions = work.x + position_bytes, work.y + position_bytes
    gradients, sums = (work.gx + product_bytes, work.gy + product_bytes), (work.dx, work.dy, work.dz)
    row_vjp(job.grid, k, i, first, count, positions, gradients, sums, zero, dense, band_of(job, skipped), d_grid.partial)


@jit.rare
def move_to_total(job, m):
    """Add the rows of image m's gradient that this piece adds to to the total, and set them to 0."""
    d_image, d_total, zero = job.d_image, job.d_total, job.zero
    W, C = np.int64(job.sampler.x_axis[SIZE]), job.size[3]
    for y in range(job.top, job.bottom):
        for x in range(W):
            for c in range(C):
                part = d_image.address + m * d_image.n_step + y * d_image.y_step + x * d_image.x_step + c * d_image.c_step
                total = d_total.address + m * d_total.n_step + y * d_total.y_step + x * d_total.x_step + c * d_total.c_step
                accumulate(total, d_total.dtype, full(ONE, np.float64(load_back(part, d_image.dtype))))
                store(part, d_image.dtype, zero)


@jit.inline
def y_range_of(job, n, above, left):
    """Address of the range of a tile of grid n, see `y_ranges`; 0 if there is none."""
    down, across = (job.size[1] + TILE_ROWS - 1) // TILE_ROWS, (job.size[2] + STRIP - 1) // STRIP
    place = (n * down + above // TILE_ROWS) * across + left // STRIP
    return job.y_ranges + 16 * place if job.y_ranges != 0 else np.int64(0)


@jit.inline
def gradient_rows(job, d_grid, n, m, first_row, last_row, together, since):
    """Both gradients from some rows of output n, tile by tile; return how many outputs there were since the last sum."""
    w, k = job.size[2], n * job.steps[1]
    for above in range(first_row, last_row, TILE_ROWS):
        for left in range(0, w, STRIP):
            right, i, below = least(left + STRIP, w), above, least(above + TILE_ROWS, last_row)
            y_range = y_range_of(job, k, above, left)
            if not tile_is_in_reach(job.sampler, job.grid, k, above, below, left, right, job.top, job.bottom, y_range):
                continue
            while i < below:
                count = least(together, below - i)
                gradient_columns(job, d_grid, n, m, i, count, left, right)
                i += count
                since += count * (right - left)
                if job.sum_after > 0 and since >= job.sum_after:
                    move_to_total(job, m)
                    since = 0
    return since


@jit.inline
def gradient_of_piece(item, pieces, job, d_dense, partials):
    """Gradients from one piece: a band of rows of an image, or, for the grid alone, a block of rows of an output.

    What all pieces have in common is in `job`, which has no band yet.
    """
    by_image, (batch, h, w, C), H = job.by_image, job.size, np.int64(job.sampler.y_axis[SIZE])
    who, piece = item // pieces, item % pieces
    first_row, last_row, top, bottom, start, stop = 0, h, 0, H, who, who + 1
    if by_image:
        top, bottom = piece * H // pieces, (piece + 1) * H // pieces
        if job.steps[0] == 0:
            start, stop = 0, batch
    else:
        first_row, last_row = piece * h // pieces, (piece + 1) * h // pieces
    job = with_band(job, top, bottom)
    together = rows_together(job.sampler, job.image, job.d_out, w, C, 0) if pieces == 1 else np.int64(1)
    since, m, (address, numbers) = 0, who if by_image else 0, partials
    for n in range(start, stop):
        d_grid = GridGradient(d_dense, address + 8 * numbers * (n * pieces + piece))
        since = gradient_rows(job, d_grid, n, m, first_row, last_row, together, since)
    if job.sum_after > 0:
        move_to_total(job, m)


@jit.inline
def with_band(job, top, bottom):
    """The job of a piece that may add to the rows [top, bottom) of an image."""
    return Job(
        job.sampler, job.grid, job.image, job.d_out, job.d_image, job.by_image, job.by_grid, top, bottom,
        interior_bounds_of_slopes(job.sampler, top, bottom), job.steps, job.size, job.work, job.zero, job.d_total,
        job.sum_after, job.y_ranges,
    )  # fmt: skip


@jit.tasks
def gradient(
    first, stop, tasks, items, pieces, by_image, by_grid, image, grid, sampler, steps, size, zero, d_out, d_image, d_total,
    sum_after, d_dense, partials, y_ranges,
):  # fmt: skip
    """Add to the gradients by images and grids: some images, or pieces of images, one after the other.

    `size`, `steps` and `zero` are those of `forward.sample`. The gradient by a dense grid, of its dtype, is at `d_dense`; of
    the other kinds `partials` is (address, numbers of each) of those from each piece of each output. `y_ranges` is the address
    of what `tile_y_ranges` filled, or 0.
    """
    sampler = Sampler(*sampler)
    memory = allocate(workspace_bytes(sampler))
    if memory:
        grid, work, nowhere = GridSource(*grid), workspace(sampler, memory), (0.0, 0.0, 0.0, 0.0)
        image, d_out, d_image, d_total = Image(*image), Image(*d_out), Image(*d_image), Image(*d_total)
        if by_grid:
            number_pixels(size[2], rows_together(sampler, image, d_out, size[2], size[3], 0), work)
        job = Job(
            sampler, grid, image, d_out, d_image, by_image, by_grid, 0, 0, nowhere, steps, size, work, zero, d_total,
            sum_after, y_ranges,
        )  # fmt: skip
        for item in range(first * items // tasks, stop * items // tasks):
            gradient_of_piece(item, pieces, job, d_dense, partials)
        release(memory)
    return memory != 0


@jit.inline
def y_range_of_strip(grid, n, i, left, pixels, xs, ys, low, high):
    """The least and the greatest position along y so far, with those of a strip; NaN counts for nothing."""
    row_positions(grid, n, i, left, pixels, xs, ys)
    for j in range(pixels):
        y = get_position(ys, j)
        low, high = y if y < low else low, y if y > high else high
    return low, high


@jit.tasks
def tile_y_ranges(first, stop, tasks, grid, grids, shape, y_ranges):
    """Fill `y_ranges` (grids, tiles down, tiles across, 2): the least and the greatest position along y in each tile."""
    (h, w), grid, memory = shape, GridSource(*grid), allocate(16 * ROW)
    if memory:
        down, across = (h + TILE_ROWS - 1) // TILE_ROWS, (w + STRIP - 1) // STRIP
        for k in range(first * grids * down // tasks, stop * grids * down // tasks):
            n, top = k // down, k % down * TILE_ROWS
            for left in range(0, w, STRIP):
                low, high = np.inf, -np.inf
                for i in range(top, least(top + TILE_ROWS, h)):
                    low, high = y_range_of_strip(grid, n, i, left, least(STRIP, w - left), memory, memory + 8 * ROW, low, high)
                put_position(y_ranges + 16 * (k * across + left // STRIP), 0, low)
                put_position(y_ranges + 16 * (k * across + left // STRIP), 1, high)
        release(memory)
    return memory != 0
