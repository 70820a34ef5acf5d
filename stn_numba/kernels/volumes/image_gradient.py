"""Gradient of <d_out, out> by the volume: output voxels add d_out times weight to their taps."""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.simd.load_store import accumulate, load
from stn_numba.kernels.simd.scratch import get_offset, get_product, put_product
from stn_numba.kernels.simd.vectors import ONE, full
from stn_numba.kernels.volumes.bands import is_in_band
from stn_numba.kernels.volumes.forward import neighbors
from stn_numba.kernels.volumes.taps import kept_weights
from stn_numba.kernels.volumes.workspace import SHARES, d_offsets_of, tap_rows, vectors_of, weight_rows


@jit.inline
def scatter_channel(job, address, d, j, count, weights, whole):
    """Add the shares of eight voxels in one channel to their 2 x 2 x 2 taps; `whole`: all taps are in the band."""
    vectors, (u, v, w), t = vectors_of(job.memory), weights, SHARES
    for a in range(2):
        for b in range(2):
            share = (w[0] if a == 0 else w[1]) * ((v[0] if b == 0 else v[1]) * d)
            put_product(vectors, t, u[0] * share)
            put_product(vectors, t + 8, u[1] * share)
            t += 16
    for k in range(count):
        place = address + get_offset(d_offsets_of(job.memory), k)
        for a in range(2):
            if whole or is_in_band(job, j + k, a):
                scatter_plane(job, place, vectors, SHARES + 32 * a + k, a)


@jit.inline
def scatter_plane(job, place, vectors, index, a):
    """Add a voxel's four shares, of which the first is at an index in `vectors`, to the nearer (a = 0) or farther plane."""
    d_image, zero = job.d_image, job.zero
    across, down, deep = neighbors(job.sampler, d_image)
    place += a * deep
    accumulate(place, d_image.dtype, get_product(vectors, zero, index, ONE))
    accumulate(place + across, d_image.dtype, get_product(vectors, zero, index + 8, ONE))
    place += down
    accumulate(place, d_image.dtype, get_product(vectors, zero, index + 16, ONE))
    accumulate(place + across, d_image.dtype, get_product(vectors, zero, index + 24, ONE))


@jit.inline
def scatter_four(job, address, d, k, near, far):
    """Add the shares of voxel k of eight in four channels to its taps in the nearer plane, the farther one, or both.

    Kept are the weights of the two columns and of the four lines of taps.
    """
    memory, zero, dtype, (across, down, deep) = job.memory, job.zero, job.d_image.dtype, neighbors(job.sampler, job.d_image)
    u, front, back = kept_weights(memory, 0, k, zero), kept_weights(memory, 1, k, zero), kept_weights(memory, 2, k, zero)
    place, left, right = address + get_offset(d_offsets_of(memory), k), d * u[0], d * u[1]
    if near:
        accumulate(place, dtype, left * front[0])
        accumulate(place + across, dtype, right * front[0])
        accumulate(place + down, dtype, left * front[1])
        accumulate(place + down + across, dtype, right * front[1])
    if far:
        place += deep
        accumulate(place, dtype, left * back[0])
        accumulate(place + across, dtype, right * back[0])
        accumulate(place + down, dtype, left * back[1])
        accumulate(place + down + across, dtype, right * back[1])


@jit.inline
def scatter_anywhere(job, address, d_voxel):
    """Add the shares of the voxel whose taps are in the workspace, tap by tap; a weight of zero adds nothing."""
    d_image, d_out, zero, K = job.d_image, job.d_out, job.zero, job.sampler.K
    taps, weights = tap_rows(job.memory), weight_rows(job.memory)
    for c in range(K):
        plane, w = get_product(taps[2], np.int64(0), c), get_product(weights[2], zero, c)
        if w != zero and job.top <= plane < job.bottom:
            for b in range(K):
                line = address + plane * d_image.z_step + get_product(taps[1], np.int64(0), b) * d_image.y_step
                v = get_product(weights[1], zero, b)
                for a in range(K if v != zero else 0):
                    share, place = get_product(weights[0], zero, a), line
                    place += get_product(taps[0], np.int64(0), a) * d_image.x_step
                    for channel in range(job.size[4] if share != zero else 0):
                        d = load(d_voxel + channel * d_out.c_step, d_out.dtype)
                        value = share * (w * (v * d))
                        accumulate(place + channel * d_image.c_step, d_image.dtype, full(ONE, value))
