"""Gradient of <d_out, out> by the image (equation 6 of arXiv 1506.02025): what output pixels give back to their taps.

Loops over pixels inside the image give zero times d_out where a weight is zero, so d_out is finite there; pixels with another
d_out are done tap by tap (`edge_shares`).
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import BILINEAR
from stn_numba.kernels.sampling.taps import fetch_ahead
from stn_numba.kernels.sampling.workspace import NEXT_TAP, TURNS, to_next
from stn_numba.kernels.simd.load_store import accumulate, accumulate_six, load, size_of
from stn_numba.kernels.simd.scratch import found, tap
from stn_numba.kernels.simd.vectors import FOUR, ONE, SIX, SIXTEEN, THREE, six, spread, times


@jit.inline
def give_two(address, across, down, like, d, u0, u1, v0, v1, lanes):
    """Add d times the weights to 2 x 2 pixels."""
    upper, lower = times(spread(v0, lanes), d), times(spread(v1, lanes), d)
    accumulate(address, like, times(spread(u0, lanes), upper))
    accumulate(address + across, like, times(spread(u1, lanes), upper))
    address += down
    accumulate(address, like, times(spread(u0, lanes), lower))
    accumulate(address + across, like, times(spread(u1, lanes), lower))


@jit.inline
def give_pixel(address, across, down, like, d_address, j, rows, zero, C):
    """One output pixel's share to 2 x 2 pixels, its channels side by side."""
    us, vs, row, size = rows.u, rows.v, NEXT_TAP, size_of(like)
    u0, u1, v0, v1 = tap(us, zero, j), tap(us + row, zero, j), tap(vs, zero, j), tap(vs + row, zero, j)
    c = 0
    if C == 3:
        give_two(address, across, down, like, load(d_address, like, THREE), u0, u1, v0, v1, THREE)
        c = 3
    while c + 16 <= C:
        d = load(d_address + c * size, like, SIXTEEN)
        give_two(address + c * size, across, down, like, d, u0, u1, v0, v1, SIXTEEN)
        c += 16
    while c + 4 <= C:
        give_two(address + c * size, across, down, like, load(d_address + c * size, like, FOUR), u0, u1, v0, v1, FOUR)
        c += 4
    while c < C:
        give_two(address + c * size, across, down, like, load(d_address + c * size, like, ONE), u0, u1, v0, v1, ONE)
        c += 1


@jit.inline
def give_row(address, across, down, like, d_row, d_step, first, stop, rows, offsets, zero, C):
    """The shares of the pixels [first, stop) of a strip.

    Neighbors give to the same pixels, each addition waiting for the one before: two that are far apart take turns.
    """
    half = (stop - first) // 2
    for j in range(first, first + half):
        give_pixel(address + tap(offsets, np.int64(0), j), across, down, like, d_row + j * d_step, j, rows, zero, C)
        k = j + half
        give_pixel(address + tap(offsets, np.int64(0), k), across, down, like, d_row + k * d_step, k, rows, zero, C)
    for j in range(first + 2 * half, stop):
        give_pixel(address + tap(offsets, np.int64(0), j), across, down, like, d_row + j * d_step, j, rows, zero, C)


@jit.inline
def give_three(address, down, like, d_address, j, rows, zero):
    """One output pixel's share to 2 x 2 pixels of three channels: those of a row lie side by side, and are one sum."""
    us, vs = rows.u, rows.v
    d, u0, u1 = load(d_address, like, THREE), spread(tap(us, zero, j), THREE), spread(tap(us + NEXT_TAP, zero, j), THREE)
    shares = six(times(u0, d), times(u1, d))
    accumulate_six(address, like, times(spread(tap(vs, zero, j), SIX), shares))
    accumulate_six(address + down, like, times(spread(tap(vs + NEXT_TAP, zero, j), SIX), shares))


@jit.inline
def give_row_of_three(address, across, down, like, d_row, d_step, first, stop, rows, offsets, zero):
    """The shares of the pixels [first, stop) of a strip."""
    none, part = np.int64(0), (stop - first) // TURNS
    for j in range(first, first + part):
        for k in range(j, j + TURNS * part, part):
            give_three(address + tap(offsets, none, k), down, like, d_row + k * d_step, k, rows, zero)
    for j in range(first + TURNS * part, stop):
        give_pixel(address + tap(offsets, none, j), across, down, like, d_row + j * d_step, j, rows, zero, 3)


@jit.inline
def give_many(K, address, across, down, d_image, d_row, d_out, first, stop, rows, offsets, zero, C):
    """The shares of the pixels [first, stop) of a strip to K x K taps each, wherever channels lie."""
    like, row, us, vs = d_image.like, NEXT_TAP, rows.u, rows.v
    for j in range(first, stop):
        for a in range(K):
            v = tap(vs + a * row, zero, j)
            target = address + tap(offsets, np.int64(0), j) + a * down
            for b in range(K):
                weight = v * tap(us + b * row, zero, j)
                for c in range(C):
                    d = load(d_row + j * d_out.x_step + c * d_out.c_step, d_out.like, ONE)
                    accumulate(target + b * across + c * d_image.c_step, like, times(spread(weight, ONE), d))


@jit.inline
def inside_shares(rule, d_image, address, ahead, d_out, d_row, first, stop, rows, offsets, zero, C):
    """The shares of the pixels [first, stop) of a strip, whose taps have been prepared."""
    like, size = d_image.like, size_of(d_image.like)
    across, down = to_next(rule.x_axis, d_image.x_step), to_next(rule.y_axis, d_image.y_step)
    fetch_ahead(ahead, address, across, down, first, stop, offsets)
    packed, step = d_image.c_step == size and d_out.c_step == size, d_out.x_step
    if rule.family == BILINEAR and packed and C == 3:  # numbers of channels known at compile time: far less work
        if across == 3 * size:
            give_row_of_three(address, across, down, like, d_row, step, first, stop, rows, offsets, zero)
        else:
            give_row(address, across, down, like, d_row, step, first, stop, rows, offsets, zero, 3)
    elif rule.family == BILINEAR and packed:
        give_row(address, across, down, like, d_row, step, first, stop, rows, offsets, zero, C)
    else:
        give_many(rule.K, address, across, down, d_image, d_row, d_out, first, stop, rows, offsets, zero, C)


@jit.inline
def edge_shares(rule, d_image, address, d_out, d_address, top, bottom, rows, zero, C):
    """The shares of a pixel anywhere, as far as they go to the rows [top, bottom); its taps have been prepared."""
    K, x_taps, us, y_taps, vs = rule.K, rows.x_taps, rows.x_weights, rows.y_taps, rows.y_weights
    for a in range(K):
        v, line = found(vs, zero, a), found(y_taps, np.int64(0), a)
        if v != zero and top <= line < bottom:
            for b in range(K):
                weight = v * found(us, zero, b)
                target = address + line * d_image.y_step + found(x_taps, np.int64(0), b) * d_image.x_step
                if weight != zero:
                    for c in range(C):
                        d = load(d_address + c * d_out.c_step, d_out.like, ONE)
                        accumulate(target + c * d_image.c_step, d_image.like, times(spread(weight, ONE), d))
