"""The kernel `nearest` for volumes: copy the nearest voxel of each position bit for bit, see `sampling.nearest`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import SIZE, STEP, STRIP
from stn_numba.kernels.sampling.nearest import NOWHERE, copy_units, nearest_index
from stn_numba.kernels.simd.lanes import mask_bits
from stn_numba.kernels.simd.load_store import size_of
from stn_numba.kernels.simd.raw import gather_raw, load_raw, store_raw
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import allocate, get_offset, get_position, put_tap, release
from stn_numba.kernels.simd.vectors import EIGHT, fma, rint, to_int64
from stn_numba.kernels.volumes.positions import GridSource, row_positions
from stn_numba.kernels.volumes.workspace import ROW, Volume, row_address, scratch, three


class Job(NamedTuple):
    """What all rows of a call have in common."""

    axes: tuple[tuple[float, ...], ...]
    volume: Volume
    out: Volume
    channels: int  # items of a voxel
    count: int  # units of an item
    outside: int  # address of the voxel that is read outside
    gathers: int  # see `load_store.gather`


@jit.inline
def offsets_of_eight(axes, rows, j, count, offsets):
    """Write bytes from the first voxel to those that up to eight positions read, NOWHERE for none; whether all lie inside."""
    x, y, z = (rint(get_position(rows[0], j, EIGHT)), rint(get_position(rows[1], j, EIGHT)),
               rint(get_position(rows[2], j, EIGHT)))  # fmt: skip
    inside = mask_bits((x >= 0.0) & (x < axes[0][SIZE])) & mask_bits((y >= 0.0) & (y < axes[1][SIZE]))
    if inside & mask_bits((z >= 0.0) & (z < axes[2][SIZE])) == 255:
        put_tap(offsets, 0, to_int64(fma(x, axes[0][STEP], fma(y, axes[1][STEP], z * axes[2][STEP]))))
        return True
    for k in range(count):
        offset, nowhere = np.int64(0), False
        for a in range(3):
            index = nearest_index(axes[a], get_position(rows[a], j + k))
            offset += index * np.int64(axes[a][STEP])
            nowhere = nowhere or index < 0
        put_tap(offsets, k, NOWHERE if nowhere else offset)
    return False


@jit.inline
def copy_eight(job, unit, address, target, offsets, count, inside):
    """Copy up to eight voxels."""
    out, units, size = job.out, job.count, job.count * size_of(unit)
    for c in range(job.channels):
        here, there, outside = address + c * job.volume.c_step, target + c * out.c_step, job.outside + c * size
        if inside and units == 1 and count == 8 and out.x_step == size:
            store_raw(there, gather_raw(job.gathers, here, offsets, unit, EIGHT))
        elif inside and units == 1:
            for k in range(count):
                store_raw(there + k * out.x_step, load_raw(here + get_offset(offsets, k), unit))
        else:
            for k in range(count):
                offset = get_offset(offsets, k)
                copy_units(there + k * out.x_step, outside if offset == NOWHERE else here + offset, unit, units)


@jit.tasks
def nearest(first, stop, tasks, volume, grid, axes, steps, size, count, outside, gathers, out):
    """Copy to an output of `size` (N, d, h, w, items of a voxel); `outside` is the address of the voxel read outside.

    `axes` are (x, y, z), see `constants`; `steps` are those of `forward.sample`.
    """
    (batch, d, h, w, channels), memory = size, allocate(8 * ROW * 4)
    if memory:
        volume, grid, out = Volume(*volume), GridSource(*grid), Volume(*out)
        job = Job(axes, volume, out, channels, count, outside, gathers)
        xyz, offsets = three(memory, 0), scratch(memory, 3)
        rows = batch * d * h
        for row in range(first * rows // tasks, stop * rows // tasks):
            n, k, i = row // (d * h), row % (d * h) // h, row % h
            address = volume.address + n * steps[0] * volume.n_step
            for left in range(0, w, STRIP):
                pixels = least(STRIP, w - left)
                row_positions(grid, n * steps[1], k, i, left, pixels, xyz)
                target = row_address(out, n, k, i, left)
                for j in range(0, pixels, 8):
                    some = least(8, pixels - j)
                    inside = offsets_of_eight(axes, xyz, j, some, offsets)
                    copy_eight(job, volume.dtype, address, target + j * out.x_step, offsets, some, inside)
        release(memory)
    return memory != 0
