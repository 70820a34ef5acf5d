"""Pixels of three or four bytes, as words of 32 bits: eight pixels side by side, one channel after another.

An image of three or four channels of 8 bits is what most image files hold. Four bytes from a pixel on, and four that end with
its neighbor, are all that is read of both: as many loads as a float image of one channel takes.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.constants import SIZE, STEP
from stn_numba.kernels.sampling.taps import neighbors, weights_of_eight
from stn_numba.kernels.simd.aliasing import OUTPUT, further, pointer_to, spares, to_integers
from stn_numba.kernels.simd.load_store import collect, copy_back, prefetch
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import positions, put_products, put_taps, tap
from stn_numba.kernels.simd.vectors import (
    EIGHT,
    FOUR,
    THREE,
    Vector,
    add_product,
    shuffle,
    spread,
    times,
    whole_numbers,
)

_WORDS = Vector(types.int32, 8)


@intrinsic
def load_words(typingctx, address, offsets):
    """Four bytes of the input at `address` + each of eight offsets in a row."""

    def codegen(context, builder, signature, arguments):
        return collect(builder, arguments[0], arguments[1], 8, ir.IntType(32))

    return _WORDS(address, offsets), codegen


@intrinsic(prefer_literal=True)
def channel(typingctx, words, like, byte):
    """The channel of eight pixels that is in a byte of each word, counted from the lowest, as working floats."""
    dtype = like

    def codegen(context, builder, signature, arguments):
        return _of_byte(builder, arguments[0], dtype, byte.literal_value, context.get_value_type(signature.return_type))

    return Vector(types.float32, 8)(words, like, byte), codegen


def _of_byte(builder, words, dtype, byte, floats):
    flat = builder.bitcast(words, ir.VectorType(ir.IntType(8), 32))
    if dtype.signed:  # the byte becomes the highest, and is brought down with its sign
        lanes = [lane for word in range(8) for lane in (32, 32, 32, 4 * word + byte)]
        value = builder.bitcast(shuffle(builder, flat, ir.Constant(flat.type, None), lanes), words.type)
        value = builder.ashr(value, ir.Constant(words.type, [24] * 8))
    else:
        lanes = [lane for word in range(8) for lane in (4 * word + byte, 32, 32, 32)]
        value = builder.bitcast(shuffle(builder, flat, ir.Constant(flat.type, None), lanes), words.type)
    return builder.sitofp(value, floats)


@intrinsic(prefer_literal=True)
def at_byte(typingctx, value, like, byte):
    """Words of zeros but for a byte: a value that is within the range of the dtype, rounded."""
    dtype = like

    def codegen(context, builder, signature, arguments):
        whole = to_integers(builder, arguments[0])
        if dtype.signed:
            whole = builder.and_(whole, ir.Constant(whole.type, [255] * 8))
        return builder.shl(whole, ir.Constant(whole.type, [8 * byte.literal_value] * 8))

    return _WORDS(value, like, byte), codegen


@intrinsic
def joined(typingctx, left, right):
    """Words with the bits of both."""
    return left(left, right), lambda context, builder, signature, arguments: builder.or_(*arguments)


@intrinsic
def store_words(typingctx, address, words, count):
    """Write the lowest `count` bytes of eight words side by side."""
    channels = len(count)

    def codegen(context, builder, signature, arguments):
        flat = builder.bitcast(arguments[1], ir.VectorType(ir.IntType(8), 32))
        for half in range(2):  # whole registers, as they are shuffled
            lanes = [4 * pixel + c for pixel in range(4 * half, 4 * half + 4) for c in range(channels)]
            place = further(builder, arguments[0], 4 * half * channels)
            pointer = pointer_to(builder, place, ir.IntType(8), len(lanes))
            spares(builder, builder.store(shuffle(builder, flat, flat, lanes), pointer, align=1), OUTPUT)
        return context.get_dummy_value()

    return types.void(address, words, count), codegen


@jit.inline
def store_some(address, step, words, like, count, C, scratch):
    """Write the first `count` of eight pixels of C channels, wherever they lie."""
    put_products(scratch, 0, words)
    for k in range(count):
        for c in range(C):
            copy_back(address + k * step + c, scratch + 4 * k + c, like)


@jit.inline
def load_corners(address, down, across, offsets):
    """Words of 2 x 2 taps of eight pixels: left and right, upper and lower."""
    a, b = load_words(address, offsets), load_words(address + across, offsets)
    return a, b, load_words(address + down, offsets), load_words(address + down + across, offsets)


@jit.inline
def blend_channel(a, b, p, q, weights):
    """2 x 2 taps of one channel."""
    u0, u1, v0, v1 = weights
    left, right = add_product(times(v0, a), v1, p), add_product(times(v0, b), v1, q)
    return add_product(times(u0, left), u1, right)


@jit.inline
def blend_of_three_bytes(address, down, offsets, like, weights):
    """Eight pixels of three channels, as words whose highest byte is 0."""
    a, b, p, q = load_corners(address, down, 2, offsets)
    first = blend_channel(channel(a, like, 0), channel(b, like, 1), channel(p, like, 0), channel(q, like, 1), weights)
    second = blend_channel(channel(a, like, 1), channel(b, like, 2), channel(p, like, 1), channel(q, like, 2), weights)
    third = blend_channel(channel(a, like, 2), channel(b, like, 3), channel(p, like, 2), channel(q, like, 3), weights)
    return joined(joined(at_byte(first, like, 0), at_byte(second, like, 1)), at_byte(third, like, 2))


@jit.inline
def blend_of_four_bytes(address, down, offsets, like, weights):
    """Eight pixels of four channels, as words."""
    a, b, p, q = load_corners(address, down, 4, offsets)
    first = blend_channel(channel(a, like, 0), channel(b, like, 0), channel(p, like, 0), channel(q, like, 0), weights)
    second = blend_channel(channel(a, like, 1), channel(b, like, 1), channel(p, like, 1), channel(q, like, 1), weights)
    third = blend_channel(channel(a, like, 2), channel(b, like, 2), channel(p, like, 2), channel(q, like, 2), weights)
    fourth = blend_channel(channel(a, like, 3), channel(b, like, 3), channel(p, like, 3), channel(q, like, 3), weights)
    lower = joined(at_byte(first, like, 0), at_byte(second, like, 1))
    return joined(lower, joined(at_byte(third, like, 2), at_byte(fourth, like, 3)))


@jit.inline
def pixels_of_bytes(rule, address, ahead, down, like, first, stop, rows, out, out_address, C):
    """Pixels of three or four bytes that lie side by side. Weights are positive and add up to 1: no value leaves the range."""
    one, none, step = np.float32(1), np.int64(0), out.x_step
    x_axis, y_axis = (rule.x_axis[SIZE], one), (rule.y_axis[SIZE], one)
    x_step, y_step, offsets = spread(rule.x_axis[STEP], EIGHT), spread(rule.y_axis[STEP], EIGHT), rows.offsets
    for j in range(first, stop, 8):
        column, behind_x, _ = neighbors(x_axis, positions(rows.x_places, 0.0, j, EIGHT))
        line, behind_y, _ = neighbors(y_axis, positions(rows.y_places, 0.0, j, EIGHT))
        put_taps(offsets, 0, whole_numbers(add_product(times(line, y_step), column, x_step)))
        weights = weights_of_eight(x_axis, y_axis, behind_x, behind_y)
        prefetch(address + tap(offsets, none, 0) + ahead)
        prefetch(address + tap(offsets, none, 2) + ahead)
        prefetch(address + tap(offsets, none, 4) + ahead)
        prefetch(address + tap(offsets, none, 6) + ahead)
        if C == 3:
            words = blend_of_three_bytes(address, down, offsets, like, weights)
        else:
            words = blend_of_four_bytes(address, down, offsets, like, weights)
        place, count = out_address + j * step, least(8, stop - j)
        if step != C or count < 8:
            store_some(place, step, words, like, count, C, rows.gx)
        elif C == 3:
            store_words(place, words, THREE)
        else:
            store_words(place, words, FOUR)


@jit.inline
def pixels_of_no_bytes(rule, address, ahead, down, like, first, stop, rows, out, out_address, C):
    """In the place of `pixels_of_bytes` where channels are wider: never run."""


@jit.chosen
def pixels_as_words(rule, address, ahead, down, like, first, stop, rows, out, out_address, C):
    """Which of them is compiled for a dtype."""
    return pixels_of_bytes if like in (types.uint8, types.int8) else pixels_of_no_bytes
