"""The kernels `lattice_sums` and `lattice_read`: sums for Gauss-Newton steps by the displacements of a lattice.

Voxels of a row between the same control points are a cell of it. For each cell the products of gradients, and of gradients with
m, 1 and f, are summed times weights along x, or products of two such weights; those of rows times weights along y; those of
planes times weights along z. So a voxel costs the same in any lattice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.any_positions import cell_of
from stn_numba.kernels.registration.codes import STRIP
from stn_numba.kernels.registration.lattice_sums import add_three, lane_sums
from stn_numba.kernels.registration.pairs import Pairs, Planes, image_of, images_of, pairs_of, plane, write_values
from stn_numba.kernels.registration.products import add_eight, add_levels, clear_sums
from stn_numba.kernels.registration.rows import GX, GY, ROW, WEIGHT, F, M, aligned, get, put
from stn_numba.kernels.registration.volumes import codes
from stn_numba.kernels.registration.volumes.positions import Lattice, Limits, lattice_strip, write_shifts
from stn_numba.kernels.registration.volumes.read import read_pair, read_strip
from stn_numba.kernels.registration.volumes.rows import GZ, PRODUCTS, SUMS, VOLUME_ROWS_BYTES
from stn_numba.kernels.simd.raw import load_back, load_raw, store_raw
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import allocate, release
from stn_numba.kernels.simd.vectors import EIGHT, full

words_of = jit.inline(codes.words_of_cell)
cell_size = jit.inline(codes.cell_size)


class Job(NamedTuple):
    """What all tasks have in common, and where a task keeps vectors of a cell's sums, displacements and sums of a plane."""

    volumes: Pairs
    size: tuple[int, int, int, int, int]  # N, d, h, w, and tasks of a pair
    axes: tuple[float, ...]
    scale: tuple[float, ...]
    cell: int
    control: int
    plane: int


