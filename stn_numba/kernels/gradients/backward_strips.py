"""Both gradients from a strip of output pixels, see `backward`: those inside the image together, the others alone."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import MODE, REFLECT, SIZE, STEP
from stn_numba.kernels.gradients.grid_gradient import edge_gradient, inside_gradients
from stn_numba.kernels.gradients.image_gradient import edge_shares, inside_shares
from stn_numba.kernels.gradients.positions_vjp import is_own
from stn_numba.kernels.gradients.single_channel import give_plane, plane_gradients
from stn_numba.kernels.sampling.edge_taps import FARTHEST, both_edge_taps
from stn_numba.kernels.sampling.interior import is_far, near_lines, next_piece
from stn_numba.kernels.sampling.positions import Source
from stn_numba.kernels.sampling.strips import anywhere, is_plane
from stn_numba.kernels.sampling.taps import farthest_behind, fetch_ahead, inside_taps, offsets_row
from stn_numba.kernels.sampling.workspace import RowsType, Rule, to_next
from stn_numba.kernels.simd.finite import gradients_finite, pixels_finite
from stn_numba.kernels.simd.load_store import Image, size_of
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import found, position, positions, put_product
from stn_numba.kernels.simd.vectors import EIGHT, ONE, TWO, lanes_between, smaller, spread


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
    rows: RowsType
    zero: Any
    d_total: Image
    sum_after: int
    reach: int  # see `runs.tile_is_near`


class Place(NamedTuple):
    """Where a strip reads and writes: the first elements of its image, of that image's gradient, and of its own in d_out."""

    image: int
    d_image: int
    d_out: int
    ahead: int  # see `taps.rows_ahead`


@jit.inline
def inside_pixels(job, place, first, stop):
    """Both gradients from the pixels [first, stop) of a strip, whose taps all lie inside.

    Returns (finite, done): whether all gradients by positions are finite, and whether those by the image are done. Where d_out
    is not finite they are left to `edge_pixels`, which gives nothing by a weight of zero.
    """
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
        return plane_pixels(job, place, first, stop, offsets)
    if job.by_grid:
        inside_gradients(rule, image, place.image, place.ahead, d_out, place.d_out, first, stop, rows, zero, C)
    finite = not job.by_grid or gradients_finite(first, stop, rows, zero)
    done = d_out_finite(job, place, first, stop, finite)
    if job.by_image and done:
        inside_shares(rule, d_image, place.d_image, place.ahead, d_out, place.d_out, first, stop, rows, offsets, zero, C)
    return finite, done


@jit.inline
def d_out_finite(job, place, first, stop, finite):
    """Whether d_out is finite, where that matters: surely so, if the gradients by positions, of which it is a factor, are."""
    known = job.by_grid and finite
    d_row = place.d_out + first * job.d_out.x_step
    return known or not job.by_image or pixels_finite(job.d_out, d_row, stop - first, job.size[3], job.zero)


@jit.inline
def plane_pixels(job, place, first, stop, offsets):
    """As `inside_pixels`, channel by channel."""
    rule, image, d_image, d_out, rows, zero = job.rule, job.image, job.d_image, job.d_out, job.rows, job.zero
    one, like, wanted = type(zero)(1), image.like, (job.by_image, job.by_grid)
    axes = (rule.x_axis[SIZE], one), (rule.y_axis[SIZE], one), farthest_behind(rule.x_axis)
    down = to_next(rule.y_axis, image.y_step)
    d_across, d_down = to_next(rule.x_axis, d_image.x_step), to_next(rule.y_axis, d_image.y_step)
    if job.by_grid:
        fetch_ahead(place.ahead, place.image, to_next(rule.x_axis, image.x_step), down, first, stop, rows.offsets)
    if job.by_image:
        fetch_ahead(place.ahead, place.d_image, d_across, d_down, first, stop, offsets)
    finite, C = True, job.size[3]
    done = True if C == 1 else d_out_finite(job, place, first, stop, False)
    for c in range(C):
        source, target = place.image + c * image.c_step, place.d_image + c * d_image.c_step
        d_row, step = place.d_out + c * d_out.c_step, d_out.x_step
        plane_gradients(axes, like, source, down, d_row, step, wanted, first, stop, rows, zero, c > 0)
        if job.by_grid:
            finite = gradients_finite(first, stop, rows, zero)
        if C == 1:
            done = d_out_finite(job, place, first, stop, finite)
        if job.by_image and done and d_across == size_of(like):
            give_plane(target, d_across, d_down, like, first, stop, rows, offsets, zero, TWO)
        elif job.by_image and done:
            give_plane(target, d_across, d_down, like, first, stop, rows, offsets, zero, ONE)
    return finite, done


@jit.inline
def own_rows(job, skipped):
    """What `pull_back.is_own` asks for, behind the first so many pixels of a strip."""
    return job.rows.y_places + 8 * skipped, job.rule.y_axis[SIZE], job.top, job.bottom


@jit.aside
def edge_pixels(job, place, start, first, stop, end, finite, done):
    """Both gradients from the pixels from `start` to `end` that are not in [first, stop), one by one.

    Of those in [first, stop) the gradients by positions that came out as NaN, unless all are `finite`, and those by the image,
    unless they are `done`: zero times a number that is not finite is to be nothing.
    """
    rule, d_out, rows, zero, C, j = job.rule, job.d_out, job.rows, job.zero, job.size[3], start
    (above, below), own = near_lines(rule, job.top, job.bottom), own_rows(job, 0)
    while j < end:
        inside = first <= j < stop
        if inside and finite and done:
            j = stop
            continue
        lines = smaller(positions(rows.y_places, 0.0, j, EIGHT), spread(FARTHEST, EIGHT))  # infinite ones may read the last row
        if not inside and lanes_between(lines, above, below + 1.0) == 0:
            j = least(j + 8, first if j < first else end)  # none of the eight reads the piece's rows
            continue
        gx, gy = found(rows.gx, zero, j), found(rows.gy, zero, j)
        by_grid = job.by_grid and ((gx != gx or gy != gy) if inside else is_own(own, j))
        by_image = job.by_image and not (inside and done)
        if not is_far(rule, j, rows) and (by_grid or by_image):
            d_pixel = place.d_out + j * d_out.x_step
            mirrored = rule.x_axis[MODE] == REFLECT
            both_edge_taps(rule, position(rows.x_places, 0.0, j), position(rows.y_places, 0.0, j), rows, zero, mirrored)
            if by_image:
                edge_shares(rule, job.d_image, place.d_image, d_out, d_pixel, job.top, job.bottom, rows, zero, C)
            if by_grid:
                edge_gradient(rule, job.image, place.image, d_out, d_pixel, j, rows, zero, C)
        j += 1


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
        finite = done = True
        if first < stop:
            finite, done = inside_pixels(job, place, first, stop)
        left, right = start, end
        if in_one_run and whole and anywhere(job.rule):  # all that has a weight is in the run
            left, right = first, stop
        if left < first or stop < right or not (finite and done):
            edge_pixels(job, place, left, first, stop, right, finite, done)
        start = end
