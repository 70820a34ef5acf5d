"""Gradients of <d_out, out> by image and grid: strips of output, as in the forward pass, both while a strip is at hand.

Several output pixels may add to one input pixel. So a task is an image, or, of few large images, a band of input rows of
one: it keeps to the taps in its band, no two tasks write one pixel, and the order of the additions does not depend on
the number of threads. For the gradient by the grid alone a task is a block of output rows of one image.

Kernels take images as the tuples of `kernels.memory`, a source as `kernels.positions` describes it, a rule as `kernels.rows`
does; `steps` and `size` are those of `kernels.forward`. `d_dense` (N h, w, 2) gets the gradient by a dense grid, `partials` of
the other kinds that of each piece of each output.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import prange

from stn_numba.kernels import jit
from stn_numba.kernels.edges import SIZE, STEP, both_edge_taps
from stn_numba.kernels.grid_gradient import edge_gradient, inside_gradients
from stn_numba.kernels.image_gradient import edge_shares, inside_shares
from stn_numba.kernels.memory import Image, address_of, hold, size_of
from stn_numba.kernels.plane_gradient import give_plane, plane_gradients
from stn_numba.kernels.positions import AFFINE, Source, by_address
from stn_numba.kernels.pull_back import pull_back_affine, pull_back_row
from stn_numba.kernels.rows import STRIP, Rows, Rule, number_pixels, row_addresses, rule_by_address, scratch, to_next
from stn_numba.kernels.runs import inside_bounds, inside_run, is_far, near_columns, next_piece, tile_is_near
from stn_numba.kernels.scratch import found, position, put_position, put_product
from stn_numba.kernels.strips import TILE_ROWS, anywhere, is_plane, prepare_positions, rows_together, take_signs
from stn_numba.kernels.taps import fetch_ahead, fetch_row, inside_taps, offsets_row, rows_ahead
from stn_numba.kernels.vectors import ONE, TWO


class Job(NamedTuple):
    """What all strips of a piece have in common."""

    rule: Rule
    source: Source
    image: Image
    d_out: Image
    d_image: Image
    by_image: bool
    by_grid: bool
    top: int  # rows [top, bottom) of the image that the piece may add to
    bottom: int
    bounds: tuple[float, float, float, float]  # see `runs.inside_bounds`
    steps: tuple[int, int]
    size: tuple[int, int, int, int]
    rows: Rows
    zero: Any


class Place(NamedTuple):
    """Where a strip reads and writes: the first elements of its image, of that image's gradient, and of its own in d_out."""

    image: int
    d_image: int
    d_out: int
    ahead: int  # see `taps.rows_ahead`


class GridGradient(NamedTuple):
    """Where the gradient by the grid of one output goes."""

    dense: int
    like: Any
    partial: int


@jit.inline
def quiet_positions(count, rows, zero):
    """Positions that give no gradient become 0: they may be NaN or infinite."""
    for j in range(count):
        put_position(rows.xs, j, position(rows.xs, 0.0, j) if found(rows.gx, zero, j) != zero else 0.0)
        put_position(rows.ys, j, position(rows.ys, 0.0, j) if found(rows.gy, zero, j) != zero else 0.0)


@jit.inline
def inside_pixels(job, place, first, stop):
    """Both gradients from the pixels [first, stop) of a strip, whose taps all lie inside."""
    rule, image, d_image, d_out, rows, zero, C = job.rule, job.image, job.d_image, job.d_out, job.rows, job.zero, job.size[3]
    plane, offsets = is_plane(rule, image, d_out, C), rows.offsets
    if plane:
        offsets_row(rule, rule.x_axis[STEP], rule.y_axis[STEP], first, stop, rows, offsets)
    else:
        inside_taps(rule, first, stop, rows, job.by_grid, type(zero)(1))
    if job.by_image and (d_image.y_step != image.y_step or d_image.x_step != image.x_step):
        offsets = rows.d_offsets
        offsets_row(rule, np.float64(d_image.x_step), np.float64(d_image.y_step), first, stop, rows, offsets)
    if plane:
        plane_pixels(job, place, first, stop, offsets)
        return
    if job.by_grid:
        inside_gradients(rule, image, place.image, place.ahead, d_out, place.d_out, first, stop, rows, zero, C)
    if job.by_image:
        inside_shares(rule, d_image, place.d_image, place.ahead, d_out, place.d_out, first, stop, rows, offsets, zero, C)


