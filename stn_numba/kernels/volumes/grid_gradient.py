"""Gradient of <d_out, out> by the positions: derivatives of the weights along x, y and z, times taps, times d_out.

Each tap is multiplied by d_out first, and summed over the channels: derivatives are taken once, of eight voxels together.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import FILL_TAPS
from stn_numba.kernels.simd.lanes import join, mask_bits, sums_of_halves, transposed
from stn_numba.kernels.simd.load_store import load, load_pairs, size_of
from stn_numba.kernels.simd.raw import gather_raw
from stn_numba.kernels.simd.scratch import get_offset, get_product, get_tap, put_product
from stn_numba.kernels.simd.vectors import EIGHT, FOUR, fma, full, where
from stn_numba.kernels.volumes.bands import is_whole, shares_of_band
from stn_numba.kernels.volumes.forward import neighbors, side_by_side
from stn_numba.kernels.volumes.taps import voxel_slopes
from stn_numba.kernels.volumes.workspace import (
    BY_TAP,
    BY_VOXEL,
    gradients,
    offsets_of,
    slope_rows,
    tap_rows,
    vectors_of,
    weight_rows,
)


@jit.inline
def along_axes(front, back, u, v, w, du, dv, dw):
    """Derivatives by x, y and z from 2 x 2 x 2 taps: (upper left, upper right, lower left, lower right) of two planes."""
    (a, b, c, d), (p, q, r, s) = front, back
    left = fma(v[1], fma(w[1], r, w[0] * c), v[0] * fma(w[1], p, w[0] * a))
    right = fma(v[1], fma(w[1], s, w[0] * d), v[0] * fma(w[1], q, w[0] * b))
    upper = fma(u[1], fma(w[1], q, w[0] * b), u[0] * fma(w[1], p, w[0] * a))
    lower = fma(u[1], fma(w[1], s, w[0] * d), u[0] * fma(w[1], r, w[0] * c))
    near = fma(v[1], fma(u[1], d, u[0] * c), v[0] * fma(u[1], b, u[0] * a))
    far = fma(v[1], fma(u[1], s, u[0] * r), v[0] * fma(u[1], q, u[0] * p))
    return fma(du[1], right, du[0] * left), fma(dv[1], lower, dv[0] * upper), fma(dw[1], far, dw[0] * near)


@jit.inline
def has_slope(du, dv, dw):
    """Whether a voxel has a gradient: far outside the slopes are 0, and the taps at the edge may hold NaN."""
    along_x, along_y = fma(du[1], du[1], du[0] * du[0]), fma(dv[1], dv[1], dv[0] * dv[0])
    return along_x * along_y * fma(dw[1], dw[1], dw[0] * dw[0]) > 0.0


@jit.inline
def put_gradients(memory, j, gx, gy, gz):
    """Write gradients by the positions of one voxel, or of eight from j on."""
    rows = gradients(memory)
    put_product(rows[0], j, gx)
    put_product(rows[1], j, gy)
    put_product(rows[2], j, gz)


@jit.inline
def put_taps_of_voxel(job, address, d_voxel, k, channels):
    """Write the taps of voxel k of eight, times d_out, summed over contiguous channels, four by four."""
    volume, zero, (across, down, deep) = job.volume, job.zero, neighbors(job.sampler, job.volume)
    dtype, voxel, nothing = volume.dtype, address + get_offset(offsets_of(job.memory), k), full(EIGHT, zero)
    first = second = third = fourth = nothing  # sums of four lines, the left and the right tap side by side
    for c in range(0, channels * size_of(dtype), 4 * size_of(dtype)):
        place, d = voxel + c, load(d_voxel + c, dtype, FOUR)
        both, back = join(d, d), place + deep
        first = fma(side_by_side(place, across, dtype, FOUR), both, first)
        second = fma(side_by_side(place + down, across, dtype, FOUR), both, second)
        third = fma(side_by_side(back, across, dtype, FOUR), both, third)
        fourth = fma(side_by_side(back + down, across, dtype, FOUR), both, fourth)
    put_product(vectors_of(job.memory), BY_VOXEL + 8 * k, sums_of_halves(first, second, third, fourth))


@jit.inline
def eight_vectors(row, index, zero):
    """Eight vectors in a row, from an index on."""
    return (
        get_product(row, zero, index, EIGHT), get_product(row, zero, index + 8, EIGHT),
        get_product(row, zero, index + 16, EIGHT), get_product(row, zero, index + 24, EIGHT),
        get_product(row, zero, index + 32, EIGHT), get_product(row, zero, index + 40, EIGHT),
        get_product(row, zero, index + 48, EIGHT), get_product(row, zero, index + 56, EIGHT),
    )  # fmt: skip


@jit.inline
def put_four(row, index, first, second, third, fourth):
    """Write four vectors of eight numbers to a row, from an index on."""
    put_product(row, index, first)
    put_product(row, index + 8, second)
    put_product(row, index + 16, third)
    put_product(row, index + 24, fourth)


@jit.inline
def transpose_sums(memory, count, zero):
    """Turn the sums of each of `count` voxels into vectors of eight voxels, one for each tap; the other voxels get 0."""
    vectors = vectors_of(memory)
    for k in range(8 * count, 64):
        put_product(vectors, BY_VOXEL + k, zero)
    a, b, c, d, e, f, g, h = eight_vectors(vectors, BY_VOXEL, zero)
    a, b, c, d, e, f, g, h = transposed(a, b, c, d, e, f, g, h)
    put_four(vectors, BY_TAP, a, b, c, d)
    put_four(vectors, BY_TAP + 32, e, f, g, h)


@jit.inline
def add_taps_of_channel(job, address, d, more):
    """Add one channel of the taps of eight voxels, times d_out, to the sums; `more`: there are sums of other channels."""
    dtype, offsets, (across, down, deep) = job.volume.dtype, offsets_of(job.memory), neighbors(job.sampler, job.volume)
    add_line(job, address, across, dtype, offsets, d, BY_TAP, more)
    add_line(job, address + down, across, dtype, offsets, d, BY_TAP + 8, more)
    add_line(job, address + deep, across, dtype, offsets, d, BY_TAP + 16, more)
    add_line(job, address + deep + down, across, dtype, offsets, d, BY_TAP + 24, more)


@jit.inline
def add_line(job, address, across, dtype, offsets, d, index, more):
    """As `add_taps_of_channel` for the left and right taps in one of the four lines."""
    vectors = vectors_of(job.memory)
    if across == size_of(dtype):
        left, right = load_pairs(job.sampler.gathers, address, dtype, offsets, EIGHT)
    else:
        gathers = job.sampler.gathers
        left = gather_raw(gathers, address, offsets, dtype, EIGHT)
        right = gather_raw(gathers, address + across, offsets, dtype, EIGHT)
    left, right = left * d, right * d
    if more:
        left = left + get_product(vectors, job.zero, index, EIGHT)
        right = right + get_product(vectors, job.zero, index + 32, EIGHT)
    put_product(vectors, index, left)
    put_product(vectors, index + 32, right)


@jit.inline
def put_block_gradients(job, j, planes, weights, slopes):
    """Write gradients by the positions of eight voxels from the sums of their taps; return whether all are finite."""
    vectors, zero, one = vectors_of(job.memory), job.zero, type(job.zero)(1)
    a, c, p, r, b, d, q, s = eight_vectors(vectors, BY_TAP, zero)
    (u, v, w), (du, dv, dw) = weights, slopes
    x, y, z = along_axes((a, b, c, d), (p, q, r, s), u, v, w, du, dv, dw)
    inside = has_slope(du, dv, dw)
    x, y, z = where(inside, x, 0.0), where(inside, y, 0.0), where(inside, z, 0.0)
    if not is_whole(job):
        own = shares_of_band(job, planes, one) > 0.0
        x, y, z = where(own, x, 0.0), where(own, y, 0.0), where(own, z, 0.0)
    put_gradients(job.memory, j, x, y, z)
    total = x + y + z
    return mask_bits(total - total >= 0.0) == 255


@jit.inline
def tap_value(job, place, d_voxel):
    """The sum over channels of a tap, less the fill value where taps beyond the edge read it, times the gradient."""
    sampler, total = job.sampler, job.zero
    for c in range(job.size[4]):
        value = load(place + c * job.volume.c_step, job.volume.dtype)
        value -= get_tap(sampler.fill, job.zero, c) if sampler.fill_mode == FILL_TAPS else job.zero
        total += value * load(d_voxel + c * job.d_out.c_step, job.d_out.dtype)
    return total


@jit.inline
def gradient_anywhere(job, address, d_voxel, j):
    """Write the gradient by the position of voxel j, whose taps are in the workspace; a slope of zero takes nothing."""
    volume, zero, K, memory = job.volume, job.zero, job.sampler.K, job.memory
    voxel_slopes(job, j)
    taps, weights, slopes = tap_rows(memory), weight_rows(memory), slope_rows(memory)
    gx = gy = gz = zero
    for c in range(K):
        plane = address + get_product(taps[2], np.int64(0), c) * volume.z_step
        w, dw = get_product(weights[2], zero, c), get_product(slopes[2], zero, c)
        for b in range(K):
            line = plane + get_product(taps[1], np.int64(0), b) * volume.y_step
            v, dv = get_product(weights[1], zero, b), get_product(slopes[1], zero, b)
            vw, dv_w, v_dw = v * w, dv * w, v * dw
            for a in range(K):
                u, du = get_product(weights[0], zero, a), get_product(slopes[0], zero, a)
                x, y, z = du * vw, u * dv_w, u * v_dw
                if x != zero or y != zero or z != zero:
                    total = tap_value(job, line + get_product(taps[0], np.int64(0), a) * volume.x_step, d_voxel)
                    gx += x * total if x != zero else zero
                    gy += y * total if y != zero else zero
                    gz += z * total if z != zero else zero
    put_gradients(memory, j, gx, gy, gz)
