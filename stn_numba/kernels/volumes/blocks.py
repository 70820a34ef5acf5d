"""Both gradients of eight voxels of a row together, or of one voxel wherever it lies."""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import MODE, REFLECT
from stn_numba.kernels.gradients.single_channel import load_eight
from stn_numba.kernels.simd.finite import pixels_finite
from stn_numba.kernels.simd.load_store import load, size_of
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.vectors import EIGHT, FOUR, full
from stn_numba.kernels.volumes.bands import all_in_band, first_planes, is_in_band, is_whole, some_in_band
from stn_numba.kernels.volumes.grid_gradient import (
    add_taps_of_channel,
    gradient_anywhere,
    put_block_gradients,
    put_gradients,
    put_taps_of_voxel,
    transpose_sums,
)
from stn_numba.kernels.volumes.image_gradient import scatter_anywhere, scatter_channel, scatter_four
from stn_numba.kernels.volumes.taps import (
    are_together,
    axis_steps,
    clear_gradients,
    keep_weights,
    linear_weights,
    put_offsets,
    voxel_taps,
)
from stn_numba.kernels.volumes.workspace import (
    D_OUT,
    d_offsets_of,
    gradients,
    offsets_of,
    padded,
    vectors_of,
)


@jit.inline
def channels_in_fours(job):
    """How many channels are worked on by four, voxel by voxel: those of contiguous channels, but for the last few."""
    size = size_of(job.d_out.dtype)
    packed = job.d_out.c_step == size
    packed = packed and (job.volume.c_step == size or not job.by_grid) and (job.d_image.c_step == size or not job.by_image)
    return job.size[4] // 4 * 4 if packed else 0


@jit.inline
def channels_together(job, place, j, count, channels, weights, whole):
    """Both gradients of up to eight voxels in some contiguous channels, four by four.

    Gradients by the positions are left as sums of taps; see `grid_gradient`.
    """
    (u, v, w), d_out, size = weights, job.d_out, size_of(job.d_out.dtype)
    keep_weights(job.memory, u, (v[0] * w[0], v[1] * w[0]), (v[0] * w[1], v[1] * w[1]))  # of columns and lines
    d_voxel = place.d_out + j * d_out.x_step
    if job.by_grid:
        for k in range(count):
            put_taps_of_voxel(job, place.volume, d_voxel + k * d_out.x_step, k, channels)
        transpose_sums(job.memory, count, job.zero)
    if job.by_image:
        for c in range(0, channels * size, 4 * size):
            for k in range(count):
                near, far = whole or is_in_band(job, j + k, 0), whole or is_in_band(job, j + k, 1)
                d = load(d_voxel + c + k * d_out.x_step, d_out.dtype, FOUR)
                scatter_four(job, place.d_image + c, d, k, near, far)


@jit.inline
def gradients_together(job, place, j, count):
    """Both gradients of up to eight voxels from j on; return whether those by positions are finite."""
    sampler, rows, one, memory, d_out = job.sampler, padded(job), type(job.zero)(1), job.memory, job.d_out
    d_image, planes = job.d_image, first_planes(job, j, EIGHT)
    d_steps = np.float64(d_image.x_step), np.float64(d_image.y_step), np.float64(d_image.z_step)
    first, weights, slopes = linear_weights(sampler, rows, j, job.by_grid, one)
    whole, channels = is_whole(job) or all_in_band(job, planes), channels_in_fours(job)
    put_offsets(offsets_of(memory), first, axis_steps(sampler))
    put_offsets(d_offsets_of(memory), first, d_steps)
    if channels > 0:
        channels_together(job, place, j, count, channels, weights, whole)
    for c in range(channels, job.size[4]):
        d_row, scratch = place.d_out + c * d_out.c_step, vectors_of(memory) + 8 * D_OUT
        d = load_eight(d_out.dtype, d_row, d_out.x_step, j, j + count, scratch, job.zero)
        if job.by_grid:
            add_taps_of_channel(job, place.volume + c * job.volume.c_step, d, c > 0)
        if job.by_image:
            scatter_channel(job, place.d_image + c * d_image.c_step, d, j, count, weights, whole)
    return put_block_gradients(job, j, planes, weights, slopes) if job.by_grid else True


@jit.rare
def gradients_anywhere(job, place, j, by_image, by_grid):
    """Both gradients of voxel j, tap by tap."""
    voxel_taps(job, j, job.sampler.x_axis[MODE] == REFLECT)
    d_voxel = place.d_out + j * job.d_out.x_step
    if by_image:
        scatter_anywhere(job, place.d_image, d_voxel)
    if by_grid and is_in_band(job, j, 0):
        gradient_anywhere(job, place.volume, d_voxel, j)
    elif by_grid:
        clear_gradients(gradients(job.memory), j, j + 1, job.zero)


@jit.inline
def row_gradients(job, place, count):
    """Both gradients of a row whose positions are in the workspace; those by positions are written to the workspace."""
    sampler, rows, d_out, nothing = job.sampler, padded(job), job.d_out, full(EIGHT, job.zero)
    finite = not job.by_image or pixels_finite(d_out, place.d_out, count, job.size[4], job.zero)
    for j in range(0, count, 8):
        some, together = least(8, count - j), are_together(sampler, rows, j)
        by_image, by_grid = job.by_image, job.by_grid
        if together and not is_whole(job) and not some_in_band(job, first_planes(job, j, EIGHT)):
            by_image = by_grid = False
            put_gradients(job.memory, j, nothing, nothing, nothing)
        elif together and finite:  # a weight of zero is to add nothing of a gradient that is not finite
            by_image, by_grid = False, not gradients_together(job, place, j, some)
        for k in range(j, j + some if by_image or by_grid else j):
            gradients_anywhere(job, place, k, by_image, by_grid)
    clear_gradients(gradients(job.memory), count, (count + 7) // 8 * 8, job.zero)
