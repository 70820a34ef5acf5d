"""Sums over a strip of products of values and gradients.

Eight pixels at a time add to vectors of sums, which stay in registers along a strip, and in memory along a row. At the row's
end the lanes are added up, in float64 from there on.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.registration.codes import CROSS, DEPTH, LEVELS, LINE, PAIRS
from stn_numba.kernels.registration.gather import sums_of_eight
from stn_numba.kernels.registration.rows import GX, GY, OVERLAP, SLOPE, SUMS, WEIGHT, F, M, get, put
from stn_numba.kernels.simd.raw import load_back, store_raw
from stn_numba.kernels.simd.vectors import EIGHT, fma, full, to_float64


@jit.inline
def total(sums, k):
    """The vector of a sum."""
    return get(sums, 8 * k)


@jit.inline
def put_totals(sums, k, values):
    """Write two vectors of sums."""
    put(sums, 8 * k, values[0])
    put(sums, 8 * k + 8, values[1])


@jit.inline
def put_three_totals(sums, k, values):
    """Write three vectors of sums."""
    put_totals(sums, k, (values[0], values[1]))
    put(sums, 8 * k + 16, values[2])


@jit.inline
def clear_sums(count, sums):
    """Clear the vectors of some sums."""
    for k in range(count):
        put(sums, 8 * k, full(EIGHT, np.float32(0)))


@jit.inline
def add_pairs(us, first, second, third, weight, count, sums, k):
    """Add the products of three pairs of rows, each times 1, u, u^2, to nine sums from k on."""
    a, b, c = total(sums, k), total(sums, k + 1), total(sums, k + 2)
    d, e, f = total(sums, k + 3), total(sums, k + 4), total(sums, k + 5)
    g, h, i = total(sums, k + 6), total(sums, k + 7), total(sums, k + 8)
    for j in range(0, count, 8):
        u, w = get(us, j), get(weight, j)
        x = get(first[0], j) * w * get(first[1], j)
        y = get(second[0], j) * w * get(second[1], j)
        z = get(third[0], j) * w * get(third[1], j)
        square = u * u
        a, b, c = a + x, fma(x, u, b), fma(x, square, c)
        d, e, f = d + y, fma(y, u, e), fma(y, square, f)
        g, h, i = g + z, fma(z, u, h), fma(z, square, i)
    put_three_totals(sums, k, (a, b, c))
    put_three_totals(sums, k + 3, (d, e, f))
    put_three_totals(sums, k + 6, (g, h, i))


@jit.inline
def add_cross(us, row, count, work, sums, k):
    """Add the products of a row with m, 1 and f, each times 1 and u, to six sums from k on."""
    a, b, c = total(sums, k), total(sums, k + 1), total(sums, k + 2)
    d, e, f = total(sums, k + 3), total(sums, k + 4), total(sums, k + 5)
    for j in range(0, count, 8):
        u, one = get(us, j), get(row, j) * get(work + WEIGHT, j)
        m, fixed = one * get(work + M, j), one * get(work + F, j)
        a, b = a + m, fma(m, u, b)
        c, d = c + one, fma(one, u, d)
        e, f = e + fixed, fma(fixed, u, f)
    put_three_totals(sums, k, (a, b, c))
    put_three_totals(sums, k + 3, (d, e, f))


@jit.inline
def add_levels(count, work, sums, k):
    """Add the products of m, 1 and f with each other, and the weights without the robust factor, to seven sums from k on."""
    a, b, c = total(sums, k), total(sums, k + 1), total(sums, k + 2)
    d, e, f = total(sums, k + 3), total(sums, k + 4), total(sums, k + 5)
    overlap = total(sums, k + 6)
    for j in range(0, count, 8):
        m, fixed, w = get(work + M, j), get(work + F, j), get(work + WEIGHT, j)
        by_m, by_fixed = m * w, fixed * w
        a, b, c = fma(by_m, m, a), b + by_m, fma(by_m, fixed, c)
        d, e, f = d + w, e + by_fixed, fma(by_fixed, fixed, f)
        overlap = overlap + get(work + OVERLAP, j)
    put_three_totals(sums, k, (a, b, c))
    put_three_totals(sums, k + 3, (d, e, f))
    put(sums, 8 * k + 48, overlap)


@jit.inline
def add_strip(us, projective, count, work):
    """Add all products of a strip; `us` is the address of u for its pixels."""
    sums, gx, gy = work + SUMS, work + GX, work + GY
    add_pairs(us, (gx, gx), (gx, gy), (gy, gy), work + WEIGHT, count, sums, PAIRS)
    add_cross(us, gx, count, work, sums, CROSS)
    add_cross(us, gy, count, work, sums, CROSS + 6)
    add_levels(count, work, sums, LEVELS)
    if projective:
        slope = work + SLOPE
        add_pairs(us, (gx, slope), (gy, slope), (slope, slope), work + WEIGHT, count, sums, DEPTH)
        add_cross(us, slope, count, work, sums, DEPTH + 9)


@jit.inline
def add_row(v, count, work, lines):
    """Add a row's sums, times the powers 0, 1, 2 of v, to three lines of float64 at an address."""
    for k in range(0, count, 8):
        a, b, c, d = total(work + SUMS, k), total(work + SUMS, k + 1), total(work + SUMS, k + 2), total(work + SUMS, k + 3)
        e, f, g, h = total(work + SUMS, k + 4), total(work + SUMS, k + 5), total(work + SUMS, k + 6), total(work + SUMS, k + 7)
        sums, place = to_float64(sums_of_eight(a, b, c, d, e, f, g, h)), lines + 8 * k
        add_eight(place, sums)
        add_eight(place + 8 * LINE, sums * v)
        add_eight(place + 16 * LINE, sums * (v * v))


@jit.inline
def add_eight(place, values):
    """Add eight numbers to those at an address."""
    store_raw(place, load_back(place, values) + values)
