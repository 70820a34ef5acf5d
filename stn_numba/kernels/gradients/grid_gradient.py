"""Gradient of <d_out, out> by the positions of a strip (equation 7 of arXiv 1506.02025): the rows gx and gy of the workspace.

`positions_vjp` turns them into gradients by the grid's own numbers. Weights are u0, u1 along x and v0, v1 along y, their
slopes du0, du1, dv0, dv1.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import BILINEAR, FILL_TAPS, STEP
from stn_numba.kernels.sampling.edge_taps import edge_slopes_of_pixel
from stn_numba.kernels.sampling.interpolate import load_both, weights_of_two
from stn_numba.kernels.sampling.taps import prefetch_taps, slopes_of_pixel, weight, weights_of_pixel
from stn_numba.kernels.sampling.workspace import NEXT_TAP, to_next
from stn_numba.kernels.simd.lanes import drop_first, lane_sum, lane_sums, mask_bits, split_threes, sums_of_threes
from stn_numba.kernels.simd.load_store import load, size_of
from stn_numba.kernels.simd.scalars import greatest, least
from stn_numba.kernels.simd.scratch import get_offset, get_product, get_tap, put_product
from stn_numba.kernels.simd.vectors import EIGHT, FOUR, ONE, SIX, SIXTEEN, THREE, fma, full


@jit.inline
def gradients_2x2(address, across, down, dtype, d_address, weights, slopes, lanes):
    """Vectors of d times the derivatives of out along x and y, over a few channels of 2 x 2 taps."""
    (u0, u1, v0, v1), (du0, du1, dv0, dv1) = weights, slopes
    d = load(d_address, dtype, lanes)
    a, b = load(address, dtype, lanes), load(address + across, dtype, lanes)
    address += down
    p, q = load(address, dtype, lanes), load(address + across, dtype, lanes)
    along_x = fma(v1, fma(du1, q, du0 * p), v0 * fma(du1, b, du0 * a))
    along_y = fma(dv1, fma(u1, q, u0 * p), dv0 * fma(u1, b, u0 * a))
    return along_x * d, along_y * d


@jit.inline
def gradients_2x2_of_three(address, down, dtype, d, weights, slopes):
    """As `gradients_2x2` for three channels of contiguous pixels: the two taps of a row are one load."""
    (u0, u1, v0, v1), (du0, du1, dv0, dv1) = weights, slopes
    upper, lower = load(address, dtype, SIX), load(address + down, dtype, SIX)
    left, right = split_threes(fma(v1, lower, v0 * upper))
    along_x = fma(du1, right, du0 * left)
    left, right = split_threes(fma(dv1, lower, dv0 * upper))
    along_y = fma(u1, right, u0 * left)
    return along_x * d, along_y * d


@jit.inline
def pixel_of_three(address, down, dtype, d_address, j, work, zero, slopes):
    """Write the gradient by the position of pixel j."""
    pixel, d = address + get_offset(work.offsets, j), load(d_address, dtype, THREE)
    gx, gy = lane_sums(*gradients_2x2_of_three(pixel, down, dtype, d, weights_of_pixel(work, j, zero), slopes))
    put_product(work.gx, j, gx)
    put_product(work.gy, j, gy)


@jit.inline
def two_of_three(address, down, dtype, d_address, j, work, zero):
    """As `pixel_of_three` for the pixels j and j + 1, between their taps; another number follows their d."""
    one, other = address + get_offset(work.offsets, j), address + get_offset(work.offsets, j + 1)
    d, (u0, u1, v0, v1) = load_both(d_address, d_address + 3 * size_of(dtype), dtype), weights_of_two(work, j, zero)
    a, p = load_both(one, other, dtype), load_both(one + down, other + down, dtype)
    one, other = one + 2 * size_of(dtype), other + 2 * size_of(dtype)
    b, q = drop_first(load_both(one, other, dtype)), drop_first(load_both(one + down, other + down, dtype))
    along_x, along_y = fma(v1, q, v0 * b) - fma(v1, p, v0 * a), fma(u1, q - b, u0 * (p - a))
    gx, gy = sums_of_threes(along_x * d, along_y * d)
    put_product(work.gx, j, gx)
    put_product(work.gy, j, gy)


@jit.apart
def pixels_of_three(address, down, dtype, d_row, d_step, first, stop, work, zero):
    """Three channels of contiguous pixels, 2 x 2 taps."""
    one = type(zero)(1)
    for block in range(first, stop, 8):
        end = least(block + 8, stop)
        if are_between_taps(block, work, zero):
            start = block
            if d_step == 3 * size_of(dtype):  # so that another number follows all pixels but the last
                start += greatest(least(end, stop - 1) - block, 0) // 2 * 2
            for j in range(block, start, 2):
                two_of_three(address, down, dtype, d_row + j * d_step, j, work, zero)
            for j in range(start, end):
                pixel_of_three(address, down, dtype, d_row + j * d_step, j, work, zero, (-one, one, -one, one))
        else:
            for j in range(block, end):
                pixel_of_three(address, down, dtype, d_row + j * d_step, j, work, zero, slopes_of_pixel(work, j, zero))


@jit.inline
def are_between_taps(j, work, zero):
    """Whether eight pixels lie between their taps, where slopes are -1 and 1."""
    along_x = get_tap(work.du + NEXT_TAP, zero, j, EIGHT) - get_tap(work.du, zero, j, EIGHT)
    along_y = get_tap(work.dv + NEXT_TAP, zero, j, EIGHT) - get_tap(work.dv, zero, j, EIGHT)
    product = along_x * along_y
    return mask_bits((product >= 4.0) & (product < 5.0)) == 255


@jit.apart
def pixels_of_many(address, across, down, dtype, d_row, d_step, first, stop, work, zero, C):
    """Any number of contiguous channels, 2 x 2 taps."""
    size = size_of(dtype)
    for j in range(first, stop):
        weights, slopes = weights_of_pixel(work, j, zero), slopes_of_pixel(work, j, zero)
        pixel, d, c = address + get_offset(work.offsets, j), d_row + j * d_step, 0
        gx = gy = zero
        if C >= 16:
            total_x, total_y = full(SIXTEEN, zero), full(SIXTEEN, zero)
            while c + 16 <= C:
                x, y = gradients_2x2(pixel + c * size, across, down, dtype, d + c * size, weights, slopes, SIXTEEN)
                total_x, total_y, c = total_x + x, total_y + y, c + 16
            gx, gy = lane_sums(total_x, total_y)
        while c + 4 <= C:
            x, y = gradients_2x2(pixel + c * size, across, down, dtype, d + c * size, weights, slopes, FOUR)
            gx, gy, c = gx + lane_sum(x), gy + lane_sum(y), c + 4
        while c < C:
            x, y = gradients_2x2(pixel + c * size, across, down, dtype, d + c * size, weights, slopes, ONE)
            gx, gy, c = gx + lane_sum(x), gy + lane_sum(y), c + 1
        put_product(work.gx, j, gx)
        put_product(work.gy, j, gy)


@jit.inline
def pixels_of_any(K, address, across, down, image, d_row, d_out, first, stop, work, zero, C):
    """Any number of channels and taps, in any layout: number by number."""
    for j in range(first, stop):
        gx = gy = zero
        for a in range(K):
            v, dv = weight(work.v, a, j, zero), weight(work.dv, a, j, zero)
            line = address + get_offset(work.offsets, j) + a * down
            for b in range(K):
                total = zero
                for c in range(C):
                    d = load(d_row + j * d_out.x_step + c * d_out.c_step, d_out.dtype)
                    total += d * load(line + b * across + c * image.c_step, image.dtype)
                gx += v * weight(work.du, b, j, zero) * total
                gy += dv * weight(work.u, b, j, zero) * total
        put_product(work.gx, j, gx)
        put_product(work.gy, j, gy)


@jit.inline
def interior_gradients(job, place, first, stop):
    """Gradients by the positions of the pixels [first, stop) of a strip, whose taps all lie inside."""
    sampler, image, d_out, work, zero, C = job.sampler, job.image, job.d_out, job.work, job.zero, job.size[3]
    address, d_row, dtype, step, size = place.image, place.d_out, image.dtype, d_out.x_step, size_of(image.dtype)
    across, down = to_next(sampler.x_axis, sampler.x_axis[STEP]), to_next(sampler.y_axis, sampler.y_axis[STEP])
    packed = image.c_step == size and d_out.c_step == size
    prefetch_taps(place.ahead, address, across, down, first, stop, work.offsets)
    if sampler.family == BILINEAR and packed and C == 3 and across == 3 * size:
        pixels_of_three(address, down, dtype, d_row, step, first, stop, work, zero)
    elif sampler.family == BILINEAR and packed:
        pixels_of_many(address, across, down, dtype, d_row, step, first, stop, work, zero, C)
    else:
        pixels_of_any(sampler.K, address, across, down, image, d_row, d_out, first, stop, work, zero, C)


@jit.inline
def edge_gradient(job, place, d_pixel, j):
    """Gradient by the position of pixel j anywhere, tap by tap; `edge_taps_of_pixel` has found its taps."""
    sampler, image, d_out, work, zero = job.sampler, job.image, job.d_out, job.work, job.zero
    edge_slopes_of_pixel(sampler, j, work, zero)
    gx = gy = zero
    for a in range(sampler.K):
        line = place.image + get_product(work.y_taps, np.int64(0), a) * image.y_step
        v, dv = get_product(work.y_weights, zero, a), get_product(work.y_slopes, zero, a)
        for b in range(sampler.K):
            along_x, along_y = v * get_product(work.x_slopes, zero, b), dv * get_product(work.x_weights, zero, b)
            if along_x != zero or along_y != zero:  # a slope of zero takes nothing from a pixel
                pixel, total = line + get_product(work.x_taps, np.int64(0), b) * image.x_step, zero
                for c in range(job.size[3]):
                    value = load(pixel + c * image.c_step, image.dtype)
                    value -= get_tap(sampler.fill, zero, c) if sampler.fill_mode == FILL_TAPS else zero
                    total += value * load(d_pixel + c * d_out.c_step, d_out.dtype)
                gx += along_x * total if along_x != zero else zero
                gy += along_y * total if along_y != zero else zero
    put_product(work.gx, j, gx)
    put_product(work.gy, j, gy)
