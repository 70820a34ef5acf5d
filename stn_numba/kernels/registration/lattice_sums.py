"""The kernels `lattice_sums` and `lattice_read`: sums for Gauss-Newton steps by the displacements of a lattice.

Pixels of a row between the same control points are a cell of it. For each cell the products of gradients, and of gradients with
m, 1 and f, are summed times weights along x, or products of two such weights; then times those along y. So a pixel costs the
same in any lattice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration import codes
from stn_numba.kernels.registration.any_positions import Lattice, cell_of, lattice_strip
from stn_numba.kernels.registration.codes import STRIP
from stn_numba.kernels.registration.gather import sums_of_eight
from stn_numba.kernels.registration.pairs import Pairs, Planes, image_of, images_of, pairs_of, plane, read_pair, write_values
from stn_numba.kernels.registration.positions import Limits
from stn_numba.kernels.registration.products import add_eight, add_levels, clear_sums, total
from stn_numba.kernels.registration.read import read_strip
from stn_numba.kernels.registration.rows import GX, GY, ROW, ROWS_BYTES, SUMS, WEIGHT, F, M, aligned, get, put
from stn_numba.kernels.simd.raw import load_raw, store_raw
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import allocate, release
from stn_numba.kernels.simd.vectors import EIGHT, arange, astype, full, to_float64, where

PIXEL = np.float32(0)  # any number of the type of pixels
PRODUCTS = ROWS_BYTES  # nine rows: products of gradients, then of gradients with m, 1, f
CELL = ROWS_BYTES + 9 * ROW  # vectors of sums of a cell

words_of = jit.inline(codes.words_of_cell)


class Job(NamedTuple):
    """What all tasks have in common."""

    pairs: Pairs
    size: tuple[int, int, int, int]  # N, h, w, and tasks of a pair
    axes: tuple[float, float, float, float]
    scale: tuple[float, float, float, float]


@jit.inline
def lattice_of(numbers, n, channels):
    """The lattice of plane n."""
    control, rows, columns, reach, cells, count, across, step, down, tops = numbers
    control += 16 * rows * columns * (n // channels)
    return Lattice(control, rows, columns, reach, cells, count, across, step, down, tops)


@jit.inline
def put_products(count, work):
    """Write the nine rows of weighted products."""
    rows = work + PRODUCTS
    for j in range(0, count, 8):
        gx, gy, weight = get(work + GX, j), get(work + GY, j), get(work + WEIGHT, j)
        m, f, x, y = get(work + M, j), get(work + F, j), gx * weight, gy * weight
        put(rows, j, x * gx)
        put(rows + ROW, j, x * gy)
        put(rows + 2 * ROW, j, y * gy)
        put(rows + 3 * ROW, j, x * m)
        put(rows + 4 * ROW, j, x)
        put(rows + 5 * ROW, j, x * f)
        put(rows + 6 * ROW, j, y * m)
        put(rows + 7 * ROW, j, y)
        put(rows + 8 * ROW, j, y * f)


@jit.inline
def add_three(rows, weights, others, left, right, sums):
    """Sum three rows times weights, and times others unless there are none, over the columns [left, right)."""
    a = b = c = full(EIGHT, PIXEL)
    lanes = astype(arange(EIGHT), PIXEL)
    for j in range(left, right, 8):
        factor = load_raw(weights + 4 * j, PIXEL, EIGHT)
        if others:
            factor = factor * load_raw(others + 4 * j, PIXEL, EIGHT)
        inside = lanes < np.float32(right - j)
        a = a + where(inside, factor * get(rows, j), 0.0)
        b = b + where(inside, factor * get(rows + ROW, j), 0.0)
        c = c + where(inside, factor * get(rows + 2 * ROW, j), 0.0)
    put(sums, 0, a)
    put(sums, 8, b)
    put(sums, 16, c)


@jit.inline
def lane_sums(sums, k):
    """The sums of the lanes of eight vectors, as float64."""
    a, b, c, d = total(sums, k), total(sums, k + 1), total(sums, k + 2), total(sums, k + 3)
    e, f, g, h = total(sums, k + 4), total(sums, k + 5), total(sums, k + 6), total(sums, k + 7)
    return to_float64(sums_of_eight(a, b, c, d, e, f, g, h))


@jit.inline
def add_cell(lattice, first, left, right, down, work, out):
    """Add the sums of the columns [left, right) of a strip to those of a cell; `down` is the address of a row's weights."""
    reach, step, rows, sums = lattice.reach, lattice.across_step, work + PRODUCTS, work + CELL
    across, k = lattice.across + 4 * first, 0
    pairs, long, short, _ = words_of(reach)
    for a in range(reach):
        for b in range(a + 1):
            add_three(rows, across + a * step, across + b * step, left, right, sums + 32 * k)
            k += 3
    k = long
    for a in range(reach):
        for axis in range(2):
            add_three(rows + (3 + 3 * axis) * ROW, across + a * step, 0, left, right, sums + 32 * k)
            k += 3
    for k in range(0, long, 8):
        values, place = lane_sums(sums, k), out + 8 * k
        for c in range(reach):
            for d in range(c + 1):
                add_eight(place, values * (load_raw(down + 8 * c, 0.0) * load_raw(down + 8 * d, 0.0)))
                place += 8 * long
    for k in range(0, short, 8):
        values, place = lane_sums(sums, long + k), out + 8 * (pairs * long + k)
        for c in range(reach):
            add_eight(place, values * load_raw(down + 8 * c, 0.0))
            place += 8 * short


