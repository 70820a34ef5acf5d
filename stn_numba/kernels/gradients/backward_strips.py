"""Both gradients from a strip of output pixels: its interior is vectorized, edges are done pixel by pixel. See `backward`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import MODE, REFLECT, SIZE, STEP
from stn_numba.kernels.gradients.grid_gradient import edge_gradient, interior_gradients
from stn_numba.kernels.gradients.image_gradient import scatter_edge, scatter_interior
from stn_numba.kernels.gradients.positions_vjp import is_in_band
from stn_numba.kernels.gradients.single_channel import plane_gradients, scatter_plane
from stn_numba.kernels.sampling.edge_taps import edge_taps_of_pixel
from stn_numba.kernels.sampling.interior import next_segment, reads_nothing, y_reach
from stn_numba.kernels.sampling.padding import FARTHEST
from stn_numba.kernels.sampling.positions import GridSource
from stn_numba.kernels.sampling.strips import interior_everywhere, is_plane
from stn_numba.kernels.sampling.taps import interior_taps, prefetch_taps, tap_offsets
from stn_numba.kernels.sampling.workspace import Sampler, WorkspaceType, to_next
from stn_numba.kernels.simd.finite import gradients_finite, pixels_finite
from stn_numba.kernels.simd.lanes import mask_bits
from stn_numba.kernels.simd.load_store import Image, size_of
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import get_position, get_product, put_product
from stn_numba.kernels.simd.vectors import EIGHT, ONE, TWO, minimum


class Job(NamedTuple):
    """What all strips of a piece have in common."""

    sampler: Sampler
    grid: GridSource
    image: Image
    d_out: Image
    d_image: Image
    by_image: bool
    by_grid: bool
    top: int  # rows [top, bottom) of the image that the piece may add to
    bottom: int
    bounds: tuple[float, float, float, float]  # see `interior_bounds_of_slopes`
    steps: tuple[int, int]
    size: tuple[int, int, int, int]
    work: WorkspaceType
    zero: Any
    d_total: Image
    sum_after: int
    y_ranges: int  # see `tile_is_in_reach`


class Place(NamedTuple):
    """Where a strip reads and writes: the first elements of its image, of that image's gradient, and of its own in d_out."""

    image: int
    d_image: int
    d_out: int
    ahead: int  # see `taps.bytes_ahead`


@jit.inline
def interior_pixels(job, place, first, stop):
    """Both gradients from the pixels [first, stop) of a strip, whose taps all lie inside.

    Returns (finite, done): whether all gradients by positions are finite, and whether those by the image are done. Where d_out
    is not finite they are left to `edge_pixels`, which adds nothing for a weight of zero.
    """
    sampler, image, d_image, work, zero = job.sampler, job.image, job.d_image, job.work, job.zero
    plane, offsets = is_plane(sampler, image, job.d_out, job.size[3]), work.offsets
    if plane:
        tap_offsets(sampler, sampler.x_axis[STEP], sampler.y_axis[STEP], first, stop, work, offsets)
    else:
        interior_taps(sampler, first, stop, work, job.by_grid, type(zero)(1))
    if job.by_image and (d_image.y_step != image.y_step or d_image.x_step != image.x_step):
        offsets = work.d_offsets
        tap_offsets(sampler, np.float64(d_image.x_step), np.float64(d_image.y_step), first, stop, work, offsets)
    if plane:
        return plane_pixels(job, place, first, stop, offsets)
    if job.by_grid:
        interior_gradients(job, place, first, stop)
    finite = not job.by_grid or gradients_finite(first, stop, work, zero)
    done = d_out_finite(job, place, first, stop, finite)
    if job.by_image and done:
        scatter_interior(job, place, first, stop, offsets)
    return finite, done


@jit.inline
def d_out_finite(job, place, first, stop, finite):
    """Whether d_out is finite, where that matters: it is if the gradients by positions, of which it is a factor, are."""
    known = job.by_grid and finite
    d_row = place.d_out + first * job.d_out.x_step
    return known or not job.by_image or pixels_finite(job.d_out, d_row, stop - first, job.size[3], job.zero)


