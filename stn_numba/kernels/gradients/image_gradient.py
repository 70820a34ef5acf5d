"""Gradient of <d_out, out> by the image (equation 6 of arXiv 1506.02025): output pixels add d_out times weight to their taps.

Loops over interior pixels add zero times d_out where a weight is zero, so d_out must be finite there; pixels with another
d_out are done tap by tap (`scatter_edge`). Weights and offsets are in the workspace.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import BILINEAR
from stn_numba.kernels.sampling.taps import prefetch_taps, weight, weights_of_pixel
from stn_numba.kernels.sampling.workspace import INTERLEAVED, to_next
from stn_numba.kernels.simd.lanes import join_threes
from stn_numba.kernels.simd.load_store import accumulate, accumulate_six, load, size_of
from stn_numba.kernels.simd.scratch import get_offset, get_product
from stn_numba.kernels.simd.vectors import FOUR, ONE, SIXTEEN, THREE


@jit.inline
def scatter_2x2(address, across, down, dtype, d, weights):
    """Add d times the weights to 2 x 2 pixels."""
    u0, u1, v0, v1 = weights
    upper, lower = v0 * d, v1 * d
    accumulate(address, dtype, u0 * upper)
    accumulate(address + across, dtype, u1 * upper)
    address += down
    accumulate(address, dtype, u0 * lower)
    accumulate(address + across, dtype, u1 * lower)


@jit.inline
def scatter_pixel(address, across, down, dtype, d_address, j, work, zero, C):
    """Add one output pixel's contribution to 2 x 2 pixels with contiguous channels."""
    weights, size, c = weights_of_pixel(work, j, zero), size_of(dtype), 0
    if C == 3:
        scatter_2x2(address, across, down, dtype, load(d_address, dtype, THREE), weights)
        c = 3
    while c + 16 <= C:
        scatter_2x2(address + c * size, across, down, dtype, load(d_address + c * size, dtype, SIXTEEN), weights)
        c += 16
    while c + 4 <= C:
        scatter_2x2(address + c * size, across, down, dtype, load(d_address + c * size, dtype, FOUR), weights)
        c += 4
    while c < C:
        scatter_2x2(address + c * size, across, down, dtype, load(d_address + c * size, dtype, ONE), weights)
        c += 1


@jit.apart
def scatter_row(address, across, down, dtype, d_row, d_step, first, stop, work, offsets, zero, C):
    """Add the contributions of the pixels [first, stop).

    Neighbors add to the same pixels, and each sum waits for the one before: two that are far apart alternate.
    """
    half = (stop - first) // 2
    for j in range(first, first + half):
        scatter_pixel(address + get_offset(offsets, j), across, down, dtype, d_row + j * d_step, j, work, zero, C)
        k = j + half
        scatter_pixel(address + get_offset(offsets, k), across, down, dtype, d_row + k * d_step, k, work, zero, C)
    for j in range(first + 2 * half, stop):
        scatter_pixel(address + get_offset(offsets, j), across, down, dtype, d_row + j * d_step, j, work, zero, C)


@jit.inline
def scatter_three(address, down, dtype, d_address, j, work, zero):
    """As `scatter_pixel` for three channels of contiguous pixels: the two taps of a row are one sum."""
    d, (u0, u1, v0, v1) = load(d_address, dtype, THREE), weights_of_pixel(work, j, zero)
    both = join_threes(u0 * d, u1 * d)
    accumulate_six(address, dtype, v0 * both)
    accumulate_six(address + down, dtype, v1 * both)


@jit.apart
def scatter_row_of_three(address, across, down, dtype, d_row, d_step, first, stop, work, offsets, zero):
    """As `scatter_row`, by `scatter_three`."""
    part = (stop - first) // INTERLEAVED
    for j in range(first, first + part):
        for k in range(j, j + INTERLEAVED * part, part):
            scatter_three(address + get_offset(offsets, k), down, dtype, d_row + k * d_step, k, work, zero)
    for j in range(first + INTERLEAVED * part, stop):
        scatter_pixel(address + get_offset(offsets, j), across, down, dtype, d_row + j * d_step, j, work, zero, 3)


@jit.inline
def scatter_KxK(K, address, across, down, d_image, d_row, d_out, first, stop, work, offsets, zero, C):
    """Add the contributions of the pixels [first, stop) to K x K taps each, in any layout."""
    for j in range(first, stop):
        for a in range(K):
            v, line = weight(work.v, a, j, zero), address + get_offset(offsets, j) + a * down
            for b in range(K):
                share = v * weight(work.u, b, j, zero)
                for c in range(C):
                    d = load(d_row + j * d_out.x_step + c * d_out.c_step, d_out.dtype, ONE)
                    accumulate(line + b * across + c * d_image.c_step, d_image.dtype, share * d)


@jit.inline
def scatter_interior(job, place, first, stop, offsets):
    """Add the contributions of the pixels [first, stop) of a strip, whose taps all lie inside."""
    sampler, d_image, d_out, work, zero, C = job.sampler, job.d_image, job.d_out, job.work, job.zero, job.size[3]
    address, d_row, dtype, step, size = place.d_image, place.d_out, d_image.dtype, d_out.x_step, size_of(d_image.dtype)
    across, down = to_next(sampler.x_axis, d_image.x_step), to_next(sampler.y_axis, d_image.y_step)
    prefetch_taps(place.ahead, address, across, down, first, stop, offsets)
    packed = d_image.c_step == size and d_out.c_step == size
    if sampler.family == BILINEAR and packed and C == 3:  # a number of channels known when compiled: far less work
        if across == 3 * size:
            scatter_row_of_three(address, across, down, dtype, d_row, step, first, stop, work, offsets, zero)
        else:
            scatter_row(address, across, down, dtype, d_row, step, first, stop, work, offsets, zero, 3)
    elif sampler.family == BILINEAR and packed:
        scatter_row(address, across, down, dtype, d_row, step, first, stop, work, offsets, zero, C)
    else:
        scatter_KxK(sampler.K, address, across, down, d_image, d_row, d_out, first, stop, work, offsets, zero, C)


@jit.inline
def scatter_edge(job, place, d_pixel):
    """Add the contribution of a pixel anywhere to the piece's rows; `edge_taps_of_pixel` has found its taps."""
    K, work, zero, d_image, d_out = job.sampler.K, job.work, job.zero, job.d_image, job.d_out
    for a in range(K):
        v, line = get_product(work.y_weights, zero, a), get_product(work.y_taps, np.int64(0), a)
        if v != zero and job.top <= line < job.bottom:
            for b in range(K):
                share = v * get_product(work.x_weights, zero, b)
                column = get_product(work.x_taps, np.int64(0), b)
                target = place.d_image + line * d_image.y_step + column * d_image.x_step
                if share != zero:
                    for c in range(job.size[3]):
                        d = load(d_pixel + c * d_out.c_step, d_out.dtype, ONE)
                        accumulate(target + c * d_image.c_step, d_image.dtype, share * d)
