"""The kernel `sample`: read an image at the positions of a grid, the forward pass.

Output rows are cut into strips, and a strip into its interior, which is vectorized, and edges, done pixel by pixel. Work is
shared as tasks of some rows each; no two write the same pixel, so results do not depend on the number of threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import AFFINE, BILINEAR, FILL_OUTSIDE, FILL_TAPS, NO_FILL, SIZE, STEP, STRIP, TILE_ROWS
from stn_numba.kernels.sampling.edge_taps import edge_taps_of_pixel, interpolate_edge
from stn_numba.kernels.sampling.gathered import gathered_pixels
from stn_numba.kernels.sampling.interior import (
    columns_in_reach,
    find_interior,
    interior_bits,
    interior_bounds,
    is_interior,
    next_segment,
    reads_nothing,
)
from stn_numba.kernels.sampling.interpolate import pixels, pixels_of_plane
from stn_numba.kernels.sampling.packed_pixels import packed_pixels
from stn_numba.kernels.sampling.positions import GridSource
from stn_numba.kernels.sampling.strips import (
    image_and_row,
    image_count,
    interior_everywhere,
    is_packed_bytes,
    is_plane,
    rows_together,
    strip_positions,
)
from stn_numba.kernels.sampling.taps import bytes_ahead, interior_taps, prefetch_taps
from stn_numba.kernels.sampling.workspace import Sampler, WorkspaceType, to_next, workspace, workspace_bytes
from stn_numba.kernels.simd.load_store import Image, is_float, size_of, store
from stn_numba.kernels.simd.raw import load_back
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import allocate, get_position, get_tap, release
from stn_numba.kernels.simd.vectors import FOUR, ONE, SIXTEEN, TWO, full


class Job(NamedTuple):
    """What all strips of a call have in common."""

    sampler: Sampler
    grid: GridSource
    image: Image
    out: Image
    bounds: tuple[float, float, float, float]  # see `interior_bounds`
    steps: tuple[int, int]
    size: tuple[int, int, int, int]
    work: WorkspaceType
    zero: Any


class Place(NamedTuple):
    """Where a strip reads and writes: the first elements of its image, and of its own in the output."""

    image: int
    out: int
    ahead: int  # see `taps.bytes_ahead`
    on_a_line: bool  # whether positions rise or fall from one pixel to the next


@jit.inline
def interior_pixels(job, place, first, stop):
    """Write the pixels [first, stop) of a strip, whose taps all lie inside the image; return whether all are finite."""
    sampler, image, out, work, zero, C = job.sampler, job.image, job.out, job.work, job.zero, job.size[3]
    K, family, dtype = sampler.K, sampler.family, image.dtype
    across, down = to_next(sampler.x_axis, sampler.x_axis[STEP]), to_next(sampler.y_axis, sampler.y_axis[STEP])
    if is_packed_bytes(sampler, image, out, C):
        packed_pixels(sampler, place.image, place.ahead, down, dtype, first, stop, work, out, place.out, C)
        return True
    check, first = gathered_pixels(job, place, first, stop)
    if first == stop:
        return check - check == zero
    plane = is_plane(sampler, image, out, C)
    interior_taps(sampler, first, stop, work, False, type(zero)(1))
    prefetch_taps(place.ahead, place.image, across, down, first, stop, work.offsets)
    if plane:
        for c in range(C):
            source, target = place.image + c * image.c_step, place.out + c * out.c_step
            check += pixels_of_plane(sampler.gathers, source, down, dtype, first, stop, work, zero, out, target)
    elif family == BILINEAR:
        check += pixels(TWO, K, image, place.image, across, down, first, stop, work, zero, out, place.out, C)
    elif K == 4:
        check += pixels(FOUR, K, image, place.image, across, down, first, stop, work, zero, out, place.out, C)
    else:
        check += pixels(ONE, K, image, place.image, across, down, first, stop, work, zero, out, place.out, C)
    return check - check == zero


@jit.inline
def edge_pixel(job, place, j, only_nan):
    """Write pixel j of a strip, wherever it lies; `only_nan`: just the channels that came out as NaN."""
    sampler, image, out, work, zero, share = job.sampler, job.image, job.out, job.work, job.zero, job.zero
    total, x = edge_taps_of_pixel(sampler, j, work, zero, False), get_position(work.x_padded, j)
    if sampler.fill_mode == FILL_TAPS:
        share = type(zero)(1) - total  # of the fill value
    elif sampler.fill_mode == FILL_OUTSIDE and x != x:
        share = type(zero)(1)
    for c in range(job.size[3]):
        target = place.out + j * out.x_step + c * out.c_step
        before = load_back(target, out.dtype)
        if not only_nan or before != before:
            start = share * get_tap(sampler.fill, zero, c) if share != zero else zero
            store(target, out.dtype, interpolate_edge(sampler.K, image, place.image + c * image.c_step, work, start, zero))


@jit.inline
def clear(out, zero, C, target, count):
    """Write zeros to `count` pixels of a row from an address on."""
    size = size_of(out.dtype)
    if out.x_step == C * size and out.c_step == size:
        k, total = 0, count * C
        while k + 16 <= total:
            store(target + k * size, out.dtype, full(SIXTEEN, zero))
            k += 16
        while k < total:
            store(target + k * size, out.dtype, zero)
            k += 1
    else:
        for j in range(count):
            for c in range(C):
                store(target + j * out.x_step + c * out.c_step, out.dtype, zero)


@jit.inline
def clear_outside(bounds, work, out, zero, C, target, count):
    """Write zeros to float pixels whose taps have no weight: a weight of zero makes -0 of a negative pixel."""
    for j in range(0, count, 8):
        if interior_bits(bounds, j, work) != 255:
            for k in range(j, least(j + 8, count)):
                if not is_interior(bounds, k, work):
                    clear(out, zero, C, target + k * out.x_step, 1)


@jit.rare
def edge_pixels(job, place, start, first, stop, end, finite):
    """Write the pixels [start, end) but for the interior [first, stop); neighbors that read nothing are cleared together.

    In the interior those that came out as NaN are done again, unless all are `finite`.
    """
    sampler, j = job.sampler, start
    while j < end:
        inside = first <= j < stop
        if inside and finite:
            j = stop
            continue
        behind, limit = j, first if j < first else end
        while not inside and sampler.fill_mode == NO_FILL and behind < limit and reads_nothing(sampler, behind, job.work):
            behind += 1
        if behind > j:
            clear(job.out, job.zero, job.size[3], place.out + j * job.out.x_step, behind - j)
            j = behind
        else:
            edge_pixel(job, place, j, inside)
            j += 1


@jit.inline
def sample_strip(job, place, interior, count):
    """Write the pixels of a strip."""
    out, zero, C, start = job.out, job.zero, job.size[3], 0
    while start < count:
        first, stop, end, complete = next_segment(interior, start, count, job.bounds, job.work)
        finite = True
        if first < stop:
            finite = interior_pixels(job, place, first, stop)
        left, right = start, end
        if interior_everywhere(job.sampler) and complete:  # all pixels that have a weight are interior
            clear(out, zero, C, place.out + start * out.x_step, first - start)
            clear(out, zero, C, place.out + stop * out.x_step, end - stop)
            left, right = first, stop
        if left < first or stop < right or not finite:
            edge_pixels(job, place, left, first, stop, right, finite)
        start = end


@jit.inline
def sample_columns(job, n, i, together, left, right, target):
    """Write columns [left, right) of output row i of image n, or of some rows together; the row begins at `target`."""
    sampler, grid, out, work, zero, C = job.sampler, job.grid, job.out, job.work, job.zero, job.size[3]
    start, stop, k = left, right, n * job.steps[1]
    if sampler.fill_mode == NO_FILL and together == 1:
        start, stop = columns_in_reach(sampler, grid, k, i, left, right, 0, np.int64(sampler.y_axis[SIZE]))
    clear(out, zero, C, target + left * out.x_step, start - left)
    if start < stop:
        strip_positions(sampler, grid, k, i, start, stop - start, work, together, False)
        count = (stop - start) * together
        interior = np.int64(0), count, True
        if together == 1:
            interior = find_interior(grid, k, i, start, job.bounds, count, work)
        ahead = bytes_ahead(sampler.y_axis, grid, k, to_next(sampler.y_axis, job.image.y_step), image_count(job))
        on_a_line = grid.kind == AFFINE and together == 1 and work.x == work.x_padded
        place = Place(job.image.address + n * job.steps[0] * job.image.n_step, target + start * out.x_step, ahead, on_a_line)
        sample_strip(job, place, interior, count)
        if together > 1 and is_float(out.dtype) and not is_plane(sampler, job.image, out, C):
            clear_outside(job.bounds, work, out, zero, C, place.out, count)
    clear(out, zero, C, target + stop * out.x_step, right - stop)


@jit.inline
def sample_rows(job, first_row, last_row):
    """Write some of the rows of all outputs, tile by tile."""
    (_, h, w, C), out = job.size, job.out
    together, top = rows_together(job.sampler, job.image, out, w, C, 4), first_row
    while top < last_row:
        # no strip reaches into the next image
        bottom = least(top + TILE_ROWS if together == 1 else (top // h + 1) * h, last_row)
        for left in range(0, w, STRIP):
            right, row = least(left + STRIP, w), top
            while row < bottom:
                n, i = image_and_row(row, job.grid, job.size)
                count = least(together, bottom - row)
                sample_columns(job, n, i, count, left, right, out.address + n * out.n_step + i * out.y_step)
                row += count
        top = bottom


@jit.tasks
def sample(first, stop, tasks, image, grid, sampler, steps, size, zero, out):
    """Read an image into an output of `size` (N, h, w, C), whose numbers are computed as the dtype of `zero`.

    `steps` = (image_step, grid_step) are 1, or 0 where one image serves all grids or one grid all images.
    """
    sampler, rows = Sampler(*sampler), size[0] * size[1]
    memory = allocate(workspace_bytes(sampler))
    if memory:
        bounds, work = interior_bounds(sampler, 0, np.int64(sampler.y_axis[SIZE])), workspace(sampler, memory)
        job = Job(sampler, GridSource(*grid), Image(*image), Image(*out), bounds, steps, size, work, zero)
        for task in range(first, stop):
            sample_rows(job, task * rows // tasks, (task + 1) * rows // tasks)
        release(memory)
    return memory != 0