@jit.inline
def plane_pixels(job, place, first, stop, offsets):
    """As `interior_pixels`, channel by channel."""
    sampler, image, d_image, work, zero = job.sampler, job.image, job.d_image, job.work, job.zero
    dtype, C, finite, down = image.dtype, job.size[3], True, to_next(sampler.y_axis, image.y_step)
    d_across, d_down = to_next(sampler.x_axis, d_image.x_step), to_next(sampler.y_axis, d_image.y_step)
    if job.by_grid:
        across = to_next(sampler.x_axis, image.x_step)
        prefetch_taps(place.ahead, place.image, across, down, first, stop, work.offsets)
    if job.by_image:
        prefetch_taps(place.ahead, place.d_image, d_across, d_down, first, stop, offsets)
    done = True if C == 1 else d_out_finite(job, place, first, stop, False)
    for c in range(C):
        target, d_row = place.d_image + c * d_image.c_step, place.d_out + c * job.d_out.c_step
        plane_gradients(job, place.image + c * image.c_step, down, d_row, first, stop, c > 0)
        if job.by_grid:
            finite = gradients_finite(first, stop, work, zero)
        if C == 1:
            done = d_out_finite(job, place, first, stop, finite)
        if job.by_image and done and d_across == size_of(dtype):
            scatter_plane(target, d_across, d_down, dtype, first, stop, work, offsets, zero, TWO)
        elif job.by_image and done:
            scatter_plane(target, d_across, d_down, dtype, first, stop, work, offsets, zero, ONE)
    return finite, done


@jit.inline
def band_of(job, skipped):
    """The band that `positions_vjp.is_in_band` asks for, from pixel `skipped` of a strip on."""
    return job.work.y_padded + 8 * skipped, job.sampler.y_axis[SIZE], job.top, job.bottom


@jit.rare
def edge_pixels(job, place, start, first, stop, end, finite, done):
    """Both gradients from the pixels [start, end) but for the interior [first, stop), one by one.

    In the interior gradients by positions that came out as NaN are computed again, unless all are `finite`, and those by the
    image, unless they are `done`: zero times a number that is not finite is to be nothing.
    """
    sampler, work, zero, j = job.sampler, job.work, job.zero, start
    (above, below), band = y_reach(sampler, job.top, job.bottom), band_of(job, 0)
    while j < end:
        inside = first <= j < stop
        if inside and finite and done:
            j = stop
            continue
        lines = minimum(get_position(work.y_padded, j, EIGHT), FARTHEST)  # infinite ones may read the last row
        if not inside and mask_bits((lines >= above) & (lines < below + 1.0)) == 0:
            j = least(j + 8, first if j < first else end)  # none of the eight reads the piece's rows
            continue
        gx, gy = get_product(work.gx, zero, j), get_product(work.gy, zero, j)
        by_grid = job.by_grid and ((gx != gx or gy != gy) if inside else is_in_band(band, j))
        by_image = job.by_image and not (inside and done)
        if not reads_nothing(sampler, j, work) and (by_grid or by_image):
            d_pixel = place.d_out + j * job.d_out.x_step
            edge_taps_of_pixel(sampler, j, work, zero, sampler.x_axis[MODE] == REFLECT)
            if by_image:
                scatter_edge(job, place, d_pixel)
            if by_grid:
                edge_gradient(job, place, d_pixel, j)
        j += 1


@jit.inline
def gradient_strip(job, place, interior, count):
    """Both gradients from the pixels of a strip."""
    work, whole = job.work, job.top == 0 and job.bottom == job.sampler.y_axis[SIZE]
    first, stop, complete = interior
    cleared = count // 8 * 8 if complete and first == 0 and stop == count else 0
    for j in range(cleared, (count + 7) // 8 * 8):
        put_product(work.gx, j, job.zero)
        put_product(work.gy, j, job.zero)
    start = 0
    while start < count:
        first, stop, end, complete = next_segment(interior, start, count, job.bounds, work)
        finite = done = True
        if first < stop:
            finite, done = interior_pixels(job, place, first, stop)
        left, right = start, end
        if complete and whole and interior_everywhere(job.sampler):  # all pixels that have a weight are interior
            left, right = first, stop
        if left < first or stop < right or not (finite and done):
            edge_pixels(job, place, left, first, stop, right, finite, done)
        start = end
