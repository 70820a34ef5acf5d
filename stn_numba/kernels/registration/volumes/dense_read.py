"""The kernel `dense_read`: what normal equations of any transform need of each voxel of some planes of a pair."""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.codes import STRIP
from stn_numba.kernels.registration.pairs import images_of, pairs_of, plane, write_values
from stn_numba.kernels.registration.rows import GX, GY, OVERLAP, WEIGHT, F, M, aligned, get
from stn_numba.kernels.registration.volumes.positions import Limits, dense_strip
from stn_numba.kernels.registration.volumes.read import read_pair, read_strip
from stn_numba.kernels.registration.volumes.rows import GZ, VOLUME_ROWS_BYTES
from stn_numba.kernels.simd.raw import store_raw
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import allocate, get_product, release


@jit.inline
def write_row(row, count, target):
    """Copy a scratch row."""
    whole = count // 8 * 8
    for j in range(0, whole, 8):
        store_raw(target + 4 * j, get(row, j))
    for j in range(whole, count):
        store_raw(target + 4 * j, get_product(row, np.float32(0), j))


@jit.tasks
def dense_read(first, stop, planes, limits, size, indices, positions, scale, start, options, derivatives, out):
    """Rows `start` to `start` + rows of pair n, read at positions (rows, w, 3): one task a row.

    `size` = (n, rows, w). With derivatives the output is (7, rows * w) float32: gradients by x, y and z, the value, the fixed
    voxel, the weight, and the weight without the robust factor; else values (rows * w), NaN outside.
    """
    (n, rows, w), memory = size, allocate(VOLUME_ROWS_BYTES + 64)
    if memory:
        work = aligned(memory)
        volumes, images = pairs_of(planes, Limits(*limits), options, work), images_of(indices, n)
        for row in range(first, stop):
            for column in range(0, w, STRIP):
                count, place = least(w - column, STRIP), row * w + column
                dense_strip(positions + 24 * place, scale, volumes.limits, count, work)
                if derivatives:
                    read_pair(volumes, n, images, 4 * (start * w + place), count)
                    for k, source in enumerate((GX, GY, GZ, M, F, WEIGHT, OVERLAP)):
                        write_row(work + source, count, out + 4 * (k * rows * w + place))
                else:
                    read_strip(volumes.options.kernel, plane(volumes.moving, images[0]), volumes.limits, count, work)
                    write_values(count, work, out + 4 * place)
        release(memory)
    return memory != 0
