"""Interpolate pixels whose taps all lie inside the image: weighted sums, with a loop for each layout of channels.

Offsets of the first taps and weights are in the workspace. `place` has the addresses at which a strip reads and writes,
`across` and `down` are the bytes from a tap to its neighbors. Sums go down the columns first, then across, in every layout,
so that NHWC and NCHW give the same bits.

Each loop returns the sum of all outputs, 0 for integers: it is not finite if any output is not. The caller then does these
pixels again without the taps of weight zero, since zero times NaN is NaN. The sum costs an addition a vector.
"""

from __future__ import annotations

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.sampling.taps import weight, weights_of_pixel
from stn_numba.kernels.sampling.workspace import NEXT_TAP
from stn_numba.kernels.simd.lanes import drop_first, first_three, halves, join, lane_sum, repeat_two, split_threes
from stn_numba.kernels.simd.load_store import is_float, load, load_pairs, size_of, store, store_whole_register
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import get_offset, get_product, get_tap, put_product
from stn_numba.kernels.simd.vectors import EIGHT, FOUR, ONE, SIXTEEN, THREE, TWELVE, fma, full, where


@jit.inline
def blend_2x2(a, b, p, q, weights):
    """Pixels that read a, b in one row and p, q in the next, from the weights (u, v) of these taps."""
    (u0, u1), (v0, v1) = weights
    left, right = fma(v1, p, v0 * a), fma(v1, q, v0 * b)
    return fma(u1, right, u0 * left)


@jit.inline
def interpolate_2x2(address, across, down, dtype, work, j, zero, lanes):
    u0, u1, v0, v1 = weights_of_pixel(work, j, zero)
    left = fma(v1, load(address + down, dtype, lanes), v0 * load(address, dtype, lanes))
    address += across
    right = fma(v1, load(address + down, dtype, lanes), v0 * load(address, dtype, lanes))
    return fma(u1, right, u0 * left)


@jit.inline
def interpolate_4x4(address, across, down, dtype, work, j, zero, lanes):
    v0, v1 = weight(work.v, 0, j, zero), weight(work.v, 1, j, zero)
    v2, v3 = weight(work.v, 2, j, zero), weight(work.v, 3, j, zero)
    total = full(lanes, zero)
    for b in range(4):
        column = v0 * load(address, dtype, lanes)
        column = fma(v1, load(address + down, dtype, lanes), column)
        column = fma(v2, load(address + 2 * down, dtype, lanes), column)
        column = fma(v3, load(address + 3 * down, dtype, lanes), column)
        total = fma(weight(work.u, b, j, zero), column, total)
        address += across
    return total


@jit.inline
def interpolate_KxK(K, address, across, down, dtype, work, j, zero, lanes):
    total = full(lanes, zero)
    for b in range(K):
        column = full(lanes, zero)
        for a in range(K):
            column = fma(weight(work.v, a, j, zero), load(address + a * down, dtype, lanes), column)
        total = fma(weight(work.u, b, j, zero), column, total)
        address += across
    return total


@jit.inline
def interpolate(unrolled, K, address, across, down, dtype, work, j, zero, lanes):
    """Pixel j from its K x K taps from `address` on, for some contiguous channels.

    `unrolled` has as many entries as there are taps an axis, where the loops over them are written out, else one.
    """
    if len(unrolled) == 2:
        return interpolate_2x2(address, across, down, dtype, work, j, zero, lanes)
    if len(unrolled) == 4:
        return interpolate_4x4(address, across, down, dtype, work, j, zero, lanes)
    return interpolate_KxK(K, address, across, down, dtype, work, j, zero, lanes)


@jit.inline
def interpolate_2x2_of_three(address, down, dtype, work, j, zero):
    """Three channels: four numbers from the left taps on, and four that end with the right ones."""
    u0, u1, v0, v1 = weights_of_pixel(work, j, zero)
    left = fma(v1, load(address + down, dtype, FOUR), v0 * load(address, dtype, FOUR))
    address += 2 * size_of(dtype)
    right = fma(v1, load(address + down, dtype, FOUR), v0 * load(address, dtype, FOUR))
    return first_three(fma(u1, drop_first(right), u0 * left))


