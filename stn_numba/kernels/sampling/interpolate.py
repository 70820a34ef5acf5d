"""Reading pixels whose taps all lie inside the image: weighted sums, in a loop for each way of laying channels.

The loops return a check: the sum of all outputs, which is not finite if one of them is not. It costs an addition a vector, and
nothing for integers. The caller then leaves out weights of zero, since zero times NaN is NaN.

Weights and offsets have been prepared in scratch rows. `image` and `out` are `memory.Image`s, `address` and `out_address` where
a strip begins in them, `across` and `down` the bytes from a tap to its neighbors.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.sampling.workspace import NEXT_TAP
from stn_numba.kernels.simd.load_store import is_float, load, load_pairs, size_of, store, store_one, store_wide
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import found, put_products, tap, taps
from stn_numba.kernels.simd.vectors import (
    EIGHT,
    FOUR,
    ONE,
    SIXTEEN,
    THREE,
    TWELVE,
    add_product,
    from_second,
    lane_sum,
    plus,
    spread,
    three,
    threes,
    times,
    where_positive_there,
)


@jit.inline
def checked(like, check, value, zero, lanes):
    """Add the value of a pixel to a check."""
    return plus(check, value) if is_float(like) else check


@jit.inline
def blend_two(address, across, down, like, us, vs, j, zero, lanes):
    """2 x 2 taps from `address` on, by weights from their rows."""
    u0, u1 = spread(tap(us, zero, j), lanes), spread(tap(us + NEXT_TAP, zero, j), lanes)
    v0, v1 = spread(tap(vs, zero, j), lanes), spread(tap(vs + NEXT_TAP, zero, j), lanes)
    left = add_product(times(v0, load(address, like, lanes)), v1, load(address + down, like, lanes))
    address += across
    right = add_product(times(v0, load(address, like, lanes)), v1, load(address + down, like, lanes))
    return add_product(times(u0, left), u1, right)


@jit.inline
def blend_four(address, across, down, like, us, vs, j, zero, lanes):
    """4 x 4 taps from `address` on, by weights from their rows."""
    v0, v1 = spread(tap(vs, zero, j), lanes), spread(tap(vs + NEXT_TAP, zero, j), lanes)
    v2, v3 = spread(tap(vs + 2 * NEXT_TAP, zero, j), lanes), spread(tap(vs + 3 * NEXT_TAP, zero, j), lanes)
    total = spread(zero, lanes)
    for b in range(4):
        column = times(v0, load(address, like, lanes))
        column = add_product(column, v1, load(address + down, like, lanes))
        column = add_product(column, v2, load(address + 2 * down, like, lanes))
        column = add_product(column, v3, load(address + 3 * down, like, lanes))
        total = add_product(total, spread(tap(us + b * NEXT_TAP, zero, j), lanes), column)
        address += across
    return total


@jit.inline
def blend_many(K, address, across, down, like, us, vs, j, zero, lanes):
    """K x K taps from `address` on, by weights from their rows."""
    total = spread(zero, lanes)
    for b in range(K):
        column = spread(zero, lanes)
        for a in range(K):
            column = add_product(column, spread(tap(vs + a * NEXT_TAP, zero, j), lanes), load(address + a * down, like, lanes))
        total = add_product(total, spread(tap(us + b * NEXT_TAP, zero, j), lanes), column)
        address += across
    return total


@jit.inline
def blend(kind, K, address, across, down, like, us, vs, j, zero, lanes):
    """All taps of one pixel, from `address` on, for some channels side by side.

    `kind` has as many entries as there are taps an axis, where loops are written out for that, or one: known when compiled.
    Every way of reading takes the sums down the columns first, then across: so an image's layout does not show in the bits.
    """
    if len(kind) == 2:
        return blend_two(address, across, down, like, us, vs, j, zero, lanes)
    if len(kind) == 4:
        return blend_four(address, across, down, like, us, vs, j, zero, lanes)
    return blend_many(K, address, across, down, like, us, vs, j, zero, lanes)


@jit.inline
def blend_two_of_three(address, down, like, us, vs, j, zero):
    """2 x 2 taps of three channels: four numbers from the left ones on, and four that end with the right ones."""
    v0, v1 = spread(tap(vs, zero, j), FOUR), spread(tap(vs + NEXT_TAP, zero, j), FOUR)
    u0, u1 = spread(tap(us, zero, j), FOUR), spread(tap(us + NEXT_TAP, zero, j), FOUR)
    left = add_product(times(v0, load(address, like, FOUR)), v1, load(address + down, like, FOUR))
    address += 2 * size_of(like)
    right = add_product(times(v0, load(address, like, FOUR)), v1, load(address + down, like, FOUR))
    return three(add_product(times(u0, left), u1, from_second(right)))


@jit.inline
def blend_four_of_three(address, down, like, us, vs, j, zero):
    """4 x 4 taps of three channels: those of a row lie side by side, and are one load."""
    v0, v1 = spread(tap(vs, zero, j), TWELVE), spread(tap(vs + NEXT_TAP, zero, j), TWELVE)
    v2, v3 = spread(tap(vs + 2 * NEXT_TAP, zero, j), TWELVE), spread(tap(vs + 3 * NEXT_TAP, zero, j), TWELVE)
    total = add_product(times(v0, load(address, like, TWELVE)), v1, load(address + down, like, TWELVE))
    total = add_product(total, v2, load(address + 2 * down, like, TWELVE))
    total = add_product(total, v3, load(address + 3 * down, like, TWELVE))
    first, second, third, fourth = threes(total)
    pixel = add_product(times(spread(tap(us, zero, j), THREE), first), spread(tap(us + NEXT_TAP, zero, j), THREE), second)
    pixel = add_product(pixel, spread(tap(us + 2 * NEXT_TAP, zero, j), THREE), third)
    return add_product(pixel, spread(tap(us + 3 * NEXT_TAP, zero, j), THREE), fourth)


@jit.inline
def blend_of_three(kind, address, down, like, us, vs, j, zero):
    """As `blend` for three channels side by side, of pixels that lie side by side."""
    if len(kind) == 2:
        return blend_two_of_three(address, down, like, us, vs, j, zero)
    return blend_four_of_three(address, down, like, us, vs, j, zero)


@jit.inline
def pixels_of_three(kind, image, address, down, first, stop, rows, zero, out, out_address):
    """Pixels of three channels side by side; all but the last are followed by another, which is written right behind."""
    like, target, step, offsets, us, vs = image.like, out.like, out.x_step, rows.offsets, rows.u, rows.v
    last, check = stop - 1 if step == 3 * size_of(target) else first, spread(zero, THREE)
    for j in range(first, last):
        pixel = blend_of_three(kind, address + tap(offsets, np.int64(0), j), down, like, us, vs, j, zero)
        store_wide(out_address + j * step, target, pixel)
        check = checked(like, check, pixel, zero, THREE)
    for j in range(last, stop):
        pixel = blend_of_three(kind, address + tap(offsets, np.int64(0), j), down, like, us, vs, j, zero)
        store(out_address + j * step, target, pixel)
        check = checked(like, check, pixel, zero, THREE)
    return lane_sum(check)


@jit.inline
def pixels_of_many(kind, K, image, address, across, down, first, stop, rows, zero, out, out_address, C):
    """Pixels of any number of channels side by side."""
    like, target, offsets, us, vs = image.like, out.like, rows.offsets, rows.u, rows.v
    size, out_size = size_of(like), size_of(target)
    sixteen, four, one = spread(zero, SIXTEEN), spread(zero, FOUR), spread(zero, ONE)  # checks
    for j in range(first, stop):
        source, place, c = address + tap(offsets, np.int64(0), j), out_address + j * out.x_step, 0
        while c + 16 <= C:
            value = blend(kind, K, source, across, down, like, us, vs, j, zero, SIXTEEN)
            store(place, target, value)
            sixteen = checked(like, sixteen, value, zero, SIXTEEN)
            source, place, c = source + 16 * size, place + 16 * out_size, c + 16
        while c + 4 <= C:
            few = blend(kind, K, source, across, down, like, us, vs, j, zero, FOUR)
            store(place, target, few)
            four = checked(like, four, few, zero, FOUR)
            source, place, c = source + 4 * size, place + 4 * out_size, c + 4
        while c < C:
            single = blend(kind, K, source, across, down, like, us, vs, j, zero, ONE)
            store(place, target, single)
            one = checked(like, one, single, zero, ONE)
            source, place, c = source + size, place + out_size, c + 1
    return lane_sum(sixteen) + lane_sum(four) + lane_sum(one)


@jit.inline
def pixels(kind, K, image, address, across, down, first, stop, rows, zero, out, out_address, C):
    """Pixels whose channels lie side by side, or channel by channel where they do not."""
    packed = image.c_step == size_of(image.like) and out.c_step == size_of(out.like)
    if packed and C == 3 and len(kind) > 1 and across == 3 * size_of(image.like):
        return pixels_of_three(kind, image, address, down, first, stop, rows, zero, out, out_address)
    lanes, channels = (C, 1) if packed else (1, C)
    check = zero
    for c in range(channels):
        source, place = address + c * image.c_step, out_address + c * out.c_step
        check += pixels_of_many(kind, K, image, source, across, down, first, stop, rows, zero, out, place, lanes)
    return check


@jit.inline
def pixels_of_plane(address, down, like, first, stop, rows, zero, out, out_address):
    """One channel, its pixels side by side: eight at a time, the two neighbors of each by one load."""
    target, step, check = out.like, out.x_step, spread(zero, EIGHT)
    for j in range(first, stop, 8):
        u0, u1 = taps(rows.u, zero, j, EIGHT), taps(rows.u + NEXT_TAP, zero, j, EIGHT)
        v0, v1 = taps(rows.v, zero, j, EIGHT), taps(rows.v + NEXT_TAP, zero, j, EIGHT)
        a, b = load_pairs(address, like, rows.offsets + 8 * j, EIGHT)
        p, q = load_pairs(address + down, like, rows.offsets + 8 * j, EIGHT)
        left, right = add_product(times(v0, a), v1, p), add_product(times(v0, b), v1, q)
        value = add_product(times(u0, left), u1, right)
        value = where_positive_there(value, times(plus(u0, u1), plus(v0, v1)))  # far outside, where an edge may hold NaN
        if step == size_of(target) and j + 8 <= stop:
            store(out_address + j * step, target, value)
        else:
            put_products(rows.gx, 0, value)
            for k in range(least(8, stop - j)):
                store_one(out_address + (j + k) * step, target, found(rows.gx, zero, k))
        check = checked(like, check, value, zero, EIGHT)
    return lane_sum(check)
