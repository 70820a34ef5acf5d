"""Gradient of <d_out, out> by the positions of a strip (equation 7 of arXiv 1506.02025): rows gx, gy.

`kernels.gradients.positions_vjp` turns them into the grid's own numbers.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import BILINEAR, FILL_TAPS, STEP
from stn_numba.kernels.sampling.edge_taps import both_edge_slopes
from stn_numba.kernels.sampling.taps import fetch_ahead
from stn_numba.kernels.sampling.workspace import NEXT_TAP, to_next
from stn_numba.kernels.simd.load_store import load, load_one, size_of
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import found, position, put_product, tap, taps
from stn_numba.kernels.simd.vectors import (
    EIGHT,
    FOUR,
    ONE,
    SIX,
    SIXTEEN,
    THREE,
    add_product,
    lane_sum,
    lane_sums,
    lanes_between,
    minus,
    plus,
    spread,
    threes,
    times,
)


@jit.inline
def two_products(address, across, down, like, d, weights, lanes):
    """Vectors <d, derivative of out> along x and along y, over a few channels of 2 x 2 taps."""
    u0, u1, v0, v1, du0, du1, dv0, dv1 = weights
    a, b = load(address, like, lanes), load(address + across, like, lanes)
    address += down
    p, q = load(address, like, lanes), load(address + across, like, lanes)
    upper, lower = (
        add_product(times(spread(du0, lanes), a), spread(du1, lanes), b),
        add_product(times(spread(du0, lanes), p), spread(du1, lanes), q),
    )
    along_x = add_product(times(spread(v0, lanes), upper), spread(v1, lanes), lower)
    upper, lower = (
        add_product(times(spread(u0, lanes), a), spread(u1, lanes), b),
        add_product(times(spread(u0, lanes), p), spread(u1, lanes), q),
    )
    along_y = add_product(times(spread(dv0, lanes), upper), spread(dv1, lanes), lower)
    return times(along_x, d), times(along_y, d)


@jit.inline
def eight_weights(rows, j, zero):
    """Weights and slopes of a pixel's 2 x 2 taps."""
    row = NEXT_TAP
    us, vs, dus, dvs = rows.u, rows.v, rows.du, rows.dv
    weights = tap(us, zero, j), tap(us + row, zero, j), tap(vs, zero, j), tap(vs + row, zero, j)
    return *weights, tap(dus, zero, j), tap(dus + row, zero, j), tap(dvs, zero, j), tap(dvs + row, zero, j)


@jit.inline
def products_of_three(address, down, like, d, weights):
    """As `two_products` for three channels: the two taps of a row lie side by side, and are one load."""
    u0, u1, v0, v1, du0, du1, dv0, dv1 = weights
    upper, lower = load(address, like, SIX), load(address + down, like, SIX)
    left, right = threes(add_product(times(spread(v0, SIX), upper), spread(v1, SIX), lower))
    along_x = add_product(times(spread(du0, THREE), left), spread(du1, THREE), right)
    left, right = threes(add_product(times(spread(dv0, SIX), upper), spread(dv1, SIX), lower))
    along_y = add_product(times(spread(u0, THREE), left), spread(u1, THREE), right)
    return times(along_x, d), times(along_y, d)


@jit.inline
def gradients_of_three(address, down, like, d_row, d_step, first, stop, rows, zero):
    """Three channels side by side, 2 x 2 taps."""
    none, one, row, us, vs = np.int64(0), type(zero)(1), NEXT_TAP, rows.u, rows.v
    for block in range(first, stop, 8):
        end = least(block + 8, stop)
        if slopes_known(block, rows, zero):
            for j in range(block, end):
                u0, u1, v0, v1 = tap(us, zero, j), tap(us + row, zero, j), tap(vs, zero, j), tap(vs + row, zero, j)
                weights = u0, u1, v0, v1, -one, one, -one, one
                d, pixel = load(d_row + j * d_step, like, THREE), address + tap(rows.offsets, none, j)
                gx, gy = lane_sums(*products_of_three(pixel, down, like, d, weights))
                put_product(rows.gx, j, gx)
                put_product(rows.gy, j, gy)
        else:
            for j in range(block, end):
                d, pixel = load(d_row + j * d_step, like, THREE), address + tap(rows.offsets, none, j)
                gx, gy = lane_sums(*products_of_three(pixel, down, like, d, eight_weights(rows, j, zero)))
                put_product(rows.gx, j, gx)
                put_product(rows.gy, j, gy)


@jit.inline
def slopes_known(j, rows, zero):
    """Whether eight pixels lie between their taps, where slopes are -1 and 1."""
    T, row = type(zero), NEXT_TAP
    along_x = minus(taps(rows.du + row, zero, j, EIGHT), taps(rows.du, zero, j, EIGHT))
    along_y = minus(taps(rows.dv + row, zero, j, EIGHT), taps(rows.dv, zero, j, EIGHT))
    return lanes_between(times(along_x, along_y), T(4), T(5)) == 255


