"""Gradients of <d_out, out> by image and grid: strips of output, as in the forward pass, both while a strip is at hand.

Several output pixels may add to one input pixel. So a task is an image, or, of few large images, a band of input rows of
one: it keeps to the taps in its band, no two tasks write one pixel, and the order of the additions does not depend on
the number of threads. For the gradient by the grid alone a task is a block of output rows of one image.

Kernels take images as the tuples of `kernels.memory`, a source as `kernels.positions` describes it, a rule as `kernels.rows`
does; `steps` and `size` are those of `kernels.forward`. `d_dense` (N h, w, 2) gets the gradient by a dense grid, `partials` of
the other kinds that of each piece of each output.

A sum of float32 stops growing at 2**24. So where more outputs than that may give to one pixel, `d_image` is emptied into the
float64 of `d_total` after every so many output rows (`rows_a_sum`; 0 for never), and at the end.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import prange

from stn_numba.kernels import jit
from stn_numba.kernels.edges import MODE, SIZE, STEP, ZEROS, both_edge_taps
from stn_numba.kernels.grid_gradient import edge_gradient, inside_gradients
from stn_numba.kernels.image_gradient import edge_shares, inside_shares
from stn_numba.kernels.memory import Image, accumulate, address_of, hold, load, load_back, load_one, size_of, store_one
from stn_numba.kernels.plane_gradient import give_plane, plane_gradients
from stn_numba.kernels.positions import AFFINE, Source, by_address
from stn_numba.kernels.pull_back import pull_back_affine, pull_back_row
from stn_numba.kernels.rows import STRIP, Rows, Rule, number_pixels, row_addresses, rule_by_address, scratch, to_next
from stn_numba.kernels.runs import inside_run, is_far, near_columns, next_piece, slope_bounds, tile_is_near
from stn_numba.kernels.scratch import found, position, products, put_position, put_product
from stn_numba.kernels.strips import TILE_ROWS, anywhere, is_plane, prepare_positions, rows_together, take_signs
from stn_numba.kernels.taps import fetch_ahead, fetch_row, inside_taps, offsets_row, rows_ahead
from stn_numba.kernels.vectors import EIGHT, ONE, TWO, add_product, lane_sum, not_numbers, plus, spread


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
    bounds: tuple[float, float, float, float]  # see `runs.slope_bounds`
    steps: tuple[int, int]
    size: tuple[int, int, int, int]
    rows: Rows
    zero: Any
    d_total: Image
    rows_a_sum: int


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
    elif job.by_grid:
        inside_gradients(rule, image, place.image, place.ahead, d_out, place.d_out, first, stop, rows, zero, C)
    if job.by_image and not plane:
        inside_shares(rule, d_image, place.d_image, place.ahead, d_out, place.d_out, first, stop, rows, offsets, zero, C)


@jit.inline
def all_numbers(first, stop, rows, zero):
    """Whether none of the gradients by the positions [first, stop) came out as NaN."""
    for j in range(first, stop, 8):
        bits = not_numbers(plus(products(rows.gx, zero, j, EIGHT), products(rows.gy, zero, j, EIGHT)))
        if bits & ((1 << min(stop - j, 8)) - 1):
            return False
    return True


@jit.inline
def is_finite(d_out, address, count, C, zero):
    """Whether a strip of d_out holds finite numbers only."""
    size, check = size_of(d_out.like), zero
    runs, length, step = C, count, d_out.c_step
    if d_out.c_step == size and d_out.x_step == C * size:  # pixels side by side are one run of numbers
        runs, length, step = 1, count * C, 0
    elif d_out.x_step != size:
        runs, length, step = C * count, 1, 0
    for k in range(runs):
        row = address + k * step if length > 1 else address + k % C * d_out.c_step + k // C * d_out.x_step
        total, j = spread(zero, EIGHT), 0
        while j + 8 <= length:
            total = add_product(total, load(row + j * size, d_out.like, EIGHT), spread(zero, EIGHT))
            j += 8
        check += lane_sum(total)
        while j < length:
            check += zero * load_one(row + j * size, d_out.like)
            j += 1
    return check == zero


@jit.inline
def plane_pixels(job, place, first, stop, offsets):
    """As `inside_pixels`, channel by channel."""
    rule, image, d_image, d_out, rows, zero = job.rule, job.image, job.d_image, job.d_out, job.rows, job.zero
    one, like, wanted = type(zero)(1), image.like, (job.by_image, job.by_grid)
    axes = (rule.x_axis[SIZE], one), (rule.y_axis[SIZE], one), rule.x_axis[MODE] == ZEROS
    down = to_next(rule.y_axis, image.y_step)
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
def edge_pixels(job, place, start, first, stop, end, numbers):
    """Both gradients from the pixels from `start` to `end` that are not in [first, stop), one by one.

    And the gradients by the positions in [first, stop) that came out as NaN, unless all are `numbers`: zero times a NaN or an
    infinite pixel is to be nothing.
    """
    rule, d_out, rows, zero, C, j = job.rule, job.d_out, job.rows, job.zero, job.size[3], start
    while j < end:
        inside = first <= j < stop
        if inside and numbers:
            j = stop
            continue
        gx, gy = found(rows.gx, zero, j), found(rows.gy, zero, j)
        if not is_far(rule, j, rows) and (not inside or gx != gx or gy != gy):
            d_pixel = place.d_out + j * d_out.x_step
            both_edge_taps(rule, position(rows.x_places, 0.0, j), position(rows.y_places, 0.0, j), rows, zero)
            if job.by_image and not inside:
                edge_shares(rule, job.d_image, place.d_image, d_out, d_pixel, job.top, job.bottom, rows, zero, C)
            if job.by_grid and (inside or is_own(job, j)):
                edge_gradient(rule, job.image, place.image, d_out, d_pixel, j, rows, zero, C)
        j += 1


@jit.inline
def gradient_strip(job, place, run, count):
    """Both gradients from the pixels of a strip: those inside in one run, the others one by one."""
    rows, whole = job.rows, job.top == 0 and job.bottom == job.rule.y_axis[SIZE]
    first, stop, in_one_run = run
    finite = not job.by_image or is_finite(job.d_out, place.d_out, count, job.size[3], job.zero)
    cleared = count // 8 * 8 if finite and in_one_run and first == 0 and stop == count else 0
    for j in range(cleared, (count + 7) // 8 * 8):
        put_product(rows.gx, j, job.zero)
        put_product(rows.gy, j, job.zero)
    start = 0
    while start < count:
        if finite:
            first, stop, end, in_one_run = next_piece(run, start, count, job.bounds, rows)
        else:  # tap by tap, so that a weight of zero gives nothing
            first, stop, end, in_one_run = count, count, count, False
        numbers = True
        if first < stop:
            inside_pixels(job, place, first, stop)
            numbers = not job.by_grid or all_numbers(first, stop, rows, job.zero)
        left, right = start, end
        if in_one_run and whole and anywhere(job.rule):  # all that has a weight is in the run
            left, right = first, stop
        edge_pixels(job, place, left, first, stop, right, numbers)
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
def gradient_rows(job, d_grid, n, m, first_row, last_row, together, since):
    """Both gradients from some rows of output n, tile by tile; return how many rows there were since the last sum."""
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
        since += min(TILE_ROWS, last_row - above)
        if job.rows_a_sum > 0 and since >= job.rows_a_sum:
            empty_into_total(job, m)
            since = 0
    return since


@jit.inline
def gradient_of_piece(
    item, pieces, image, source, rule, steps, size, rows, wanted, d_out, d_image, d_total, rows_a_sum, d_dense, partials, zero
):
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
    bounds = slope_bounds(rule, top, bottom)
    job = Job(rule, source, image, d_out, d_image, by_image, by_grid, top, bottom, bounds, steps, size, rows, zero, d_total, rows_a_sum)  # fmt: skip
    together = rows_together(rule, image, d_out, w, C) if pieces == 1 else np.int64(1)
    since, m = 0, who if by_image else 0
    for n in range(start, stop):
        partial = address_of(partials) + 8 * partials.shape[1] * (n * pieces + piece)
        d_grid = GridGradient(address_of(d_dense), d_dense.dtype.type(0), partial)
        since = gradient_rows(job, d_grid, n, m, first_row, last_row, together, since)
    if rows_a_sum > 0:
        empty_into_total(job, m)


@jit.inline
def gradient_task(
    task, tasks, items, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image, d_total, rows_a_sum,
    d_dense, partials,
):  # fmt: skip
    """Gradients of one task: some images, or pieces of images, one after the other."""
    image, d_out, d_image, d_total = Image(*image), Image(*d_out), Image(*d_image), Image(*d_total)
    rule, source, zero = rule_by_address(rule), by_address(source), work.dtype.type(0)
    memory = scratch(rule)
    rows = row_addresses(rule, memory)
    if by_grid:
        number_pixels(size[2], rows_together(rule, image, d_out, size[2], size[3]), rows)
    for item in range(task * items // tasks, (task + 1) * items // tasks):
        gradient_of_piece(
            item, pieces, image, source, rule, steps, size, rows, (by_image, by_grid), d_out, d_image, d_total, rows_a_sum,
            d_dense, partials, zero,
        )  # fmt: skip
    hold(memory)


@jit.serial
def gradient_serial(
    tasks, items, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image, d_total, rows_a_sum,
    d_dense, partials,
):  # fmt: skip
    for task in range(tasks):
        gradient_task(
            task, tasks, items, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image,
            d_total, rows_a_sum, d_dense, partials,
        )  # fmt: skip


@jit.parallel
def gradient_parallel(
    tasks, items, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image, d_total, rows_a_sum,
    d_dense, partials,
):  # fmt: skip
    for task in prange(tasks):
        gradient_task(
            task, tasks, items, pieces, by_image, by_grid, image, source, rule, steps, size, work, d_out, d_image,
            d_total, rows_a_sum, d_dense, partials,
        )  # fmt: skip
