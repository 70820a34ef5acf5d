"""The kernel `grid_gradient` for volumes: gradient of <d_out, out> by the grid's own numbers.

A task does some rows of some outputs. Each piece of an output has sums of its own, so the order of additions does not depend
on the number of threads.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import FILL_TAPS, MODE, REFLECT, STRIP
from stn_numba.kernels.gradients.single_channel import load_eight
from stn_numba.kernels.simd.lanes import lane_sum, mask_bits
from stn_numba.kernels.simd.load_store import load, load_pairs, size_of
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import (
    allocate,
    get_offset,
    get_position,
    get_product,
    get_tap,
    put_position,
    put_product,
    release,
)
from stn_numba.kernels.simd.vectors import EIGHT, FOUR, ONE, fma, full, where
from stn_numba.kernels.volumes.forward import is_read_in_pairs, neighbors
from stn_numba.kernels.volumes.grid_sums import add_to_grid
from stn_numba.kernels.volumes.positions import GridSource, row_positions
from stn_numba.kernels.volumes.taps import (
    are_together,
    axis_steps,
    clear_gradients,
    keep_weights,
    kept_weights,
    linear_slopes,
    linear_taps,
    pad_row,
    voxel_slopes,
    voxel_taps,
)
from stn_numba.kernels.volumes.workspace import (
    ROW,
    ROWS,
    Job,
    Sampler,
    Volume,
    factors,
    gradients,
    offsets_of,
    padded,
    positions,
    row_address,
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
def gradients_of_pairs(job, address, d_row, j, count, weights, slopes):
    """Gradients by the positions of eight voxels, channel by channel; return whether all are finite."""
    volume, d_out, zero, offsets, (u, v, w), (du, dv, dw) = (
        job.volume, job.out, job.zero, offsets_of(job.memory), weights, slopes
    )  # fmt: skip
    dtype, (_, down, deep) = volume.dtype, neighbors(job.sampler, volume)
    gx = gy = gz = full(EIGHT, zero)
    for channel in range(job.size[4]):
        place = address + channel * volume.c_step
        d = load_eight(dtype, d_row + channel * d_out.c_step, d_out.x_step, j, j + count, vectors_of(job.memory), zero)
        front = load_pairs(place, dtype, offsets, EIGHT) + load_pairs(place + down, dtype, offsets, EIGHT)
        back = load_pairs(place + deep, dtype, offsets, EIGHT) + load_pairs(place + down + deep, dtype, offsets, EIGHT)
        x, y, z = along_axes(front, back, u, v, w, du, dv, dw)
        gx, gy, gz = fma(x, d, gx), fma(y, d, gy), fma(z, d, gz)
    inside = has_slope(du, dv, dw)
    gx, gy, gz = where(inside, gx, 0.0), where(inside, gy, 0.0), where(inside, gz, 0.0)
    put_gradients(job.memory, j, gx, gy, gz)
    total = gx + gy + gz
    return mask_bits(total - total >= 0.0) == 255


@jit.inline
def gradients_of_channels(job, address, d_row, j, count, weights, slopes):
    """As `gradients_of_pairs`, voxel by voxel."""
    volume, d_out, zero, C, memory, finite = job.volume, job.out, job.zero, job.size[4], job.memory, True
    size = size_of(volume.dtype)
    packed = volume.c_step == size and d_out.c_step == size
    keep_weights(memory, weights + slopes)
    for k in range(count):
        u, v, w = kept_weights(memory, 0, k, zero), kept_weights(memory, 1, k, zero), kept_weights(memory, 2, k, zero)
        du, dv, dw = kept_weights(memory, 3, k, zero), kept_weights(memory, 4, k, zero), kept_weights(memory, 5, k, zero)
        voxel, d_voxel, c = address + get_offset(offsets_of(memory), k), d_row + (j + k) * d_out.x_step, 0
        gx = gy = gz = zero
        if has_slope(du, dv, dw):
            while packed and c + 4 <= C:
                x, y, z = voxel_along_axes(job, voxel + c * size, d_voxel + c * size, u, v, w, du, dv, dw, FOUR)
                gx, gy, gz, c = gx + x, gy + y, gz + z, c + 4
            while c < C:
                place, d_place = voxel + c * volume.c_step, d_voxel + c * d_out.c_step
                x, y, z = voxel_along_axes(job, place, d_place, u, v, w, du, dv, dw, ONE)
                gx, gy, gz, c = gx + x, gy + y, gz + z, c + 1
        put_gradients(memory, j + k, gx, gy, gz)
        total = gx + gy + gz
        finite = finite and total - total == zero
    return finite


@jit.inline
def voxel_along_axes(job, address, d_address, u, v, w, du, dv, dw, lanes):
    """Gradients by the position of one voxel over some contiguous channels."""
    dtype, (across, down, deep) = job.volume.dtype, neighbors(job.sampler, job.volume)
    front = plane_taps(address, across, down, dtype, lanes)
    back = plane_taps(address + deep, across, down, dtype, lanes)
    x, y, z = along_axes(front, back, u, v, w, du, dv, dw)
    d = load(d_address, dtype, lanes)
    return lane_sum(x * d), lane_sum(y * d), lane_sum(z * d)


@jit.inline
def plane_taps(address, across, down, dtype, lanes):
    """The four taps of a plane."""
    upper = load(address, dtype, lanes), load(address + across, dtype, lanes)
    return (*upper, load(address + down, dtype, lanes), load(address + down + across, dtype, lanes))


@jit.inline
def tap_value(job, place, d_voxel):
    """The sum over channels of a tap, less the fill value where taps beyond the edge read it, times the gradient."""
    sampler, total = job.sampler, job.zero
    for c in range(job.size[4]):
        value = load(place + c * job.volume.c_step, job.volume.dtype)
        value -= get_tap(sampler.fill, job.zero, c) if sampler.fill_mode == FILL_TAPS else job.zero
        total += value * load(d_voxel + c * job.out.c_step, job.out.dtype)
    return total


@jit.rare
def voxel_gradient(job, address, d_row, j):
    """Write the gradient by the position of voxel j, wherever it lies, tap by tap; a slope of zero takes nothing."""
    volume, zero, K, memory = job.volume, job.zero, job.sampler.K, job.memory
    voxel_taps(job, j, job.sampler.x_axis[MODE] == REFLECT)
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
                    total = tap_value(
                        job, line + get_product(taps[0], np.int64(0), a) * volume.x_step, d_row + j * job.out.x_step
                    )
                    gx += x * total if x != zero else zero
                    gy += y * total if y != zero else zero
                    gz += z * total if z != zero else zero
    put_gradients(memory, j, gx, gy, gz)


@jit.inline
def row_gradients(job, address, d_row, count):
    """Write the gradients by the padded positions of a row."""
    sampler, rows, one = job.sampler, padded(job), type(job.zero)(1)
    pairs, steps = is_read_in_pairs(sampler, job.volume, job.out, job.size[4]), axis_steps(sampler)
    for j in range(0, count, 8):
        some, finite = least(8, count - j), False
        if are_together(sampler, rows, j):
            weights = linear_taps(sampler, rows, j, offsets_of(job.memory), steps, one)
            slopes = (linear_slopes(sampler.x_axis, rows[0], j, one), linear_slopes(sampler.y_axis, rows[1], j, one),
                      linear_slopes(sampler.z_axis, rows[2], j, one))  # fmt: skip
            if pairs:
                finite = gradients_of_pairs(job, address, d_row, j, some, weights, slopes)
            else:
                finite = gradients_of_channels(job, address, d_row, j, some, weights, slopes)
        if not finite:
            for k in range(j, j + some):
                voxel_gradient(job, address, d_row, k)
    clear_gradients(gradients(job.memory), count, (count + 7) // 8 * 8, job.zero)


@jit.inline
def padding_vjp(job, count, is_padded):
    """Apply the chain rule through padding; where nothing is left of a gradient, its position becomes 0: it may be NaN."""
    memory, zero = job.memory, job.zero
    for axis in range(3):
        xs, row, factor = positions(memory)[axis], gradients(memory)[axis], factors(memory)[axis]
        for j in range(count):
            gradient = get_product(row, zero, j)
            if is_padded and gradient != zero:
                share = type(zero)(get_product(factor, 0.0, j))
                gradient = gradient * share if share != zero else zero
            put_product(row, j, gradient)
            put_position(xs, j, get_position(xs, j) if gradient != zero else 0.0)
        for j in range(count, (count + 7) // 8 * 8):
            put_position(xs, j, 0.0)


@jit.tasks
def grid_gradient(first, stop, tasks, pieces, volume, grid, sampler, steps, size, zero, d_out, d_grid, numbers):
    """Add to the gradients by grids: pieces of outputs, one after the other; see `forward.sample`.

    `d_grid` is the address of the gradient by dense positions (N, d, h, w, 3) of their dtype, or of (N, pieces, numbers) sums
    in float64.
    """
    (batch, d, h, w, _), memory = size, allocate(8 * ROW * ROWS)
    if memory:
        volume, d_out = Volume(*volume), Volume(*d_out)
        job = Job(Sampler(*sampler), GridSource(*grid), volume, d_out, volume, steps, size, memory, zero)
        for item in range(first * batch * pieces // tasks, stop * batch * pieces // tasks):
            n, piece = item // pieces, item % pieces
            address = volume.address + n * steps[0] * volume.n_step
            for row in range(piece * d * h // pieces, (piece + 1) * d * h // pieces):
                k, i = row // h, row % h
                for left in range(0, w, STRIP):
                    count = least(STRIP, w - left)
                    row_positions(job.grid, n * steps[1], k, i, left, count, positions(memory))
                    is_padded = pad_row(job, count, True)
                    row_gradients(job, address, row_address(d_out, n, k, i, left), count)
                    padding_vjp(job, count, is_padded)
                    add_to_grid(job, n, k, i, left, count, d_grid, item, numbers)
        release(memory)
    return memory != 0
