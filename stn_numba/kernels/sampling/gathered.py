"""Interpolate pixels of one channel on a CPU that loads from eight addresses at once (`cpu.gathers`).

From positions to outputs in one loop: what the usual two loops put between them into scratch rows, offsets and weights, stays
in registers. Where the CPU loads one by one that is slower, since it needs the offsets in memory.
"""

from __future__ import annotations

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import SIZE, STEP
from stn_numba.kernels.sampling.interpolate import blend_2x2, checked
from stn_numba.kernels.sampling.strips import is_plane
from stn_numba.kernels.sampling.taps import bilinear_weights, straight
from stn_numba.kernels.sampling.workspace import to_next
from stn_numba.kernels.simd.lanes import lane_of, lane_sum
from stn_numba.kernels.simd.load_store import gather_pairs, prefetch, size_of, store
from stn_numba.kernels.simd.scratch import get_position
from stn_numba.kernels.simd.vectors import EIGHT, astype, floor, fma, full, to_int64, where


@jit.inline
def eight_pixels(address, down, dtype, offsets, u, v):
    """Eight pixels from offsets and weights of their 2 x 2 taps."""
    upper_left, upper_right = gather_pairs(address, dtype, offsets)
    lower_left, lower_right = gather_pairs(address + down, dtype, offsets)
    return blend_2x2(upper_left, upper_right, lower_left, lower_right, (u, v))


@jit.inline
def prefetch_some(address, ahead, offsets):
    """Prefetch what the next strips will read, see `taps.bytes_ahead`; neighbors lie in the same lines of the cache."""
    if ahead != 0:
        prefetch(address + ahead + lane_of(offsets, 0))
        prefetch(address + ahead + lane_of(offsets, 4))


@jit.apart
def pixels_between_taps(steps, source, dtype, first, stop, work, zero, out, target):
    """Pixels [first, stop), eight times some, whose positions lie between the first and the last pixel of each axis."""
    (address, ahead, down), check = source, full(EIGHT, zero)
    for j in range(first, stop, 8):
        x, y = get_position(work.x, j, EIGHT), get_position(work.y, j, EIGHT)
        column, line = floor(x), floor(y)
        offsets = to_int64(fma(column, steps[0], line * steps[1]))
        u, v = straight(astype(x - column, zero)), straight(astype(y - line, zero))
        prefetch_some(address, ahead, offsets)
        value = eight_pixels(address, down, dtype, offsets, u, v)
        store(target + j * out.x_step, out.dtype, value)
        check = checked(dtype, check, value)
    return lane_sum(check)


@jit.apart
def pixels_anywhere(sampler, steps, source, dtype, first, stop, work, zero, out, target):
    """As `pixels_between_taps`, wherever the pixels lie."""
    (address, ahead, down), check = source, full(EIGHT, zero)
    for j in range(first, stop, 8):
        column, line, u, v, _, _ = bilinear_weights(sampler, j, work, False, type(zero)(1))
        offsets = to_int64(fma(column, steps[0], line * steps[1]))
        prefetch_some(address, ahead, offsets)
        value = eight_pixels(address, down, dtype, offsets, u, v)
        # far outside all weights are zero, and the taps at the edge may hold NaN
        value = where((u[0] + u[1]) * (v[0] + v[1]) > 0.0, value, 0.0)
        store(target + j * out.x_step, out.dtype, value)
        check = checked(dtype, check, value)
    return lane_sum(check)


@jit.inline
def is_between_taps(sampler, j, work):
    """Whether a position lies between the first and the last pixel of both axes."""
    x, y = get_position(work.x, j), get_position(work.y, j)
    return (x >= 0.0) & (x < sampler.x_axis[SIZE] - 1.0) & (y >= 0.0) & (y < sampler.y_axis[SIZE] - 1.0)


@jit.inline
def gathered_eights(job, place, dtype, first, stop):
    """Write the pixels [first, stop), eight times some; return the sum of all outputs, and `stop`."""
    sampler, image, out, work, zero = job.sampler, job.image, job.out, job.work, job.zero
    steps, down = (sampler.x_axis[STEP], sampler.y_axis[STEP]), to_next(sampler.y_axis, image.y_step)
    source = place.image, place.ahead, down
    if place.on_a_line and is_between_taps(sampler, first, work) and is_between_taps(sampler, stop - 1, work):
        return pixels_between_taps(steps, source, dtype, first, stop, work, zero, out, place.out), stop
    return pixels_anywhere(sampler, steps, source, dtype, first, stop, work, zero, out, place.out), stop


@jit.inline
def no_pixels(job, place, dtype, first, stop):
    """In the place of `gathered_eights` for dtypes whose pairs no instruction loads."""
    return job.zero, first


@jit.choose
def pixels_of_dtype(job, place, dtype, first, stop):
    """Choose which of them is compiled."""
    return gathered_eights if dtype.bitwidth in (16, 32) else no_pixels


@jit.inline
def gathered_pixels(job, place, first, stop):
    """Write as many of the pixels [first, stop) as can be.

    Returns the sum of all outputs, see `interpolate`, and the first pixel that is left.
    """
    image, out, end = job.image, job.out, first + (stop - first) // 8 * 8
    one = job.size[3] == 1 and is_plane(job.sampler, image, out, 1) and out.x_step == size_of(out.dtype)
    if job.sampler.gathers == 0 or not one or first == end:
        return job.zero, first
    return pixels_of_dtype(job, place, image.dtype, first, end)