@jit.inline
def sum_strip(job, lattice, n, images, i, first, count, out):
    """Add the sums of a strip of row i of plane n to those at `out`: of m, 1, f and the overlap, then of all cells."""
    work = job.pairs.work
    if not lattice_strip(lattice, job.scale, job.axes, i, first, job.pairs.limits, count, work):
        return
    read_pair(job.pairs, n, images, 4 * (i * job.size[2] + first), 0, count)
    clear_sums(8, work + SUMS)
    add_levels(count, work, work + SUMS, 0)
    add_eight(out, lane_sums(work + SUMS, 0))
    put_products(count, work)
    words = words_of(lattice.reach)[3]
    for k in range(lattice.count):
        left, right, _ = cell_of(lattice, k, first, count)
        if left < right:
            add_cell(lattice, first, left, right, lattice.down + 8 * i * lattice.reach, work, out + 64 + 8 * words * k)


@jit.tasks
def lattice_sums(first, stop, planes, limits, size, indices, axes, scale, numbers, channels, bounds, options, words, out):
    """Sums of pairs (N, tasks of a pair, words), float64, at the address `out`.

    Task k of a pair sums the rows [k, k + 1) of `bounds`, (tasks + 1,) int64, which have the same control points.
    """
    bands, reach = size[3], numbers[3]
    vectors = 3 * (reach * (reach + 1) // 2) + 6 * reach + 16
    memory = allocate(CELL + 32 * vectors + 64)
    if memory:
        work = aligned(memory)
        job = Job(pairs_of(planes, Limits(*limits), options, work), size, axes, scale)
        clear_sums(vectors, work + CELL)
        for task in range(first, stop):
            n, band, target = task // bands, task % bands, out + 8 * words * task
            lattice = lattice_of(numbers, n, channels)
            images = images_of(indices, n)
            for k in range(words):
                store_raw(target + 8 * k, 0.0)
            for i in range(load_raw(bounds + 8 * band, np.int64(0)), load_raw(bounds + 8 * band + 8, np.int64(0))):
                for column in range(0, size[2], STRIP):
                    sum_strip(job, lattice, n, images, i, column, least(size[2] - column, STRIP), target)
        release(memory)
    return memory != 0


@jit.tasks
def lattice_read(first, stop, moving, limits, size, index, step, axes, scale, numbers, channels, kernel, out):
    """Values (N, h, w) of moving images, float32 at the address `out`; NaN outside."""
    (h, w, bands), memory = size[1:], allocate(ROWS_BYTES + 64)
    if memory:
        work, moving, limits = aligned(memory), Planes(*moving), Limits(*limits)
        for task in range(first, stop):
            n, band = task // bands, task % bands
            image, lattice = plane(moving, image_of(index, step, n)), lattice_of(numbers, n, channels)
            for i in range(band * h // bands, (band + 1) * h // bands):
                for column in range(0, w, STRIP):
                    count = least(w - column, STRIP)
                    lattice_strip(lattice, scale, axes, i, column, limits, count, work)
                    read_strip(kernel, image, limits.step, count, work)
                    write_values(count, work, out + 4 * ((n * h + i) * w + column))
        release(memory)
    return memory != 0
