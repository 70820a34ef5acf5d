"""Both gradients of bilinear sampling, where the pixels of a channel are contiguous: eight at a time."""

from __future__ import annotations

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.sampling.taps import bilinear_weights
from stn_numba.kernels.sampling.workspace import INTERLEAVED
from stn_numba.kernels.simd.lanes import interleave
from stn_numba.kernels.simd.load_store import accumulate, load, load_pairs, size_of
from stn_numba.kernels.simd.scratch import get_offset, get_product, put_product
from stn_numba.kernels.simd.vectors import EIGHT, ONE, fma, where


@jit.apart
def plane_gradients(job, address, down, d_row, first, stop, more):
    """Compute gradients by the positions (gx, gy), and what pixels add to their 2 x 2 taps (upper, lower), as wanted.

    `more`: gradients of a further channel, added to those that are there.
    """
    dtype, work, zero, d_step = job.image.dtype, job.work, job.zero, job.d_out.x_step
    for j in range(first, stop, 8):
        _, _, (u0, u1), (v0, v1), du, dv = bilinear_weights(job.sampler, j, work, True, type(zero)(1))
        d = load_eight(dtype, d_row, d_step, j, stop, work.dx, zero)
        if job.by_grid:
            upper = load_pairs(job.sampler.gathers, address, dtype, work.offsets + 8 * j, EIGHT)
            lower = load_pairs(job.sampler.gathers, address + down, dtype, work.offsets + 8 * j, EIGHT)
            gx, gy = position_gradients(upper, lower, (u0, u1), (v0, v1), du, dv, d)
            if more:
                gx, gy = gx + get_product(work.gx, zero, j, EIGHT), gy + get_product(work.gy, zero, j, EIGHT)
            put_product(work.gx, j, gx)
            put_product(work.gy, j, gy)
        if job.by_image:
            d_upper, d_lower = v0 * d, v1 * d
            put_product(work.upper, 2 * j, interleave(u0 * d_upper, u1 * d_upper))
            put_product(work.lower, 2 * j, interleave(u0 * d_lower, u1 * d_lower))
    if job.by_grid:  # an image may hold NaN, which zero times d_out does not clear
        for j in range(stop, (stop - first + 7) // 8 * 8 + first):
            put_product(work.gx, j, zero)
            put_product(work.gy, j, zero)


@jit.inline
def position_gradients(upper, lower, u, v, du, dv, d):
    """Derivatives of eight pixels by x and y, times d, from the pairs of taps that they read in two rows."""
    (a, b), (p, q), (u0, u1), (v0, v1), (du0, du1), (dv0, dv1) = upper, lower, u, v, du, dv
    along_x = fma(v1, fma(du1, q, du0 * p), v0 * fma(du1, b, du0 * a))
    along_y = fma(dv1, fma(u1, q, u0 * p), dv0 * fma(u1, b, u0 * a))
    inside = fma(du1, du1, du0 * du0) * fma(dv1, dv1, dv0 * dv0) > 0.0
    return where(inside, along_x, 0.0) * d, where(inside, along_y, 0.0) * d


@jit.inline
def load_eight(dtype, d_row, d_step, j, stop, scratch, zero):
    """Eight pixels of one channel of d_out from pixel j on; 0 from `stop` on."""
    if d_step == size_of(dtype) and j + 8 <= stop:
        return load(d_row + j * d_step, dtype, EIGHT)
    for k in range(8):
        put_product(scratch, k, load(d_row + (j + k) * d_step, dtype) if j + k < stop else zero)
    return get_product(scratch, zero, 0, EIGHT)


@jit.inline
def scatter_pixel(address, across, down, dtype, j, work, zero, lanes):
    """Add one pixel's four contributions to the gradient by the image, one or two at once."""
    for k in range(0, 2, len(lanes)):
        accumulate(address + k * across, dtype, get_product(work.upper, zero, 2 * j + k, lanes))
        accumulate(address + k * across + down, dtype, get_product(work.lower, zero, 2 * j + k, lanes))


@jit.apart
def scatter_plane(address, across, down, dtype, first, stop, work, offsets, zero, lanes):
    """Add the contributions of the pixels [first, stop).

    Neighbors add to the same pixels, and each sum waits for the one before: some that are far apart alternate.
    """
    part = (stop - first) // INTERLEAVED
    for j in range(first, first + part):
        for k in range(j, j + INTERLEAVED * part, part):
            scatter_pixel(address + get_offset(offsets, k), across, down, dtype, k, work, zero, lanes)
    for j in range(first + INTERLEAVED * part, stop):
        scatter_pixel(address + get_offset(offsets, j), across, down, dtype, j, work, zero, ONE)