@jit.inline
def plane_pixels(job, place, first, stop, offsets):
    """As `inside_pixels`, channel by channel."""
    rule, image, d_image, d_out, rows, zero = job.rule, job.image, job.d_image, job.d_out, job.rows, job.zero
    one, like, wanted = type(zero)(1), image.like, (job.by_image, job.by_grid)
    axes, down = ((rule.x_axis[SIZE], one), (rule.y_axis[SIZE], one)), to_next(rule.y_axis, image.y_step)
    d_across, d_down = to_next(rule.x_axis, d_image.x_step), to_next(rule.y_axis, d_image.y_step)
    if job.by_grid:
        fetch_ahead(place.ahead, place.image, to_next(rule.x_axis, image.x_step), down, first, stop, rows.offsets)
    if job.by_image:
        fetch_ahead(place.ahead, place.d_image, d_across, d_down, first, stop, offsets)
    for c in range(job.size[3]):
        source, target = place.image + c * image.c_step, place.d_image + c * d_image.c_step
        d_row, step = place.d_out + c * d_out.c_step, d_out.x_step
        plane_gradients(axes, like, source, down, d_row, step, wanted, first, stop, rows, zero, c > 0)
        if job.by_image and d_across == size_of(like):
            give_plane(target, d_across, d_down, like, first, stop, rows, offsets, zero, TWO)
        elif job.by_image:
            give_plane(target, d_across, d_down, like, first, stop, rows, offsets, zero, ONE)


@jit.inline
def is_own(job, j):
    """Whether the gradient by a pixel's position is this piece's to work out: where a pixel gives to two, one does."""
    line = min(max(np.floor(position(job.rows.y_places, 0.0, j)), 0.0), job.rule.y_axis[SIZE] - 1.0)
    return job.top <= line < job.bottom


@jit.inline
def edge_pixels(job, place, start, end):
    """Both gradients from the pixels from `start` to `end`, one by one."""
    rule, d_out, rows, zero, C = job.rule, job.d_out, job.rows, job.zero, job.size[3]
    for j in range(start, end):
        if not is_far(rule, j, rows):
            d_pixel = place.d_out + j * d_out.x_step
            both_edge_taps(rule, position(rows.x_places, 0.0, j), position(rows.y_places, 0.0, j), rows, zero)
            if job.by_grid and is_own(job, j):
                edge_gradient(rule, job.image, place.image, d_out, d_pixel, j, rows, zero, C)
            if job.by_image:
                edge_shares(rule, job.d_image, place.d_image, d_out, d_pixel, job.top, job.bottom, rows, zero, C)


