"""The kernel `row_sums`: sums for Gauss-Newton steps of transforms whose positions depend on parameters in any way.

For each fixed pixel f, the moving image has the value m and the gradient (gx, gy) at the pixel's position. A task sums w q q^T
over some pixels of a pair. With a basis q = (gx b_0, gx b_1, ..., gy b_0, gy b_1, ..., m, 1, f), with a Jacobian of positions
q = (gx dx_0 + gy dy_0, gx dx_1 + gy dy_1, ..., m, 1, f).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.codes import NOT_ROBUST, SHORT_STRIP
from stn_numba.kernels.registration.matrix_sums import Planes, pair_of, plane, write_values
from stn_numba.kernels.registration.positions import Limits
from stn_numba.kernels.registration.positions_given import FLOAT32, Source, given_taps
from stn_numba.kernels.registration.rank_update import add_products
from stn_numba.kernels.registration.read import read_strip
from stn_numba.kernels.registration.rows import GX, GY, OVERLAP, ROW, ROWS_BYTES, WEIGHT, F, M, aligned, get, put
from stn_numba.kernels.registration.weights import (
    copy_fixed,
    keep_overlap,
    multiply_by_fixed,
    multiply_by_mask,
    multiply_by_robust,
    scale_by_roots,
)
from stn_numba.kernels.simd.lanes import lane_sum
from stn_numba.kernels.simd.load_store import load, load_interleaved
from stn_numba.kernels.simd.raw import load_back, store_raw
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import allocate, get_product, put_product, release
from stn_numba.kernels.simd.vectors import EIGHT, astype, fma, full, where


class Job(NamedTuple):
    """What all tasks have in common."""

    moving: Planes
    mask: Planes
    fixed: Planes
    fixed_weight: Planes
    limits: Limits
    source: Source
    jacobian: int  # (N, P, pixels, 2) float64; 0 if positions come from a basis
    P: int
    kernel: int
    robust: int
    lighting: int  # (N, 3) float64: gain, bias and threshold
    work: int  # scratch rows
    rows: int  # those whose products are summed


@jit.inline
def read_pixels(job, n, images, first, count):
    """Fill the rows M, GX, GY, F, WEIGHT and OVERLAP for the pixels from `first` on of pair n."""
    work, limits, (moving, fixed), offset = job.work, job.limits, images, 4 * first
    given_taps(job.source, limits, n, first, count, work)
    if job.mask.address:
        multiply_by_mask(plane(job.mask, moving), limits.step, count, work)
    if job.fixed_weight.address:
        multiply_by_fixed(plane(job.fixed_weight, fixed) + offset, count, work)
    copy_fixed(plane(job.fixed, fixed) + offset, count, work)
    read_strip(job.kernel, plane(job.moving, moving), limits.step, count, work)
    keep_overlap(count, work)
    if job.robust != NOT_ROBUST:
        lighting = job.lighting + 24 * n
        gain, bias, threshold = load(lighting, 0.0), load(lighting + 8, 0.0), load(lighting + 16, 0.0)
        multiply_by_robust(job.robust, gain, bias, threshold, count, work)
    if job.robust != NOT_ROBUST or job.mask.address or job.fixed_weight.address:
        scale_by_roots(count, work)


@jit.inline
def eight_functions(source, b, j):
    """Function b of the basis at the eight pixels from pixel j on, 0 behind the last one."""
    place = source.basis + (b * source.pixels + j) * source.item
    if j + 8 <= source.pixels:
        return astype(load(place, 0.0, EIGHT), FLOAT32) if source.item == 8 else load(place, FLOAT32, EIGHT)
    put_product(source.scratch, 0, full(EIGHT, FLOAT32))
    for k in range(source.pixels - j):
        one = np.float32(load(place + 8 * k, 0.0)) if source.item == 8 else load(place + 4 * k, FLOAT32)
        put_product(source.scratch, k, one)
    return get_product(source.scratch, FLOAT32, 0, EIGHT)


@jit.inline
def eight_derivatives(source, place, j):
    """Derivatives of eight positions along x, and along y, at an address of those of pixel j; 0 behind the last one."""
    if j + 8 <= source.pixels:
        along_x, along_y = load_interleaved(place, 0.0, EIGHT)
        return astype(along_x, FLOAT32), astype(along_y, FLOAT32)
    put_product(source.scratch, 0, full(EIGHT, FLOAT32))
    put_product(source.scratch, 8, full(EIGHT, FLOAT32))
    for k in range(source.pixels - j):
        put_product(source.scratch, k, np.float32(load(place + 16 * k, 0.0)))
        put_product(source.scratch, k + 8, np.float32(load(place + 16 * k + 8, 0.0)))
    return get_product(source.scratch, FLOAT32, 0, EIGHT), get_product(source.scratch, FLOAT32, 8, EIGHT)


@jit.inline
def finite(values, weight):
    """Numbers where there is a weight, else 0: beyond the image a basis may be infinite."""
    return where(weight > 0.0, values, 0.0)


@jit.inline
def put_basis_rows(job, first, count):
    """Write the rows of derivatives, for a basis."""
    work, B = job.work, job.source.B
    for b in range(B):
        by_x, by_y = job.rows + b * ROW, job.rows + (B + b) * ROW
        for j in range(0, count, 8):
            function = finite(eight_functions(job.source, b, first + j), get(work + WEIGHT, j))
            put(by_x, j, function * get(work + GX, j))
            put(by_y, j, function * get(work + GY, j))


@jit.inline
def put_jacobian_rows(job, n, first, count):
    """Write the rows of derivatives, for a Jacobian."""
    work = job.work
    for p in range(job.P):
        row, place = job.rows + p * ROW, job.jacobian + 16 * ((n * job.P + p) * job.source.pixels + first)
        for j in range(0, count, 8):
            along_x, along_y = eight_derivatives(job.source, place + 16 * j, first + j)
            value = fma(along_y, get(work + GY, j), along_x * get(work + GX, j))
            put(row, j, finite(value, get(work + WEIGHT, j)))


@jit.inline
def put_level_rows(job, count):
    """Write the rows of m, 1 and f; return how many rows there are by now."""
    known = job.P if job.jacobian else 2 * job.source.B
    for j in range(0, count, 8):
        row = job.rows + known * ROW
        put(row, j, get(job.work + M, j))
        put(row + ROW, j, get(job.work + WEIGHT, j))
        put(row + 2 * ROW, j, get(job.work + F, j))
    return known + 3


@jit.inline
def sum_pixels(job, n, images, first, last, size, sums, out):
    """Sum over the pixels [first, last) of pair n, into `sums` numbers and the sum of weights behind them."""
    for k in range(sums + 1):
        store_raw(out + 8 * k, 0.0)
    for start in range(first, last, SHORT_STRIP):
        count = least(last - start, SHORT_STRIP)
        read_pixels(job, n, images, start, count)
        if job.jacobian:
            put_jacobian_rows(job, n, start, count)
        else:
            put_basis_rows(job, start, count)
        put_level_rows(job, count)
        add_products(job.rows, size, count, out)
        overlap = full(EIGHT, FLOAT32)
        for j in range(0, count, 8):
            overlap = overlap + get(job.work + OVERLAP, j)
        store_raw(out + 8 * sums, load_back(out + 8 * sums, 0.0) + lane_sum(overlap))


@jit.tasks
def row_sums(first, stop, planes, limits, tasks, indices, source, jacobian, options, size, sums, out):
    """Sums of N pairs, `tasks` of each: (N, tasks, sums + 1) float64 at the address `out`.

    `planes` are moving images, their masks, fixed images and their weights. `indices` = (moving, step, fixed, step), `source`
    a `Source` without its scratch, `jacobian` = (address, P), `options` = (kernel, robust, lighting). `size` is the number of
    rows, a multiple of 4, and `sums` that of their products.
    """
    memory = allocate(ROWS_BYTES + size * ROW + 512)
    if memory:
        work = aligned(memory)
        rows, scratch = work + ROWS_BYTES + 128, work + ROWS_BYTES
        rows = aligned(rows)
        moving, mask, fixed, weight = planes
        positions, basis, B, item, coefficients, pixels = source
        given = Source(positions, basis, B, item, coefficients, pixels, scratch)
        planes_of_job = Planes(*moving), Planes(*mask), Planes(*fixed), Planes(*weight)
        job = Job(*planes_of_job, Limits(*limits), given, *jacobian, *options, work, rows)
        for row in range(size):
            for j in range(0, SHORT_STRIP, 8):
                put(rows + row * ROW, j, full(EIGHT, FLOAT32))
        blocks = (pixels + 7) // 8
        for task in range(first, stop):
            n, part = task // tasks, task % tasks
            images = pair_of(indices[0], indices[1], n), pair_of(indices[2], indices[3], n)
            begin, end = part * blocks // tasks * 8, least((part + 1) * blocks // tasks * 8, pixels)
            sum_pixels(job, n, images, begin, end, size, sums, out + 8 * (sums + 1) * task)
        release(memory)
    return memory != 0


@jit.tasks
def read_positions(first, stop, moving, mask, limits, tasks, indices, source, kernel, out):
    """Values (N, pixels) of moving images at positions, float32 at the address `out`; NaN outside and where a mask is 0."""
    memory = allocate(ROWS_BYTES + 256)
    if memory:
        work, moving, mask, limits = aligned(memory), Planes(*moving), Planes(*mask), Limits(*limits)
        positions, basis, B, item, coefficients, pixels = source
        given = Source(positions, basis, B, item, coefficients, pixels, work + ROWS_BYTES)
        blocks = (pixels + 7) // 8
        for task in range(first, stop):
            n, part = task // tasks, task % tasks
            k = pair_of(indices[0], indices[1], n)
            last = least((part + 1) * blocks // tasks * 8, pixels)
            for start in range(part * blocks // tasks * 8, last, SHORT_STRIP):
                count = least(last - start, SHORT_STRIP)
                given_taps(given, limits, n, start, count, work)
                if mask.address:
                    multiply_by_mask(plane(mask, k), limits.step, count, work)
                read_strip(kernel, plane(moving, k), limits.step, count, work)
                write_values(count, work, out + 4 * (n * pixels + start))
        release(memory)
    return memory != 0
