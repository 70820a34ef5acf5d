"""The kernel `sample` for volumes: read a volume at the positions of a grid."""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import FILL_OUTSIDE, FILL_TAPS, NO_FILL, STRIP
from stn_numba.kernels.sampling.interpolate import checked
from stn_numba.kernels.sampling.workspace import to_next
from stn_numba.kernels.simd.lanes import halves, join, lane_sum, mask_bits
from stn_numba.kernels.simd.load_store import is_float, load, load_pairs, size_of, store
from stn_numba.kernels.simd.raw import load_back
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import allocate, get_offset, get_position, get_product, get_tap, put_product, release
from stn_numba.kernels.simd.vectors import EIGHT, FOUR, ONE, fma, full, where
from stn_numba.kernels.volumes.positions import GridSource, row_positions
from stn_numba.kernels.volumes.taps import (
    are_together,
    axis_steps,
    keep_weights,
    kept_weights,
    linear_weights,
    pad_row,
    put_offsets,
    voxel_taps,
)
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
def neighbors(sampler, volume):
    """Bytes from a voxel to the next along x, y and z; 0 along an axis of one voxel."""
    across, down = to_next(sampler.x_axis, volume.x_step), to_next(sampler.y_axis, volume.y_step)
    return across, down, to_next(sampler.z_axis, volume.z_step)


@jit.inline
def is_read_in_pairs(sampler, volume, out, C):
    """Whether two neighbors along x are contiguous, and channels are read one by one."""
    size = size_of(volume.dtype)
    packed = volume.c_step == size and out.c_step == size_of(out.dtype)
    return to_next(sampler.x_axis, volume.x_step) == size and (C == 1 or not packed)


@jit.inline
def reads_anything(u, v, w):
    """Whether any tap has a weight: far outside the taps at the edge have none, and may hold NaN."""
    return (u[0] + u[1]) * (v[0] + v[1]) * (w[0] + w[1]) > 0.0


@jit.inline
def linear_of_pairs(gathers, address, down, deep, dtype, offsets, u, v, w):
    """Eight voxels of one channel from their 2 x 2 x 2 taps: sums go along z first, then y, then x."""
    front_left, front_right = load_pairs(gathers, address, dtype, offsets, EIGHT)
    back_left, back_right = load_pairs(gathers, address + deep, dtype, offsets, EIGHT)
    upper_left, upper_right = fma(w[1], back_left, w[0] * front_left), fma(w[1], back_right, w[0] * front_right)
    front_left, front_right = load_pairs(gathers, address + down, dtype, offsets, EIGHT)
    back_left, back_right = load_pairs(gathers, address + down + deep, dtype, offsets, EIGHT)
    lower_left, lower_right = fma(w[1], back_left, w[0] * front_left), fma(w[1], back_right, w[0] * front_right)
    left, right = fma(v[1], lower_left, v[0] * upper_left), fma(v[1], lower_right, v[0] * upper_right)
    return where(reads_anything(u, v, w), fma(u[1], right, u[0] * left), 0.0)


@jit.inline
def side_by_side(address, across, dtype, lanes):
    """Some contiguous channels of the left tap and the right tap."""
    return join(load(address, dtype, lanes), load(address + across, dtype, lanes))


@jit.inline
def linear_channels(address, steps, dtype, u, v, w, lanes):
    """One voxel in some contiguous channels: sums go as in `linear_of_pairs`, the left and the right taps together."""
    across, down, deep = steps
    front, back = side_by_side(address, across, dtype, lanes), side_by_side(address + deep, across, dtype, lanes)
    upper = fma(w[1], back, w[0] * front)
    address += down
    front, back = side_by_side(address, across, dtype, lanes), side_by_side(address + deep, across, dtype, lanes)
    left, right = halves(fma(v[1], fma(w[1], back, w[0] * front), v[0] * upper))
    return fma(u[1], right, u[0] * left)


@jit.inline
def write_pairs(job, address, target, j, count, weights):
    """Write up to eight voxels from j on, channel by channel; return whether all are finite."""
    volume, out, zero, (u, v, w) = job.volume, job.out, job.zero, weights
    _, down, deep = neighbors(job.sampler, volume)
    finite, vectors = True, vectors_of(job.memory)
    for c in range(job.size[4]):
        voxels = address + c * volume.c_step
        offsets, gathers = offsets_of(job.memory), job.sampler.gathers
        value = linear_of_pairs(gathers, voxels, down, deep, volume.dtype, offsets, u, v, w)
        place = target + j * out.x_step + c * out.c_step
        if out.x_step == size_of(out.dtype) and count == 8:
            store(place, out.dtype, value)
        else:
            put_product(vectors, 0, value)
            for k in range(count):
                store(place + k * out.x_step, out.dtype, get_product(vectors, zero, k))
        if is_float(out.dtype):
            finite = finite and mask_bits(value - value >= 0.0) == 255
    return finite