@jit.inline
def interpolate_4x4_of_three(address, down, dtype, work, j, zero):
    """Three channels: the four taps of a row are one load."""
    row = weight(work.v, 0, j, zero) * load(address, dtype, TWELVE)
    row = fma(weight(work.v, 1, j, zero), load(address + down, dtype, TWELVE), row)
    row = fma(weight(work.v, 2, j, zero), load(address + 2 * down, dtype, TWELVE), row)
    row = fma(weight(work.v, 3, j, zero), load(address + 3 * down, dtype, TWELVE), row)
    first, second, third, fourth = split_threes(row)
    pixel = fma(weight(work.u, 1, j, zero), second, weight(work.u, 0, j, zero) * first)
    pixel = fma(weight(work.u, 2, j, zero), third, pixel)
    return fma(weight(work.u, 3, j, zero), fourth, pixel)


@jit.inline
def interpolate_three(unrolled, address, down, dtype, work, j, zero):
    """As `interpolate` for three channels of contiguous pixels."""
    if len(unrolled) == 2:
        return interpolate_2x2_of_three(address, down, dtype, work, j, zero)
    return interpolate_4x4_of_three(address, down, dtype, work, j, zero)


@jit.inline
def checked(dtype, check, value):
    """Add outputs to the check sum."""
    return check + value if is_float(dtype) else check


@jit.inline
def weights_of_two(work, j, zero):
    """As `taps.weights_of_pixel`, of the pixels j and j + 1: vectors of two times four lanes."""
    u0, u1 = get_tap(work.u, zero, j, EIGHT), get_tap(work.u + NEXT_TAP, zero, j, EIGHT)
    v0, v1 = get_tap(work.v, zero, j, EIGHT), get_tap(work.v + NEXT_TAP, zero, j, EIGHT)
    return repeat_two(u0), repeat_two(u1), repeat_two(v0), repeat_two(v1)


@jit.inline
def load_both(one, other, dtype):
    """Four numbers from each of two addresses on."""
    return join(load(one, dtype, FOUR), load(other, dtype, FOUR))


@jit.inline
def two_by_two(one, other, down, dtype, work, j, zero):
    """As `interpolate_2x2_of_three`, pixels j and j + 1: the fourth lane of each means nothing."""
    u0, u1, v0, v1 = weights_of_two(work, j, zero)
    left = fma(v1, load_both(one + down, other + down, dtype), v0 * load_both(one, other, dtype))
    one, other = one + 2 * size_of(dtype), other + 2 * size_of(dtype)
    right = fma(v1, load_both(one + down, other + down, dtype), v0 * load_both(one, other, dtype))
    return fma(u1, drop_first(right), u0 * left)


@jit.inline
def pairs_of_three(image, address, down, first, stop, work, zero, out, target):
    """Two at a time of some neighboring pixels, each followed by another; return the sum of all."""
    dtype, step, offsets, check = image.dtype, out.x_step, work.offsets, full(EIGHT, zero)
    for j in range(first, stop, 2):
        one, other = address + get_offset(offsets, j), address + get_offset(offsets, j + 1)
        both = two_by_two(one, other, down, dtype, work, j, zero)
        pixel, next_pixel = halves(both)
        store(target + j * step, out.dtype, pixel)
        store(target + (j + 1) * step, out.dtype, next_pixel)
        check = checked(dtype, check, both)
    return lane_sum(check)


@jit.apart
def pixels_of_three(unrolled, image, address, down, first, stop, work, zero, out, target):
    """Contiguous pixels of three channels; each but the last is followed by another, which overwrites a fourth number."""
    dtype, step, offsets = image.dtype, out.x_step, work.offsets
    last, check, total = stop - 1 if step == 3 * size_of(out.dtype) else first, full(THREE, zero), zero
    if len(unrolled) == 2 and last > first:
        start, first = first, first + (last - first) // 2 * 2
        total = pairs_of_three(image, address, down, start, first, work, zero, out, target)
    for j in range(first, last):
        pixel = interpolate_three(unrolled, address + get_offset(offsets, j), down, dtype, work, j, zero)
        store_whole_register(target + j * step, out.dtype, pixel)
        check = checked(dtype, check, pixel)
    for j in range(last, stop):
        pixel = interpolate_three(unrolled, address + get_offset(offsets, j), down, dtype, work, j, zero)
        store(target + j * step, out.dtype, pixel)
        check = checked(dtype, check, pixel)
    return lane_sum(check) + total