@jit.inline
def lattice_of(numbers, n, channels):
    """The lattice of volume n."""
    control, planes, rows, columns, reach, cells, count, across, step, down, deep, fronts, tops = numbers
    control += 24 * planes * rows * columns * (n // channels)
    return Lattice(control, planes, rows, columns, reach, cells, count, across, step, down, deep, fronts, tops)


@jit.inline
def clear(place, words):
    """Clear float64 numbers, eight at a time."""
    for k in range(0, words, 8):
        store_raw(place + 8 * k, full(EIGHT, 0.0))


@jit.inline
def put_products(count, work):
    """Write the fifteen rows of weighted products."""
    rows = work + PRODUCTS
    for j in range(0, count, 8):
        gx, gy, gz, weight = get(work + GX, j), get(work + GY, j), get(work + GZ, j), get(work + WEIGHT, j)
        m, f, x, y, z = get(work + M, j), get(work + F, j), gx * weight, gy * weight, gz * weight
        put(rows, j, x * gx)
        put(rows + ROW, j, x * gy)
        put(rows + 2 * ROW, j, x * gz)
        put(rows + 3 * ROW, j, y * gy)
        put(rows + 4 * ROW, j, y * gz)
        put(rows + 5 * ROW, j, z * gz)
        put(rows + 6 * ROW, j, x * m)
        put(rows + 7 * ROW, j, x)
        put(rows + 8 * ROW, j, x * f)
        put(rows + 9 * ROW, j, y * m)
        put(rows + 10 * ROW, j, y)
        put(rows + 11 * ROW, j, y * f)
        put(rows + 12 * ROW, j, z * m)
        put(rows + 13 * ROW, j, z)
        put(rows + 14 * ROW, j, z * f)


@jit.inline
def sum_columns(lattice, first, left, right, work, sums):
    """Sum the products of the columns [left, right) of a strip, times weights along x, to vectors."""
    reach, step, rows, across, k = lattice.reach, lattice.across_step, work + PRODUCTS, lattice.across + 4 * first, 0
    for a in range(reach):
        for b in range(a + 1):
            for part in range(2):
                add_three(rows + 3 * part * ROW, across + a * step, across + b * step, left, right, sums + 32 * k)
                k += 3
    k = words_of(reach)[0]
    for a in range(reach):
        for part in range(2, 5):
            add_three(rows + 3 * part * ROW, across + a * step, 0, left, right, sums + 32 * k)
            k += 3


@jit.inline
def add_row(lattice, sums, down, target):
    """Add the sums of a row of a cell, times weights along y, to those of a plane."""
    reach = lattice.reach
    long, short, _ = words_of(reach)
    cross = target + 8 * (reach * (reach + 1) // 2) * long
    for k in range(0, long, 8):
        values, place = lane_sums(sums, k), target + 8 * k
        for c in range(reach):
            for d in range(c + 1):
                add_eight(place, values * (load_raw(down + 8 * c, 0.0) * load_raw(down + 8 * d, 0.0)))
                place += 8 * long
    for k in range(0, short, 8):
        values, place = lane_sums(sums, long + k), cross + 8 * k
        for c in range(reach):
            add_eight(place, values * load_raw(down + 8 * c, 0.0))
            place += 8 * short


@jit.inline
def add_plane(reach, source, deep, target):
    """Add the sums of a plane of a cell, times weights along z, to those of the cell."""
    pairs, (long, short, _) = reach * (reach + 1) // 2, words_of(reach)
    products, cross = pairs * long, reach * short
    for k in range(0, products, 8):
        values, place = load_back(source + 8 * k, full(EIGHT, 0.0)), target + 8 * k
        for c in range(reach):
            for d in range(c + 1):
                add_eight(place, values * (load_raw(deep + 8 * c, 0.0) * load_raw(deep + 8 * d, 0.0)))
                place += 8 * products
    for k in range(0, cross, 8):
        values, place = load_back(source + 8 * (products + k), full(EIGHT, 0.0)), target + 8 * (pairs * products + k)
        for c in range(reach):
            add_eight(place, values * load_raw(deep + 8 * c, 0.0))
            place += 8 * cross


@jit.inline
def sum_strip(job, lattice, n, images, row, first, count, out):
    """Add the sums of a strip of row (k, i) of volume n: of m, 1, f and the overlap, and of all cells."""
    work, (k, i), (_, _, h, w, _) = job.volumes.work, row, job.size
    if not lattice_strip(lattice, job.scale, job.axes, job.control, k, i, first, job.volumes.limits, count, work):
        return
    read_pair(job.volumes, n, images, 4 * ((k * h + i) * w + first), count)
    clear_sums(8, work + SUMS)
    add_levels(count, work, work + SUMS, 0)
    add_eight(out, lane_sums(work + SUMS, 0))
    put_products(count, work)
    words = words_of(lattice.reach)[2]
    for cell in range(lattice.count):
        left, right, _ = cell_of(lattice, cell, first, count)
        if left < right:
            sum_columns(lattice, first, left, right, work, job.cell)
            add_row(lattice, job.cell, lattice.down + 8 * i * lattice.reach, job.plane + 8 * words * cell)


@jit.inline
def sum_block(job, lattice, n, images, bounds, out):
    """Sum planes [k, k_end) and rows [i, i_end) of volume n, which have the same control points."""
    reach, w = lattice.reach, job.size[3]
    words, size = words_of(reach)[2], cell_size(reach)
    k_first, k_end = load_raw(bounds, np.int64(0)), load_raw(bounds + 8, np.int64(0))
    i_first, i_end = load_raw(bounds + 16, np.int64(0)), load_raw(bounds + 24, np.int64(0))
    clear(out, 8 + size * lattice.count)
    for k in range(k_first, k_end):
        clear(job.plane, words * lattice.count)
        for i in range(i_first, i_end):
            write_shifts(lattice, job.scale, k, i, job.control)
            for column in range(0, w, STRIP):
                sum_strip(job, lattice, n, images, (k, i), column, least(w - column, STRIP), out)
        for cell in range(lattice.count):
            deep = lattice.deep + 8 * k * reach
            add_plane(reach, job.plane + 8 * words * cell, deep, out + 64 + 8 * size * cell)


@jit.tasks
def lattice_sums(first, stop, planes, limits, size, indices, axes, scale, numbers, channels, bounds, options, words, out):
    """Sums of pairs (N, tasks of a pair, words), float64, at the address `out`.

    Task k of a pair sums the planes and rows of `bounds`, (tasks, 4) int64, which have the same control points.
    """
    bands, columns, reach, cells = size[4], numbers[3], numbers[4], numbers[6]
    vectors, plane_words = words_of(reach)[0] + words_of(reach)[1], words_of(reach)[2] * cells
    memory = allocate(VOLUME_ROWS_BYTES + 32 * vectors + 12 * columns + 8 * plane_words + 256)
    if memory:
        work = aligned(memory)
        cell = aligned(work + VOLUME_ROWS_BYTES)
        control = aligned(cell + 32 * vectors)
        volumes = pairs_of(planes, Limits(*limits), options, work)
        job = Job(volumes, size, axes, scale, cell, control, aligned(control + 12 * columns))
        clear_sums(vectors, cell)
        for task in range(first, stop):
            n, band = task // bands, task % bands
            lattice, images = lattice_of(numbers, n, channels), images_of(indices, n)
            sum_block(job, lattice, n, images, bounds + 32 * band, out + 8 * words * task)
        release(memory)
    return memory != 0


@jit.tasks
def lattice_read(first, stop, moving, limits, size, index, step, axes, scale, numbers, channels, kernel, out):
    """Values (N, d, h, w) of moving volumes, float32 at the address `out`; NaN outside."""
    (d, h, w, bands), memory = size[1:], allocate(VOLUME_ROWS_BYTES + 12 * numbers[3] + 128)
    if memory:
        work, moving, limits = aligned(memory), Planes(*moving), Limits(*limits)
        control = aligned(work + VOLUME_ROWS_BYTES)
        for task in range(first, stop):
            n, band = task // bands, task % bands
            volume, lattice = plane(moving, image_of(index, step, n)), lattice_of(numbers, n, channels)
            for row in range(band * d * h // bands, (band + 1) * d * h // bands):
                k, i = row // h, row % h
                write_shifts(lattice, scale, k, i, control)
                for column in range(0, w, STRIP):
                    count = least(w - column, STRIP)
                    lattice_strip(lattice, scale, axes, control, k, i, column, limits, count, work)
                    read_strip(kernel, volume, limits, count, work)
                    write_values(count, work, out + 4 * ((n * d * h + row) * w + column))
        release(memory)
    return memory != 0
