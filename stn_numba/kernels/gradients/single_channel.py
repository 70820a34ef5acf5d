"""Both gradients where the pixels of one channel lie side by side: eight pixels at a time, bilinear."""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.sampling.taps import all_between, line_slopes, lines, neighbors, tent_slopes, tents
from stn_numba.kernels.sampling.workspace import TURNS
from stn_numba.kernels.simd.load_store import accumulate, load, load_one, load_pairs, size_of
from stn_numba.kernels.simd.scratch import positions, products, put_product, put_products, tap
from stn_numba.kernels.simd.vectors import EIGHT, ONE, add_product, in_turns, plus, times, where_positive_there


@jit.inline
def plane_gradients(axes, like, address, down, d_row, d_step, wanted, first, stop, rows, zero, more):
    """Gradients by the positions (gx, gy), and what the pixels give to their 2 x 2 taps (upper, lower), as wanted.

    `more`: gradients of a further channel, added to those that are there.
    """
    (x_axis, y_axis, farthest), (by_image, by_grid) = axes, wanted
    for j in range(first, stop, 8):
        _, behind_x, from_x = neighbors(x_axis, positions(rows.x_places, 0.0, j, EIGHT))
        _, behind_y, from_y = neighbors(y_axis, positions(rows.y_places, 0.0, j, EIGHT))
        if all_between(x_axis, y_axis, behind_x, behind_y):
            (u0, u1), (v0, v1) = lines(x_axis, behind_x), lines(y_axis, behind_y)
            slopes = line_slopes(x_axis), line_slopes(y_axis)
        else:
            (u0, u1), (v0, v1) = tents(x_axis, behind_x), tents(y_axis, behind_y)
            slopes = tent_slopes(x_axis, farthest, from_x), tent_slopes(y_axis, farthest, from_y)
        d = plane_lanes(like, d_row, d_step, j, stop, rows.dx, zero)
        if by_grid:
            a, b = load_pairs(address, like, rows.offsets + 8 * j, EIGHT)
            p, q = load_pairs(address + down, like, rows.offsets + 8 * j, EIGHT)
            gx, gy = position_gradients(a, b, p, q, (u0, u1), (v0, v1), slopes, d)
            if more:
                gx, gy = plus(gx, products(rows.gx, zero, j, EIGHT)), plus(gy, products(rows.gy, zero, j, EIGHT))
            put_products(rows.gx, j, gx)
            put_products(rows.gy, j, gy)
        if by_image:
            upper, lower = times(v0, d), times(v1, d)
            put_products(rows.upper, 2 * j, in_turns(times(u0, upper), times(u1, upper)))
            put_products(rows.lower, 2 * j, in_turns(times(u0, lower), times(u1, lower)))
    if by_grid:  # an image may hold NaN, which zero times d_out does not clear
        for j in range(stop, (stop - first + 7) // 8 * 8 + first):
            put_product(rows.gx, j, zero)
            put_product(rows.gy, j, zero)


@jit.inline
def position_gradients(a, b, p, q, across, down, slopes, d):
    """D times the derivatives by x and y of eight pixels, which read a, b in one row and p, q in the next."""
    (u0, u1), (v0, v1), ((du0, du1), (dv0, dv1)) = across, down, slopes
    along_x = add_product(times(v0, add_product(times(du0, a), du1, b)), v1, add_product(times(du0, p), du1, q))
    along_y = add_product(times(dv0, add_product(times(u0, a), u1, b)), dv1, add_product(times(u0, p), u1, q))
    inside = times(add_product(times(du0, du0), du1, du1), add_product(times(dv0, dv0), dv1, dv1))
    return times(where_positive_there(along_x, inside), d), times(where_positive_there(along_y, inside), d)


@jit.inline
def plane_lanes(like, d_row, d_step, j, stop, line, zero):
    """Eight pixels of one channel of d_out from pixel j on; 0 from `stop` on."""
    if d_step == size_of(like) and j + 8 <= stop:
        return load(d_row + j * d_step, like, EIGHT)
    for k in range(8):
        put_product(line, k, load_one(d_row + (j + k) * d_step, like) if j + k < stop else zero)
    return products(line, zero, 0, EIGHT)


@jit.inline
def give_shares(address, across, down, like, j, rows, zero, lanes):
    """Add one pixel's four shares, so many side by side at once."""
    for k in range(0, 2, len(lanes)):
        accumulate(address + k * across, like, products(rows.upper, zero, 2 * j + k, lanes))
        accumulate(address + k * across + down, like, products(rows.lower, zero, 2 * j + k, lanes))


@jit.inline
def give_plane(address, across, down, like, first, stop, rows, offsets, zero, lanes):
    """The shares of a strip.

    Neighbors give to the same pixels, each addition waiting for the one before: some that are far apart take turns.
    """
    none, part = np.int64(0), (stop - first) // TURNS
    for j in range(first, first + part):
        for k in range(j, j + TURNS * part, part):
            give_shares(address + tap(offsets, none, k), across, down, like, k, rows, zero, lanes)
    for j in range(first + TURNS * part, stop):
        give_shares(address + tap(offsets, none, j), across, down, like, j, rows, zero, ONE)
