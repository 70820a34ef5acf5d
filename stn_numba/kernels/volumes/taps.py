"""Taps and weights of voxels: eight at a time where interpolation is linear, else one by one.

Both ways give the same bits. A NaN fails every comparison and ends with weights of 0 at tap 0: whatever a grid holds, no index
leaves the volume.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import (
    BEYOND,
    BILINEAR,
    FILL_OUTSIDE,
    INSIDE,
    MODE,
    NEAREST,
    NO_FILL,
    REFLECT,
    SIZE,
    STEP,
    TENT_SLOPE,
    ZEROS,
)
from stn_numba.kernels.sampling.edge_taps import edge_taps
from stn_numba.kernels.sampling.padding import clip_row, fold_row, round_row
from stn_numba.kernels.sampling.taps import BELOW_ONE, pixels_before, straight, tent_slopes, tents
from stn_numba.kernels.simd.lanes import all_in_unit_interval, mask_bits
from stn_numba.kernels.simd.scratch import get_position, get_tap, put_position, put_product, put_tap
from stn_numba.kernels.simd.vectors import EIGHT, fma, full, to_int64
from stn_numba.kernels.volumes.workspace import (
    factors,
    has_factors,
    is_moved,
    padded,
    positions,
    slope_rows,
    tap_rows,
    vectors_of,
    weight_rows,
)


@jit.inline
def axes_of(sampler):
    """The axes x, y, z."""
    return sampler.x_axis, sampler.y_axis, sampler.z_axis


@jit.inline
def pad_row(job, count, from_right):
    """Pad the positions of a row; return whether `factors` matter. `from_right`: for the gradient by the positions."""
    sampler = job.sampler
    if not is_moved(sampler):
        return False
    mode, sources, targets = sampler.x_axis[MODE], positions(job.memory), padded(job)
    if sampler.family == NEAREST:  # the voxel that is read decides whether it lies outside
        for k in range(3):
            round_row(count, sources[k], targets[k])
        sources = targets
    if sampler.fill_mode == FILL_OUTSIDE:
        discard_outside(sampler, count, sources, targets)
        sources = targets
    for k in range(3):
        axis, factor = axes_of(sampler)[k], factors(job.memory)[k]
        if mode >= REFLECT:
            fold_row(axis, count, sources[k], targets[k], factor, from_right)
        elif has_factors(sampler):
            clip_row(axis, count, sources[k], targets[k], factor)
    return has_factors(sampler)


@jit.inline
def repeat_last(rows, count):
    """Fill rows of positions up to a whole vector with the last position: what lies there must not change any result."""
    for k in range(3):
        last = get_position(rows[k], count - 1)
        for j in range(count, (count + 7) // 8 * 8):
            put_position(rows[k], j, last)


@jit.inline
def discard_outside(sampler, count, sources, targets):
    """Make positions beyond the outer edges of the border voxels NaN, so that they read the fill value."""
    for j in range(count):
        nothing = 0.0
        for k in range(3):
            x = get_position(sources[k], j)
            nothing = nothing if -0.5 <= x <= axes_of(sampler)[k][SIZE] - 0.5 else np.nan
        for k in range(3):
            put_position(targets[k], j, get_position(sources[k], j) + nothing)


@jit.inline
def weights_vanish_outside(sampler):
    """Whether eight voxels can be done together wherever they lie: beyond the volume the weights of a tent vanish."""
    return sampler.family == BILINEAR and sampler.x_axis[MODE] == ZEROS and sampler.fill_mode == NO_FILL


@jit.inline
def are_together(sampler, rows, j):
    """Whether eight voxels from j on can be done together, all of their taps inside."""
    if sampler.family != BILINEAR:
        return False
    if weights_vanish_outside(sampler):
        return True
    bits = 255
    for k in range(3):
        axis, x = axes_of(sampler)[k], get_position(rows[k], j, EIGHT)
        bits &= mask_bits((x >= axis[INSIDE]) & (x < axis[BEYOND]))
    return bits == 255


@jit.inline
def linear_weights(sampler, rows, j, slopes, one):
    """The first taps of eight voxels, as float64, and weights and slopes of these and the next ones: each along x, y and z.

    Weights and slopes are pairs of vectors of the type of `one`; without `slopes` the latter mean nothing.
    """
    width, height, depth, mode = sampler.x_axis[SIZE], sampler.y_axis[SIZE], sampler.z_axis[SIZE], sampler.x_axis[MODE]
    column, x, distance_x = pixels_before(width, get_position(rows[0], j, EIGHT), one)
    line, y, distance_y = pixels_before(height, get_position(rows[1], j, EIGHT), one)
    plane, z, distance_z = pixels_before(depth, get_position(rows[2], j, EIGHT), one)
    du = dv = dw = full(EIGHT, -one), full(EIGHT, one)
    inside = slopes & all_in_unit_interval(x, y) & all_in_unit_interval(z, z)  # without slopes that is hardly faster
    if inside & (width > 1.0) & (height > 1.0) & (depth > 1.0):  # a lone voxel has no neighbor
        u, v, w = straight(x), straight(y), straight(z)
    else:
        u, v, w = tents(width, x), tents(height, y), tents(depth, z)
        if slopes:
            farthest = np.inf if mode == ZEROS else BELOW_ONE  # where zeros follow the volume, there are slopes beyond it
            du, dv = tent_slopes(width, farthest, distance_x, one), tent_slopes(height, farthest, distance_y, one)
            dw = tent_slopes(depth, farthest, distance_z, one)
    return (column, line, plane), (u, v, w), (du, dv, dw)


@jit.inline
def put_offsets(offsets, first, steps):
    """Write the offsets of the first taps of eight voxels, by strides in bytes along x, y and z."""
    column, line, plane = first
    put_tap(offsets, 0, to_int64(fma(column, steps[0], fma(line, steps[1], plane * steps[2]))))


@jit.inline
def axis_steps(sampler):
    """Strides of the volume in bytes, as floats."""
    return sampler.x_axis[STEP], sampler.y_axis[STEP], sampler.z_axis[STEP]


@jit.inline
def keep_weights(memory, first, second, third):
    """Keep three pairs of weights of eight voxels where `kept_weights` finds them."""
    keep_pair(memory, 0, first)
    keep_pair(memory, 1, second)
    keep_pair(memory, 2, third)


@jit.inline
def keep_pair(memory, k, pair):
    """Keep the k-th pair of weights."""
    vectors = vectors_of(memory)
    put_tap(vectors, 16 * k, pair[0])
    put_tap(vectors, 16 * k + 8, pair[1])


@jit.inline
def kept_weights(memory, k, j, zero):
    """The k-th of the pairs that `keep_weights` kept, of voxel j of eight."""
    vectors = vectors_of(memory)
    return get_tap(vectors, zero, 16 * k + j), get_tap(vectors, zero, 16 * k + 8 + j)


@jit.inline
def voxel_taps(job, j, snap):
    """Find the taps of voxel j along all axes, wherever it lies; return the product of the sums of their weights."""
    sampler, total = job.sampler, type(job.zero)(1)
    for k in range(3):  # a loop, so that the code of an axis is compiled once
        axis, x = axes_of(sampler)[k], get_position(padded(job)[k], j)
        taps, weights = tap_rows(job.memory)[k], weight_rows(job.memory)[k]
        total *= edge_taps(sampler.family, sampler.K, axis, sampler.table, x, taps, weights, job.zero, snap)
    return total


@jit.inline
def voxel_slopes(job, j):
    """Find the derivatives of the weights of voxel j."""
    sampler = job.sampler
    family = TENT_SLOPE if sampler.family == BILINEAR else sampler.family
    for k in range(3):
        axis, x = axes_of(sampler)[k], get_position(padded(job)[k], j)
        taps, slopes = tap_rows(job.memory)[k], slope_rows(job.memory)[k]
        edge_taps(family, sampler.K, axis, sampler.slope_table, x, taps, slopes, job.zero, False)


@jit.inline
def clear_gradients(rows, first, stop, zero):
    """Set gradients by positions to 0."""
    for k in range(3):
        for j in range(first, stop):
            put_product(rows[k], j, zero)
