"""The kernel `image_gradient` for volumes: gradient of <d_out, out> by the volume.

Several output voxels may add to one voxel of the input. So a task is a volume, or a band of planes of one: it keeps to the
taps in its band. No two tasks write one voxel, and the order of additions does not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import AFFINE, MODE, REFLECT, SIZE, STRIP, ZEROS
from stn_numba.kernels.gradients.single_channel import load_eight
from stn_numba.kernels.simd.lanes import mask_bits
from stn_numba.kernels.simd.load_store import accumulate, load, size_of
from stn_numba.kernels.simd.scalars import greatest, least
from stn_numba.kernels.simd.scratch import (
    allocate,
    get_offset,
    get_position,
    get_product,
    put_product,
    release,
)
from stn_numba.kernels.simd.vectors import EIGHT, FOUR, ONE, floor, full, maximum, minimum
from stn_numba.kernels.volumes.forward import neighbors
from stn_numba.kernels.volumes.positions import GridSource, along_row, row_positions
from stn_numba.kernels.volumes.taps import are_together, keep_weights, kept_weights, linear_taps, pad_row, voxel_taps
from stn_numba.kernels.volumes.workspace import (
    ROW,
    ROWS,
    Job,
    Sampler,
    Volume,
    offsets_of,
    padded,
    positions,
    row_address,
    tap_rows,
    vectors_of,
    weight_rows,
)


@jit.inline
def row_is_in_reach(job, n, k, i, top, bottom):
    """Whether a row may add to the planes [top, bottom): known for affine maps of volumes that do not repeat."""
    axis = job.sampler.z_axis
    if job.grid.kind != AFFINE or axis[MODE] >= REFLECT or (top == 0 and bottom == axis[SIZE]):
        return True
    slope, offset = along_row(job.grid, n, 2, k, i)
    low, high, reach = offset, offset + slope * (job.size[3] - 1), np.float64(job.sampler.K)
    low, high = least(low, high), greatest(low, high)
    if axis[MODE] != ZEROS:  # positions beyond read the edge
        low, high = least(low, axis[SIZE] - 1.0), greatest(high, 0.0)
    return high >= top - reach and low <= bottom + reach


@jit.inline
def d_out_is_finite(job, d_row, j, count):
    """Whether the gradients of up to eight voxels from j on are finite: a weight of zero is to add nothing of any other."""
    d_out, finite = job.out, True
    for c in range(job.size[4]):
        d = load_eight(d_out.dtype, d_row + c * d_out.c_step, d_out.x_step, j, j + count, vectors_of(job.memory), job.zero)
        finite = finite and mask_bits(d - d >= 0.0) == 255
    return finite


@jit.inline
def scatter_eight(job, address, d_row, j, count, weights, band):
    """Add the shares of up to eight voxels to their 2 x 2 x 2 taps, channel by channel."""
    d_image, d_out, zero, vectors, (u, v, w) = job.d_image, job.out, job.zero, vectors_of(job.memory), weights
    whole = all_in_band(job, j, band)
    for c in range(job.size[4]):
        d = load_eight(d_out.dtype, d_row + c * d_out.c_step, d_out.x_step, j, j + count, vectors, zero)
        for a in range(2):
            for b in range(2):
                share = (w[0] if a == 0 else w[1]) * ((v[0] if b == 0 else v[1]) * d)
                put_product(vectors, 16 * (2 * a + b), u[0] * share)
                put_product(vectors, 16 * (2 * a + b) + 8, u[1] * share)
        for k in range(count):
            place = address + get_offset(offsets_of(job.memory), k) + c * d_image.c_step
            for a in range(2):
                if whole or is_in_band(job, j + k, a, band):
                    scatter_plane(job, place, vectors, 32 * a + k, a)


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
def scatter_channels(job, address, d_row, j, count, weights, band):
    """As `scatter_eight`, voxel by voxel with four contiguous channels at once."""
    d_image, d_out, zero, C, memory = job.d_image, job.out, job.zero, job.size[4], job.memory
    size, whole, dtype = size_of(d_image.dtype), all_in_band(job, j, band), d_image.dtype
    across, down, deep = neighbors(job.sampler, d_image)
    keep_weights(memory, weights)
    for k in range(count):
        u, v, w = kept_weights(memory, 0, k, zero), kept_weights(memory, 1, k, zero), kept_weights(memory, 2, k, zero)
        voxel, d_voxel = address + get_offset(offsets_of(memory), k), d_row + (j + k) * d_out.x_step
        for a in range(2):
            if whole or is_in_band(job, j + k, a, band):
                for b in range(2):
                    share, place, c = w[a] * v[b], voxel + a * deep + b * down, 0
                    while c + 4 <= C:
                        d = load(d_voxel + c * size, d_out.dtype, FOUR) * share
                        accumulate(place + c * size, dtype, d * u[0])
                        accumulate(place + across + c * size, dtype, d * u[1])
                        c += 4
                    while c < C:
                        d = load(d_voxel + c * size, d_out.dtype, ONE) * share
                        accumulate(place + c * size, dtype, d * u[0])
                        accumulate(place + across + c * size, dtype, d * u[1])
                        c += 1


@jit.inline
def first_planes(job, j, lanes):
    """The plane of the first tap of one or eight voxels, as float64."""
    size = job.sampler.z_axis[SIZE]
    return minimum(maximum(floor(get_position(padded(job)[2], j, lanes)), 0.0), greatest(size - 2.0, 0.0))


@jit.inline
def all_in_band(job, j, band):
    """Whether all taps of eight voxels lie in the planes [top, bottom)."""
    plane, (top, bottom) = first_planes(job, j, EIGHT), band
    return mask_bits((plane >= np.float64(top)) & (plane < bottom - 1.0)) == 255


@jit.inline
def is_in_band(job, j, a, band):
    """Whether the nearer (a = 0) or farther taps of voxel j lie in a band."""
    plane, (top, bottom) = first_planes(job, j, ONE), band
    return mask_bits((plane >= np.float64(top - a)) & (plane < np.float64(bottom - a))) == 1


@jit.inline
def some_in_band(job, j, band):
    """Whether any of eight voxels has a tap in a band."""
    plane, (top, bottom) = first_planes(job, j, EIGHT), band
    return mask_bits((plane >= top - 1.0) & (plane < np.float64(bottom))) != 0


@jit.rare
def scatter_anywhere(job, address, d_row, j, band):
    """Add the shares of voxel j, wherever it lies, tap by tap; a weight of zero adds nothing."""
    d_image, d_out, zero, K, (top, bottom) = job.d_image, job.out, job.zero, job.sampler.K, band
    voxel_taps(job, j, job.sampler.x_axis[MODE] == REFLECT)
    taps, weights = tap_rows(job.memory), weight_rows(job.memory)
    for c in range(K):
        plane, w = get_product(taps[2], np.int64(0), c), get_product(weights[2], zero, c)
        if w != zero and top <= plane < bottom:
            for b in range(K):
                line = address + plane * d_image.z_step + get_product(taps[1], np.int64(0), b) * d_image.y_step
                v = get_product(weights[1], zero, b)
                for a in range(K if v != zero else 0):
                    share, place = get_product(weights[0], zero, a), line
                    place += get_product(taps[0], np.int64(0), a) * d_image.x_step
                    for channel in range(job.size[4] if share != zero else 0):
                        d = load(d_row + j * d_out.x_step + channel * d_out.c_step, d_out.dtype)
                        value = share * (w * (v * d))
                        accumulate(place + channel * d_image.c_step, d_image.dtype, full(ONE, value))


@jit.inline
def scatter_row(job, address, d_row, count, band):
    """Add the shares of a row whose positions are in the workspace."""
    sampler, rows, d_image = job.sampler, padded(job), job.d_image
    steps = np.float64(d_image.x_step), np.float64(d_image.y_step), np.float64(d_image.z_step)
    size, out = size_of(d_image.dtype), job.out
    packed = job.size[4] > 1 and d_image.c_step == size and out.c_step == size and size_of(out.dtype) == size
    for j in range(0, count, 8):
        some, done = least(8, count - j), False
        if are_together(sampler, rows, j):
            if not some_in_band(job, j, band):
                continue
            weights = linear_taps(sampler, rows, j, offsets_of(job.memory), steps, type(job.zero)(1))
            done = d_out_is_finite(job, d_row, j, some)
            if done and packed:
                scatter_channels(job, address, d_row, j, some, weights, band)
            elif done:
                scatter_eight(job, address, d_row, j, some, weights, band)
        if not done:
            for k in range(j, j + some):
                scatter_anywhere(job, address, d_row, k, band)


@jit.inline
def scatter_output(job, n, m, band):
    """Add what output n gives to a band of volume m."""
    (_, d, h, w, _), d_out, d_image, memory = job.size, job.out, job.d_image, job.memory
    grid_index = n * job.steps[1]
    for k in range(d):
        for i in range(h):
            if not row_is_in_reach(job, grid_index, k, i, band[0], band[1]):
                continue
            for left in range(0, w, STRIP):
                count = least(STRIP, w - left)
                row_positions(job.grid, grid_index, k, i, left, count, positions(memory))
                pad_row(job, count, False)
                scatter_row(job, d_image.address + m * d_image.n_step, row_address(d_out, n, k, i, left), count, band)


@jit.tasks
def image_gradient(first, stop, tasks, volumes, bands, grid, sampler, steps, size, zero, d_out, d_image):
    """Add to the gradients by `volumes` volumes, each in some bands of planes; see `forward.sample`."""
    memory = allocate(8 * ROW * ROWS)
    if memory:
        sampler, d_out, d_image = Sampler(*sampler), Volume(*d_out), Volume(*d_image)
        job, depth = Job(sampler, GridSource(*grid), d_image, d_out, d_image, steps, size, memory, zero), sampler.z_axis[SIZE]
        for item in range(first * volumes * bands // tasks, stop * volumes * bands // tasks):
            m, piece = item // bands, item % bands
            band = piece * np.int64(depth) // bands, (piece + 1) * np.int64(depth) // bands
            start, end = (np.int64(0), size[0]) if steps[0] == 0 else (m, m + 1)
            for n in range(start, end):
                scatter_output(job, n, m, band)
        release(memory)
    return memory != 0
