"""The kernel `matrix_sums`: sums for Gauss-Newton steps by the nine numbers of a matrix, by gain and bias.

For each fixed pixel f at (u, v) with (X, Y, Z) = matrix (u, v, 1), m is the moving image at (X / Z, Y / Z) and (gx, gy) its
gradient there. A task sums products of a = gx / Z, b = gy / Z, c = -(a X + b Y) / Z, m, 1 and f over some rows of a pair of
images; `codes` lists them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.codes import AFFINE_SUMS, LINE, STRIP
from stn_numba.kernels.registration.pairs import Pairs, Planes, image_of, images_of, pairs_of, plane, read_pair, write_values
from stn_numba.kernels.registration.positions import Limits, lines_of_row, strip_positions
from stn_numba.kernels.registration.products import add_row, add_strip, clear_sums
from stn_numba.kernels.registration.read import read_strip
from stn_numba.kernels.registration.rows import GX, GY, INVERSE, PX, PY, ROWS_BYTES, SLOPE, SUMS, aligned, get, put
from stn_numba.kernels.simd.raw import store_raw
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import allocate, put_product, release


class Job(NamedTuple):
    """What all tasks have in common."""

    pairs: Pairs
    size: tuple[int, int, int, int]  # N, h, w, and tasks of a pair
    axes: tuple[float, float, float, float]
    us: int  # u of all columns


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
def sum_strip(job, n, images, lines, i, first, count):
    """Add the products of a strip of row i of pair n to the sums of the row; return whether any pixel is inside."""
    pairs, projective = job.pairs, job.pairs.options.projective
    start, inside = strip_positions(lines, pairs.limits, projective, first, count, pairs.work)
    if inside == 0:
        return False
    read_pair(pairs, n, images, 4 * (i * job.size[2] + first), start, count)
    if projective:
        scale_gradients(count, pairs.work)
    add_strip(job.us + 4 * first, projective, count, pairs.work)
    return True


@jit.inline
def sum_rows(job, n, images, matrix, top, bottom, lines):
    """Sum over the rows [top, bottom) of pair n, into three lines of sums at an address."""
    work, sums = job.pairs.work, LINE if job.pairs.options.projective else AFFINE_SUMS
    for k in range(3 * LINE):
        store_raw(lines + 8 * k, 0.0)
    for i in range(top, bottom):
        along, any_inside = lines_of_row(matrix, job.axes, i), False
        clear_sums(sums, work + SUMS)
        for first in range(0, job.size[2], STRIP):
            any_inside |= sum_strip(job, n, images, along, i, first, least(job.size[2] - first, STRIP))
        if any_inside:
            add_row(job.axes[2] * i + job.axes[3], sums, work, lines)


@jit.tasks
def matrix_sums(first, stop, planes, limits, size, indices, matrix, axes, options, out):
    """Sums of pairs (N, tasks of a pair, 3, LINE), float64, at the address `out`.

    `planes` are moving images, their masks, fixed images and their weights. `indices` = (moving, step, fixed, step).
    """
    (h, w, bands), memory = size[1:], allocate(ROWS_BYTES + 4 * size[2] + 256)
    if memory:
        work = aligned(memory)
        us = aligned(work + ROWS_BYTES)
        job = Job(pairs_of(planes, Limits(*limits), options, work), size, axes, us)
        put_columns(us, axes, w)
        for task in range(first, stop):
            n, band = task // bands, task % bands
            top, bottom = band * h // bands, (band + 1) * h // bands
            sum_rows(job, n, images_of(indices, n), matrix + 72 * n, top, bottom, out + 24 * LINE * task)
        release(memory)
    return memory != 0


@jit.tasks
def matrix_read(first, stop, moving, limits, size, index, step, matrix, axes, kernel, projective, out):
    """Values (N, h, w) of moving images under matrices, float32 at the address `out`; NaN outside."""
    (h, w, bands), memory = size[1:], allocate(ROWS_BYTES + 64)
    if memory:
        work, moving, limits = aligned(memory), Planes(*moving), Limits(*limits)
        for task in range(first, stop):
            n, band = task // bands, task % bands
            image = plane(moving, image_of(index, step, n))
            for i in range(band * h // bands, (band + 1) * h // bands):
                lines = lines_of_row(matrix + 72 * n, axes, i)
                for column in range(0, w, STRIP):
                    count, target = least(w - column, STRIP), out + 4 * ((n * h + i) * w + column)
                    start, _ = strip_positions(lines, limits, projective, column, count, work)
                    read_strip(kernel, image + 4 * start, limits.step, count, work)
                    write_values(count, work, target)
        release(memory)
    return memory != 0