@jit.inline
def write_channels(job, address, target, j, count, weights):
    """As `write_pairs`, voxel by voxel, with four contiguous channels at once."""
    volume, out, zero, C, memory = job.volume, job.out, job.zero, job.size[4], job.memory
    packed = volume.c_step == size_of(volume.dtype) and out.c_step == size_of(out.dtype)
    fours, check_4, check_1 = C // 4 * 4 if packed else 0, full(FOUR, zero), full(ONE, zero)
    read = mask_bits(reads_anything(weights[0], weights[1], weights[2]))
    keep_weights(memory, weights[0], weights[1], weights[2])
    for c in range(0, fours, 4):
        check_4 = write_some(job, address + c * volume.c_step, target + c * out.c_step, j, count, read, check_4, FOUR)
    for c in range(fours, C):
        check_1 = write_some(job, address + c * volume.c_step, target + c * out.c_step, j, count, read, check_1, ONE)
    check = lane_sum(check_4) + lane_sum(check_1)
    return check - check == zero


@jit.inline
def write_some(job, address, target, j, count, read, check, lanes):
    """Write some channels of up to eight voxels; `read` has a bit for each voxel of which any tap has a weight."""
    volume, out, zero, memory = job.volume, job.out, job.zero, job.memory
    steps, place = neighbors(job.sampler, volume), target + j * out.x_step
    for k in range(count):
        u, v, w = kept_weights(memory, 0, k, zero), kept_weights(memory, 1, k, zero), kept_weights(memory, 2, k, zero)
        value = full(lanes, zero)
        if read >> k & 1 == 1:
            value = linear_channels(address + get_offset(offsets_of(memory), k), steps, volume.dtype, u, v, w, lanes)
        store(place, out.dtype, value)
        check, place = checked(out.dtype, check, value), place + out.x_step
    return check


@jit.inline
def interpolate_voxel(job, address, start):
    """The weighted sum of the taps of one voxel in one channel, on top of `start`; weights of zero take nothing."""
    volume, zero, K, total = job.volume, job.zero, job.sampler.K, start
    x_taps, y_taps, z_taps = tap_rows(job.memory)
    x_weights, y_weights, z_weights = weight_rows(job.memory)
    for a in range(K):
        u, plane = get_product(x_weights, zero, a), zero
        if u != zero:
            x = address + get_product(x_taps, np.int64(0), a) * volume.x_step
            for b in range(K):
                v, column = get_product(y_weights, zero, b), zero
                if v != zero:
                    y = x + get_product(y_taps, np.int64(0), b) * volume.y_step
                    for c in range(K):
                        w = get_product(z_weights, zero, c)
                        if w != zero:
                            z = y + get_product(z_taps, np.int64(0), c) * volume.z_step
                            column = fma(w, load(z, volume.dtype), column)
                    plane = fma(v, column, plane)
            total = fma(u, plane, total)
    return total


@jit.rare
def write_voxel(job, address, target, j, only_nan):
    """Write voxel j of a row, wherever it lies; `only_nan`: just the channels that came out as NaN."""
    sampler, volume, out, zero, share = job.sampler, job.volume, job.out, job.zero, job.zero
    total, x = voxel_taps(job, j, False), get_position(padded(job)[0], j)
    if sampler.fill_mode == FILL_TAPS:
        share = type(zero)(1) - total  # of the fill value
    elif sampler.fill_mode == FILL_OUTSIDE and x != x:
        share = type(zero)(1)
    for c in range(job.size[4]):
        place = target + j * out.x_step + c * out.c_step
        before = load_back(place, out.dtype)
        if not only_nan or before != before:
            start = share * get_tap(sampler.fill, zero, c) if share != zero and sampler.fill_mode != NO_FILL else zero
            store(place, out.dtype, interpolate_voxel(job, address + c * volume.c_step, start))


@jit.inline
def sample_row(job, address, target, count):
    """Write the voxels of a row whose positions are in the workspace."""
    sampler, rows, zero = job.sampler, padded(job), job.zero
    pairs = is_read_in_pairs(sampler, job.volume, job.out, job.size[4])
    for j in range(0, count, 8):
        some, finite, together = least(8, count - j), False, are_together(sampler, rows, j)
        if together:
            first, weights, _ = linear_weights(sampler, rows, j, False, type(zero)(1))
            put_offsets(offsets_of(job.memory), first, axis_steps(sampler))
            if pairs:
                finite = write_pairs(job, address, target, j, some, weights)
            else:
                finite = write_channels(job, address, target, j, some, weights)
        if not (together and (finite or not is_float(job.out.dtype))):
            for k in range(j, j + some):
                write_voxel(job, address, target, k, together)


@jit.tasks
def sample(first, stop, tasks, volume, grid, sampler, steps, size, zero, out):
    """Read a volume into an output of `size` (N, d, h, w, C), whose numbers are computed as the dtype of `zero`.

    `steps` = (volume_step, grid_step) are 1, or 0 where one volume serves all grids or one grid all volumes.
    """
    (batch, d, h, w, _), memory = size, allocate(8 * ROW * ROWS)
    if memory:
        volume, out = Volume(*volume), Volume(*out)
        job = Job(Sampler(*sampler), GridSource(*grid), volume, out, steps, size, memory, zero)
        rows = batch * d * h
        for row in range(first * rows // tasks, stop * rows // tasks):
            n, k, i = row // (d * h), row % (d * h) // h, row % h
            address = volume.address + n * steps[0] * volume.n_step
            for left in range(0, w, STRIP):
                count = least(STRIP, w - left)
                row_positions(job.grid, n * steps[1], k, i, left, count, positions(memory))
                pad_row(job, count, False)
                sample_row(job, address, row_address(out, n, k, i, left), count)
        release(memory)
    return memory != 0
