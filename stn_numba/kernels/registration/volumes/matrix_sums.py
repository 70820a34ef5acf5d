"""The kernels `matrix_sums` and `matrix_read`: sums for Gauss-Newton steps by the sixteen numbers of a matrix, gain and bias.

As `kernels.registration.matrix_sums`, with an axis more; `codes` lists what is summed.
"""

from __future__ import annotations

from typing import NamedTuple

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.codes import STRIP
from stn_numba.kernels.registration.gather import sums_of_eight
from stn_numba.kernels.registration.matrix_sums import put_columns
from stn_numba.kernels.registration.pairs import Pairs, Planes, image_of, images_of, pairs_of, plane, write_values
from stn_numba.kernels.registration.products import add_cross, add_eight, add_levels, add_pairs, clear_sums, total
from stn_numba.kernels.registration.rows import GX, GY, INVERSE, PX, PY, SLOPE, WEIGHT, aligned, get, put
from stn_numba.kernels.registration.volumes.codes import AFFINE_SUMS, CROSS, DEPTH, LEVELS, LINE, LINES, PAIRS
from stn_numba.kernels.registration.volumes.positions import Limits, matrix_strip
from stn_numba.kernels.registration.volumes.read import read_pair, read_strip
from stn_numba.kernels.registration.volumes.rows import GZ, PZ, SUMS, VOLUME_ROWS_BYTES
from stn_numba.kernels.simd.raw import store_raw
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import allocate, release
from stn_numba.kernels.simd.vectors import to_float64, where


class Job(NamedTuple):
    """What all tasks have in common."""

    volumes: Pairs
    size: tuple[int, int, int, int, int]  # N, d, h, w, and tasks of a pair
    axes: tuple[float, ...]
    us: int  # u of all columns


@jit.inline
def scale_gradients(count, work):
    """Turn gradients into derivatives by X, Y, Z and the denominator, in the rows GX, GY, GZ and SLOPE."""
    for j in range(0, count, 8):
        counts = get(work + WEIGHT, j) > 0.0
        inverse = where(counts, get(work + INVERSE, j), 0.0)
        a, b, c = get(work + GX, j) * inverse, get(work + GY, j) * inverse, get(work + GZ, j) * inverse
        put(work + GX, j, a)
        put(work + GY, j, b)
        put(work + GZ, j, c)
        along = 0.0 - a * get(work + PX, j) - b * get(work + PY, j) - c * get(work + PZ, j)
        put(work + SLOPE, j, where(counts, along, 0.0))


@jit.inline
def add_strip(us, projective, count, work):
    """Add all products of a strip; `us` is the address of u for its voxels."""
    sums, gx, gy, gz, weight = work + SUMS, work + GX, work + GY, work + GZ, work + WEIGHT
    add_pairs(us, (gx, gx), (gx, gy), (gx, gz), weight, count, sums, PAIRS)
    add_pairs(us, (gy, gy), (gy, gz), (gz, gz), weight, count, sums, PAIRS + 9)
    for axis in range(3):
        add_cross(us, gx if axis == 0 else gy if axis == 1 else gz, count, work, sums, CROSS + 6 * axis)
    add_levels(count, work, sums, LEVELS)
    if projective:
        slope = work + SLOPE
        add_pairs(us, (gx, slope), (gy, slope), (gz, slope), weight, count, sums, DEPTH)
        add_pairs(us, (slope, slope), (slope, slope), (slope, slope), weight, count, sums, DEPTH + 9)
        add_cross(us, slope, count, work, sums, DEPTH + 18)


@jit.inline
def add_row(v, w, count, work, lines):
    """Add a row's sums, times 1, v, w, v^2, vw and w^2, to six lines of float64 at an address."""
    sums = work + SUMS
    for k in range(0, count, 8):
        a, b, c, d = total(sums, k), total(sums, k + 1), total(sums, k + 2), total(sums, k + 3)
        e, f, g, h = total(sums, k + 4), total(sums, k + 5), total(sums, k + 6), total(sums, k + 7)
        values, place = to_float64(sums_of_eight(a, b, c, d, e, f, g, h)), lines + 8 * k
        add_eight(place, values)
        add_eight(place + 8 * LINE, values * v)
        add_eight(place + 16 * LINE, values * w)
        add_eight(place + 24 * LINE, values * (v * v))
        add_eight(place + 32 * LINE, values * (v * w))
        add_eight(place + 40 * LINE, values * (w * w))


@jit.inline
def sum_row(job, n, images, matrix, k, i, lines):
    """Add the sums of row i of plane k of pair n to six lines of sums at an address."""
    volumes, (_, _, h, w, _), projective = job.volumes, job.size, job.volumes.options.projective
    work, sums, any_inside = volumes.work, LINE if projective else AFFINE_SUMS, False
    clear_sums(sums, work + SUMS)
    for first in range(0, w, STRIP):
        count = least(w - first, STRIP)
        if matrix_strip(matrix, job.axes, projective, k, i, first, volumes.limits, count, work):
            read_pair(volumes, n, images, 4 * ((k * h + i) * w + first), count)
            if projective:
                scale_gradients(count, work)
            add_strip(job.us + 4 * first, projective, count, work)
            any_inside = True
    if any_inside:
        add_row(job.axes[2] * i + job.axes[3], job.axes[4] * k + job.axes[5], sums, work, lines)


@jit.tasks
def matrix_sums(first, stop, planes, limits, size, indices, matrix, axes, options, out):
    """Sums of pairs (N, tasks of a pair, LINES, LINE), float64, at the address `out`."""
    (d, h, w, bands), memory = size[1:], allocate(VOLUME_ROWS_BYTES + 4 * size[3] + 256)
    if memory:
        work = aligned(memory)
        us = aligned(work + VOLUME_ROWS_BYTES)
        job = Job(pairs_of(planes, Limits(*limits), options, work), size, axes, us)
        put_columns(us, axes, w)
        for task in range(first, stop):
            n, band, lines = task // bands, task % bands, out + 8 * LINES * LINE * task
            images = images_of(indices, n)
            for k in range(LINES * LINE):
                store_raw(lines + 8 * k, 0.0)
            for row in range(band * d * h // bands, (band + 1) * d * h // bands):
                sum_row(job, n, images, matrix + 128 * n, row // h, row % h, lines)
        release(memory)
    return memory != 0


@jit.tasks
def matrix_read(first, stop, moving, limits, size, index, step, matrix, axes, kernel, projective, out):
    """Values (N, d, h, w) of moving volumes under matrices, float32 at the address `out`; NaN outside."""
    (d, h, w, bands), memory = size[1:], allocate(VOLUME_ROWS_BYTES + 64)
    if memory:
        work, moving, limits = aligned(memory), Planes(*moving), Limits(*limits)
        for task in range(first, stop):
            n, band = task // bands, task % bands
            volume = plane(moving, image_of(index, step, n))
            for row in range(band * d * h // bands, (band + 1) * d * h // bands):
                for column in range(0, w, STRIP):
                    count, k, i = least(w - column, STRIP), row // h, row % h
                    matrix_strip(matrix + 128 * n, axes, projective, k, i, column, limits, count, work)
                    read_strip(kernel, volume, limits, count, work)
                    write_values(count, work, out + 4 * ((n * d * h + row) * w + column))
        release(memory)
    return memory != 0
