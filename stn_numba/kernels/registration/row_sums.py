"""The kernels `row_sums` and `row_read`: sums for Gauss-Newton steps where positions depend on parameters in any way.

For each fixed pixel f, m is the moving image at its position and (gx, gy) the gradient there. A task sums the products of all
pairs of q = (derivatives of m by P parameters, m, 1, f) over some rows of a pair of images.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.any_positions import Basis, basis_strip, dense_strip, interpolated
from stn_numba.kernels.registration.codes import STRIP
from stn_numba.kernels.registration.gather import sums_of_eight
from stn_numba.kernels.registration.pairs import Pairs, Planes, image_of, images_of, pairs_of, plane, read_pair, write_values
from stn_numba.kernels.registration.positions import Limits
from stn_numba.kernels.registration.products import add_eight
from stn_numba.kernels.registration.rank_update import add_products, square_root
from stn_numba.kernels.registration.read import read_strip
from stn_numba.kernels.registration.rows import GX, GY, OVERLAP, ROW, ROWS_BYTES, WEIGHT, F, M, aligned, get, put
from stn_numba.kernels.simd.raw import load_raw, store_raw
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import allocate, release
from stn_numba.kernels.simd.vectors import EIGHT, FOUR, fma, full, to_float64, where

PIXEL = np.float32(0)  # any number of the type of pixels


class Source(NamedTuple):
    """Where positions come from: from memory, or from basis functions."""

    positions: int  # (h w, 2) float64, or 0: then `basis` counts
    basis: tuple[int, int, int, int]  # see `Basis`; coefficients are (pairs, 2, count)
    scale: tuple[float, float, float, float]  # from normalized positions to pixels
    channels: int  # planes of a pair, which have the same positions


class Job(NamedTuple):
    """What all tasks have in common."""

    pairs: Pairs
    size: tuple[int, int, int, int]  # N, h, w, and tasks of a pair
    source: Source
    slopes: tuple[int, int, int, int]  # Jacobian (P, 2, rows, columns) float32: address, rows, columns, pixels to the next


@jit.inline
def strip_of(source, n, place, limits, count, work):
    """Fill the rows of offsets, fractions and weights of a strip of plane n; return whether any pixel is inside."""
    if source.positions:
        return dense_strip(source.positions, source.scale, place, limits, count, work)
    address, step, number, coefficients = source.basis
    basis = Basis(address, step, number, coefficients + 16 * number * (n // source.channels))
    return basis_strip(basis, source.scale, place, limits, count, work)


@jit.inline
def put_level_rows(rows, count, work):
    """Write m, 1 and f, and multiply the gradients, by the roots of the weights."""
    for j in range(0, count, 8):
        root = square_root(get(work + WEIGHT, j))
        counts = root > 0.0
        for source, target in ((M, 0), (F, 2 * ROW)):
            put(rows + target, j, where(counts, get(work + source, j) * root, 0.0))
        put(rows + ROW, j, root)
        put(work + GX, j, where(counts, get(work + GX, j) * root, 0.0))
        put(work + GY, j, where(counts, get(work + GY, j) * root, 0.0))


@jit.inline
def put_basis_rows(basis, place, rows, count, work):
    """Write the derivatives by the coefficients of x, then by those of y; 0 without a weight, where functions may be NaN."""
    _, step, number, _ = basis
    for b in range(number):
        values, x_row, y_row = basis[0] + b * step + 4 * place, rows + b * ROW, rows + (number + b) * ROW
        for j in range(0, count, 8):
            value = load_raw(values + 4 * j, PIXEL, EIGHT)
            value = where(get(work + WEIGHT, j) > 0.0, value, 0.0)
            put(x_row, j, value * get(work + GX, j))
            put(y_row, j, value * get(work + GY, j))


@jit.inline
def slope_of(address, below, part, j):
    """Derivatives of eight pixels, between those of every fourth pixel of two rows."""
    upper, lower = load_raw(address + j, PIXEL, FOUR), load_raw(address + below + j, PIXEL, FOUR)
    return interpolated(fma(lower - upper, part, upper))


@jit.inline
def put_slope_rows(job, i, first, count, rows, number):
    """Write the derivatives by all parameters, from a Jacobian of all pixels or of every fourth pixel of every fourth row."""
    address, height, width, every = job.slopes
    part, start = np.float32(0.25) * np.float32(i % 4), address + 4 * (i // every * width + first // every)
    for p in range(number):
        along_x = start + 8 * p * height * width
        along_y = along_x + 4 * height * width
        for j in range(0, count, 8):
            if every == 1:
                x, y = load_raw(along_x + 4 * j, PIXEL, EIGHT), load_raw(along_y + 4 * j, PIXEL, EIGHT)
            else:
                x, y = slope_of(along_x, 4 * width, part, j), slope_of(along_y, 4 * width, part, j)
            put(rows + p * ROW, j, x * get(job.pairs.work + GX, j) + y * get(job.pairs.work + GY, j))


@jit.inline
def sum_strip(job, n, images, i, first, count, number, out):
    """Add the products of a strip of row i of plane n to the sums at `out`."""
    work, rows = job.pairs.work, job.pairs.work + ROWS_BYTES
    place = i * job.size[2] + first
    if not strip_of(job.source, n, place, job.pairs.limits, count, work):
        return
    read_pair(job.pairs, n, images, 4 * place, 0, count)
    put_level_rows(rows + number * ROW, count, work)
    if job.slopes[0]:
        put_slope_rows(job, i, first, count, rows, number)
    else:
        put_basis_rows(job.source.basis, place, rows, count, work)
    padded = (number + 6) // 4 * 4
    add_products(rows, padded, count, out + 64)
    overlap = zero = full(EIGHT, PIXEL)
    for j in range(0, count, 8):
        overlap = overlap + get(work + OVERLAP, j)
    add_eight(out, to_float64(sums_of_eight(overlap, zero, zero, zero, zero, zero, zero, zero)))


@jit.tasks
def row_sums(first, stop, planes, limits, size, indices, source, slopes, number, options, words, out):
    """Sums of pairs (N, tasks of a pair, words), float64, at the address `out`: the overlap and seven zeros, then blocks.

    `planes` are moving images, their masks, fixed images and their weights. `indices` = (moving, step, fixed, step).
    """
    (h, w, bands), padded = size[1:], (number + 6) // 4 * 4
    memory = allocate(ROWS_BYTES + ROW * padded + 64)
    if memory:
        work = aligned(memory)
        job = Job(pairs_of(planes, Limits(*limits), options, work), size, Source(*source), slopes)
        for row in range(number + 3, padded):
            for j in range(0, STRIP, 8):
                put(work + ROWS_BYTES + row * ROW, j, full(EIGHT, PIXEL))
        for task in range(first, stop):
            n, band, target = task // bands, task % bands, out + 8 * words * task
            images = images_of(indices, n)
            for k in range(words):
                store_raw(target + 8 * k, 0.0)
            for i in range(band * h // bands, (band + 1) * h // bands):
                for column in range(0, w, STRIP):
                    sum_strip(job, n, images, i, column, least(w - column, STRIP), number, target)
        release(memory)
    return memory != 0


@jit.tasks
def row_read(first, stop, moving, limits, size, index, step, source, kernel, out):
    """Values (N, h, w) of moving images, float32 at the address `out`; NaN outside."""
    (h, w, bands), memory = size[1:], allocate(ROWS_BYTES + 64)
    if memory:
        work, moving, limits, source = aligned(memory), Planes(*moving), Limits(*limits), Source(*source)
        for task in range(first, stop):
            n, band = task // bands, task % bands
            image = plane(moving, image_of(index, step, n))
            for i in range(band * h // bands, (band + 1) * h // bands):
                for column in range(0, w, STRIP):
                    count, place = least(w - column, STRIP), i * w + column
                    strip_of(source, n, place, limits, count, work)
                    read_strip(kernel, image, limits.step, count, work)
                    write_values(count, work, out + 4 * (n * h * w + place))
        release(memory)
    return memory != 0