@jit.inline
def gradient_strip(job, place, run, count):
    """Both gradients from the pixels of a strip: those inside in one run, the others one by one."""
    rows, whole = job.rows, job.top == 0 and job.bottom == job.rule.y_axis[SIZE]
    first, stop, in_one_run = run
    cleared = count // 8 * 8 if in_one_run and first == 0 and stop == count else 0
    for j in range(cleared, (count + 7) // 8 * 8):
        put_product(rows.gx, j, job.zero)
        put_product(rows.gy, j, job.zero)
    start = 0
    while start < count:
        first, stop, end, in_one_run = next_piece(run, start, count, job.bounds, rows)
        if first < stop:
            inside_pixels(job, place, first, stop)
        if not (in_one_run and whole and anywhere(job.rule)):  # else all that has a weight is in the run
            sides = ((start, first), (stop, end)) if first < stop else ((start, end), (end, end))
            for left, right in sides:
                edge_pixels(job, place, left, right)
        start = end


@jit.inline
def place_of(job, n, m, i, column):
    """The place of a strip that begins at a column of row i of output n, and gives to gradient m."""
    image, d_out = job.image, job.d_out
    ahead = rows_ahead(job.rule, job.source, n * job.steps[1], to_next(job.rule.y_axis, image.y_step))
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
        moved = prepare_positions(rule, source, k, i, start, columns, rows, together)
        run = np.int64(0), count, True
        if together == 1:
            run = inside_run(source, k, i, start, job.bounds, 0, count, rows)
        gradient_strip(job, place, run, count)
        if job.by_grid and moved:
            take_signs(count, rows, job.zero)
        if job.by_grid and source.kind == AFFINE:
            pull_back_affine(i, start, count, rows, job.zero, d_grid.partial)
        elif job.by_grid:
            quiet_positions(count, rows, job.zero)
            for r in range(together):
                pull_back_strip(job, d_grid, k, n, i + r, start, r * columns, columns)


@jit.inline
def pull_back_strip(job, d_grid, k, n, i, first, skipped, count):
    """The gradient by the grid's own numbers from `count` pixels of a strip, those behind the first so many."""
    (_, h, w, _), rows, zero = job.size, job.rows, job.zero
    dense = d_grid.dense + 2 * (n * h + i) * w * size_of(d_grid.like), d_grid.like
    position_bytes, product_bytes = 8 * skipped, size_of(zero) * skipped
    positions = rows.xs + position_bytes, rows.ys + position_bytes
    gradients = rows.gx + product_bytes, rows.gy + product_bytes
    sums = rows.dx, rows.dy, rows.dz
    pull_back_row(job.source, k, i, first, count, positions, gradients, sums, zero, dense, d_grid.partial)


@jit.inline
def gradient_rows(job, d_grid, n, m, first_row, last_row, together):
    """Both gradients from some rows of output n, tile by tile."""
    w = job.size[2]
    for above in range(first_row, last_row, TILE_ROWS):
        for left in range(0, w, STRIP):
            right, i, below = min(left + STRIP, w), above, min(above + TILE_ROWS, last_row)
            if not tile_is_near(job.rule, job.source, n * job.steps[1], above, below, left, right, job.top, job.bottom):
                continue
            while i < below:
                count = min(together, below - i)
                gradient_columns(job, d_grid, n, m, i, count, left, right)
                i += count


@jit.inline
def gradient_of_piece(item, pieces, image, source, rule, steps, size, rows, wanted, d_out, d_image, d_dense, partials, zero):
    """Gradients from one piece: a band of rows of an image, or, for the grid alone, a block of rows of an output."""
    (by_image, by_grid), (batch, h, w, C), H = wanted, size, np.int64(rule.y_axis[SIZE])
    who, piece = item // pieces, item % pieces
    first_row, last_row, top, bottom, start, stop = 0, h, 0, H, who, who + 1
    if by_image:
        top, bottom = piece * H // pieces, (piece + 1) * H // pieces
        if steps[0] == 0:
            start, stop = 0, batch
    else:
        first_row, last_row = piece * h // pieces, (piece + 1) * h // pieces
    bounds = inside_bounds(rule, top, bottom)
    job = Job(rule, source, image, d_out, d_image, by_image, by_grid, top, bottom, bounds, steps, size, rows, zero)
    together = rows_together(rule, image, d_out, w, C) if pieces == 1 else np.int64(1)
    for n in range(start, stop):
        partial = address_of(partials) + 8 * partials.shape[1] * (n * pieces + piece)
        d_grid = GridGradient(address_of(d_dense), d_dense.dtype.type(0), partial)
        gradient_rows(job, d_grid, n, who if by_image else 0, first_row, last_row, together)


@jit.inline
def gradient_task(
    task, tasks, items, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image, d_dense, partials
):
    """Gradients of one task: some images, or pieces of images, one after the other."""
    image, d_out, d_image = Image(*image), Image(*d_out), Image(*d_image)
    rule, source, zero = rule_by_address(rule), by_address(source), work.dtype.type(0)
    memory = scratch(rule)
    rows = row_addresses(rule, memory)
    if by_grid:
        number_pixels(size[2], rows_together(rule, image, d_out, size[2], size[3]), rows)
    for item in range(task * items // tasks, (task + 1) * items // tasks):
        gradient_of_piece(
            item, pieces, image, source, rule, steps, size, rows, (by_image, by_grid), d_out, d_image, d_dense, partials, zero
        )
    hold(memory)


@jit.serial
def gradient_serial(
    tasks, items, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image, d_dense, partials
):
    for task in range(tasks):
        gradient_task(
            task, tasks, items, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image,
            d_dense, partials,
        )  # fmt: skip


@jit.parallel
def gradient_parallel(
    tasks, items, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image, d_dense, partials
):
    for task in prange(tasks):
        gradient_task(
            task, tasks, items, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image,
            d_dense, partials,
        )  # fmt: skip