@jit.inline
def gradients_of_many(address, across, down, like, d_row, d_step, first, stop, rows, zero, C):
    """Any number of channels side by side, 2 x 2 taps."""
    size = size_of(like)
    for j in range(first, stop):
        weights = eight_weights(rows, j, zero)
        source, d_address, c = address + tap(rows.offsets, np.int64(0), j), d_row + j * d_step, 0
        gx = gy = zero
        if C >= 16:
            total_x, total_y = spread(zero, SIXTEEN), spread(zero, SIXTEEN)
            while c + 16 <= C:
                d = load(d_address + c * size, like, SIXTEEN)
                x, y = two_products(source + c * size, across, down, like, d, weights, SIXTEEN)
                total_x, total_y, c = plus(total_x, x), plus(total_y, y), c + 16
            gx, gy = lane_sums(total_x, total_y)
        while c + 4 <= C:
            x, y = two_products(source + c * size, across, down, like, load(d_address + c * size, like, FOUR), weights, FOUR)
            gx, gy, c = gx + lane_sum(x), gy + lane_sum(y), c + 4
        while c < C:
            x, y = two_products(source + c * size, across, down, like, load(d_address + c * size, like, ONE), weights, ONE)
            gx, gy, c = gx + lane_sum(x), gy + lane_sum(y), c + 1
        put_product(rows.gx, j, gx)
        put_product(rows.gy, j, gy)


@jit.inline
def gradients_of_all(K, address, across, down, image, d_row, d_out, first, stop, rows, zero, C):
    """Any number of channels and taps, wherever channels lie: value by value."""
    row, us, vs, dus, dvs = NEXT_TAP, rows.u, rows.v, rows.du, rows.dv
    for j in range(first, stop):
        gx = gy = zero
        for a in range(K):
            v, dv = tap(vs + a * row, zero, j), tap(dvs + a * row, zero, j)
            source = address + tap(rows.offsets, np.int64(0), j) + a * down
            for b in range(K):
                total = zero
                for c in range(C):
                    d = load_one(d_row + j * d_out.x_step + c * d_out.c_step, d_out.like)
                    total += d * load_one(source + b * across + c * image.c_step, image.like)
                gx += v * tap(dus + b * row, zero, j) * total
                gy += dv * tap(us + b * row, zero, j) * total
        put_product(rows.gx, j, gx)
        put_product(rows.gy, j, gy)


@jit.inline
def inside_gradients(rule, image, address, ahead, d_out, d_row, first, stop, rows, zero, C):
    """Gradients by the positions of the pixels [first, stop) of a strip, whose taps have been prepared."""
    family, K, like, size = rule.family, rule.K, image.like, size_of(image.like)
    across, down = to_next(rule.x_axis, rule.x_axis[STEP]), to_next(rule.y_axis, rule.y_axis[STEP])
    packed = image.c_step == size and d_out.c_step == size
    fetch_ahead(ahead, address, across, down, first, stop, rows.offsets)
    if family == BILINEAR and packed and C == 3 and across == 3 * size:
        gradients_of_three(address, down, like, d_row, d_out.x_step, first, stop, rows, zero)
    elif family == BILINEAR and packed:
        gradients_of_many(address, across, down, like, d_row, d_out.x_step, first, stop, rows, zero, C)
    else:
        gradients_of_all(K, address, across, down, image, d_row, d_out, first, stop, rows, zero, C)


@jit.inline
def edge_gradient(rule, image, address, d_out, d_address, j, rows, zero, C):
    """Gradient by the position of a pixel anywhere, tap by tap; its taps have been prepared."""
    K, fill, fills = rule.K, rule.fill, rule.fills
    x_taps, us, y_taps, vs, dus, dvs = rows.x_taps, rows.x_weights, rows.y_taps, rows.y_weights, rows.x_slopes, rows.y_slopes
    both_edge_slopes(rule, position(rows.x_places, 0.0, j), position(rows.y_places, 0.0, j), rows, zero)
    gx = gy = zero
    for a in range(K):
        line = address + found(y_taps, np.int64(0), a) * image.y_step
        for b in range(K):
            along_x, along_y = found(vs, zero, a) * found(dus, zero, b), found(dvs, zero, a) * found(us, zero, b)
            if along_x != zero or along_y != zero:  # a slope of zero takes nothing from a pixel
                source, total = line + found(x_taps, np.int64(0), b) * image.x_step, zero
                for c in range(C):
                    value = load_one(source + c * image.c_step, image.like)
                    value -= tap(fill, zero, c) if fills == FILL_TAPS else zero
                    total += value * load_one(d_address + c * d_out.c_step, d_out.like)
                gx += along_x * total if along_x != zero else zero
                gy += along_y * total if along_y != zero else zero
    put_product(rows.gx, j, gx)
    put_product(rows.gy, j, gy)