@jit.apart
def pixels_of_many(unrolled, K, image, address, across, down, first, stop, work, zero, out, target, C):
    """Pixels of any number of contiguous channels."""
    dtype, size, out_size = image.dtype, size_of(image.dtype), size_of(out.dtype)
    check_16, check_4, check_1 = full(SIXTEEN, zero), full(FOUR, zero), full(ONE, zero)
    for j in range(first, stop):
        pixel, place, c = address + get_offset(work.offsets, j), target + j * out.x_step, 0
        while c + 16 <= C:
            sixteen = interpolate(unrolled, K, pixel, across, down, dtype, work, j, zero, SIXTEEN)
            store(place, out.dtype, sixteen)
            check_16 = checked(dtype, check_16, sixteen)
            pixel, place, c = pixel + 16 * size, place + 16 * out_size, c + 16
        while c + 4 <= C:
            four = interpolate(unrolled, K, pixel, across, down, dtype, work, j, zero, FOUR)
            store(place, out.dtype, four)
            check_4 = checked(dtype, check_4, four)
            pixel, place, c = pixel + 4 * size, place + 4 * out_size, c + 4
        while c < C:
            one = interpolate(unrolled, K, pixel, across, down, dtype, work, j, zero, ONE)
            store(place, out.dtype, one)
            check_1 = checked(dtype, check_1, one)
            pixel, place, c = pixel + size, place + out_size, c + 1
    return lane_sum(check_16) + lane_sum(check_4) + lane_sum(check_1)


@jit.inline
def pixels(unrolled, K, image, address, across, down, first, stop, work, zero, out, target, C):
    """Pixels whose channels are contiguous, or channel by channel where they are not."""
    packed = image.c_step == size_of(image.dtype) and out.c_step == size_of(out.dtype)
    if packed and C == 3 and len(unrolled) > 1 and across == 3 * size_of(image.dtype):
        return pixels_of_three(unrolled, image, address, down, first, stop, work, zero, out, target)
    together, planes, check = C if packed else 1, 1 if packed else C, zero
    for c in range(planes):
        pixel, place = address + c * image.c_step, target + c * out.c_step
        check += pixels_of_many(unrolled, K, image, pixel, across, down, first, stop, work, zero, out, place, together)
    return check


@jit.apart
def pixels_of_plane(gathers, address, down, dtype, first, stop, work, zero, out, target):
    """Contiguous pixels of one channel: eight at a time, the two neighbors of each by one load."""
    step, check = out.x_step, full(EIGHT, zero)
    for j in range(first, stop, 8):
        u0, u1 = get_tap(work.u, zero, j, EIGHT), get_tap(work.u + NEXT_TAP, zero, j, EIGHT)
        v0, v1 = get_tap(work.v, zero, j, EIGHT), get_tap(work.v + NEXT_TAP, zero, j, EIGHT)
        upper_left, upper_right = load_pairs(gathers, address, dtype, work.offsets + 8 * j, EIGHT)
        lower_left, lower_right = load_pairs(gathers, address + down, dtype, work.offsets + 8 * j, EIGHT)
        value = blend_2x2(upper_left, upper_right, lower_left, lower_right, ((u0, u1), (v0, v1)))
        # far outside all weights are zero, and the taps at the edge may hold NaN
        value = where((u0 + u1) * (v0 + v1) > 0.0, value, 0.0)
        if step == size_of(out.dtype) and j + 8 <= stop:
            store(target + j * step, out.dtype, value)
        else:
            put_product(work.gx, 0, value)
            for k in range(least(8, stop - j)):
                store(target + (j + k) * step, out.dtype, get_product(work.gx, zero, k))
        check = checked(dtype, check, value)
    return lane_sum(check)
