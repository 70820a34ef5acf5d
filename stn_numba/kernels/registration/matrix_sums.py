"""The kernel `matrix_sums`: sums for Gauss-Newton steps by the nine numbers of a matrix, by gain and bias.

For each fixed pixel f at (u, v) with (X, Y, Z) = matrix (u, v, 1), m is the moving image at (X / Z, Y / Z) and (gx, gy) its
gradient there. A task sums products of a = gx / Z, b = gy / Z, c = -(a X + b Y) / Z, m, 1 and f over some rows of a pair of
images; `codes` lists them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.codes import AFFINE_SUMS, LINE, NOT_ROBUST, STRIP
from stn_numba.kernels.registration.positions import Limits, lines_of_row, strip_positions
from stn_numba.kernels.registration.products import add_row, add_strip, clear_sums
from stn_numba.kernels.registration.read import read_strip
from stn_numba.kernels.registration.rows import (
    GX,
    GY,
    INVERSE,
    PX,
    PY,
    ROWS_BYTES,
    SLOPE,
    SUMS,
    WEIGHT,
    F,
    M,
    aligned,
    get,
    put,
)
from stn_numba.kernels.registration.weights import (
    clear_weightless,
    copy_row,
    keep_overlap,
    multiply_by_mask,
    multiply_by_robust,
    multiply_by_row,
)
from stn_numba.kernels.simd.load_store import load
from stn_numba.kernels.simd.raw import load_raw, store_raw
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import allocate, get_product, put_product, release
from stn_numba.kernels.simd.vectors import where


class Planes(NamedTuple):
    """Images of one channel: address of the first, bytes to the next; 0 where there are none."""

    address: int
    n_step: int


class Options(NamedTuple):
    """How sums are computed."""

    kernel: int  # LINEAR, B_SPLINE or KEYS
    projective: int  # whether the last row of a matrix may be other than (0, 0, 1)
    robust: int  # NOT_ROBUST, HUBER or TUKEY
    lighting: int  # (N, 3) float64: gain, bias and threshold, for the robust factor


class Job(NamedTuple):
    """What all tasks have in common."""

    moving: Planes
    mask: Planes
    fixed: Planes
    fixed_weight: Planes
    limits: Limits
    size: tuple[int, int, int, int]  # N, h, w, and tasks of a pair
    axes: tuple[float, float, float, float]
    options: Options
    work: int  # scratch rows
    us: int  # u of all columns


@jit.inline
def plane(planes, n):
    """The address of image n, 0 where there are none."""
    return planes.address + n * planes.n_step


@jit.inline
def put_columns(us, axes, w):
    """Write u of all columns, and of some behind them."""
    for j in range((w + 7) // 8 * 8):
        put_product(us, j, np.float32(axes[0] * j + axes[1]))


@jit.inline
def scale_gradients(count, work):
    """Turn gradients into a, b and c, in the rows GX, GY and SLOPE."""
    for j in range(0, count, 8):
        inverse = get(work + INVERSE, j)
        a, b = get(work + GX, j) * inverse, get(work + GY, j) * inverse
        put(work + GX, j, a)
        put(work + GY, j, b)
        put(work + SLOPE, j, 0.0 - a * get(work + PX, j) - b * get(work + PY, j))


@jit.inline
def weigh_strip(job, n, images, place, start, count):
    """Apply masks and the robust factor to a strip; `place` is its first pixel in the fixed image, in bytes."""
    work, options = job.work, job.options
    moving, fixed = images
    if job.mask.address:
        multiply_by_mask(plane(job.mask, moving) + 4 * start, job.limits.step, count, work)
    if job.fixed_weight.address:
        copy_row(plane(job.fixed_weight, fixed) + place, count, work + SLOPE)
        multiply_by_row(work + SLOPE, count, work)
    if job.mask.address or job.fixed_weight.address:
        clear_weightless(count, work)
    keep_overlap(count, work)
    if options.robust != NOT_ROBUST:
        lighting = options.lighting + 24 * n
        gain, bias, threshold = load(lighting, 0.0), load(lighting + 8, 0.0), load(lighting + 16, 0.0)
        multiply_by_robust(options.robust, gain, bias, threshold, count, work)


@jit.inline
def sum_strip(job, n, images, lines, i, first, count):
    """Add the products of a strip of row i of pair n to the sums of the row; return whether any pixel is inside."""
    work, options, limits = job.work, job.options, job.limits
    start, inside = strip_positions(lines, limits, options.projective, first, count, work)
    if inside == 0:
        return False
    place = 4 * (i * job.size[2] + first)
    copy_row(plane(job.fixed, images[1]) + place, count, work + F)
    read_strip(options.kernel, plane(job.moving, images[0]) + 4 * start, limits.step, count, work)
    weigh_strip(job, n, images, place, start, count)
    if options.projective:
        scale_gradients(count, work)
    add_strip(job.us + 4 * first, options.projective, count, work)
    return True


@jit.inline
def sum_rows(job, n, images, matrix, top, bottom, lines):
    """Sum over the rows [top, bottom) of pair n, into three lines of sums at an address."""
    sums = LINE if job.options.projective else AFFINE_SUMS
    for k in range(3 * LINE):
        store_raw(lines + 8 * k, 0.0)
    for i in range(top, bottom):
        along, any_inside = lines_of_row(matrix, job.axes, i), False
        clear_sums(sums, job.work + SUMS)
        for first in range(0, job.size[2], STRIP):
            any_inside |= sum_strip(job, n, images, along, i, first, least(job.size[2] - first, STRIP))
        if any_inside:
            add_row(job.axes[2] * i + job.axes[3], sums, job.work, lines)


@jit.inline
def pair_of(index, step, n):
    """Which image pair n has: by an index (N,) int64 at an address, or n * step where that is 0."""
    return load_raw(index + 8 * n, np.int64(0)) if index else n * step


@jit.tasks
def matrix_sums(first, stop, planes, limits, size, indices, matrix, axes, options, out):
    """Sums of pairs (N, tasks of a pair, 3, LINE), float64, at the address `out`.

    `planes` are moving images, their masks, fixed images and their weights. `indices` = (moving, step, fixed, step).
    """
    (h, w, bands), memory = size[1:], allocate(ROWS_BYTES + 4 * size[2] + 256)
    if memory:
        work = aligned(memory)
        us = aligned(work + ROWS_BYTES)
        moving, mask, fixed, weight = planes
        job = Job(
            Planes(*moving),
            Planes(*mask),
            Planes(*fixed),
            Planes(*weight),
            Limits(*limits),
            size,
            axes,
            Options(*options),
            work,
            us,
        )
        put_columns(us, axes, w)
        for task in range(first, stop):
            n, band = task // bands, task % bands
            images = pair_of(indices[0], indices[1], n), pair_of(indices[2], indices[3], n)
            top, bottom = band * h // bands, (band + 1) * h // bands
            sum_rows(job, n, images, matrix + 72 * n, top, bottom, out + 24 * LINE * task)
        release(memory)
    return memory != 0


@jit.tasks
def matrix_read(first, stop, moving, mask, limits, size, indices, matrix, axes, kernel, projective, out):
    """Values (N, h, w) of moving images under matrices, float32 at the address `out`; NaN outside and where a mask is 0."""
    (h, w, bands), memory = size[1:], allocate(ROWS_BYTES + 64)
    if memory:
        work, moving, mask, limits = aligned(memory), Planes(*moving), Planes(*mask), Limits(*limits)
        for task in range(first, stop):
            n, band = task // bands, task % bands
            k = pair_of(indices[0], indices[1], n)
            for i in range(band * h // bands, (band + 1) * h // bands):
                lines = lines_of_row(matrix + 72 * n, axes, i)
                for column in range(0, w, STRIP):
                    count, target = least(w - column, STRIP), out + 4 * ((n * h + i) * w + column)
                    start, _ = strip_positions(lines, limits, projective, column, count, work)
                    read_strip(kernel, plane(moving, k) + 4 * start, limits.step, count, work)
                    if mask.address:
                        multiply_by_mask(plane(mask, k) + 4 * start, limits.step, count, work)
                    write_values(count, work, target)
        release(memory)
    return memory != 0


@jit.inline
def write_values(count, work, target):
    """Write the values of a strip, NaN without a weight."""
    for j in range(0, count, 8):
        value = where(get(work + WEIGHT, j) > 0.0, get(work + M, j), np.nan)
        if j + 8 <= count:
            store_raw(target + 4 * j, value)
        else:
            put(work + M, j, value)
            for k in range(j, count):
                store_raw(target + 4 * k, get_product(work + M, np.float32(0), k))
