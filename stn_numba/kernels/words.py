"""Pixels of two to four bytes, as words of 32 bits: eight pixels side by side, one channel after another.

An image of three or four channels of 8 bits is what most image files hold. Four bytes from a pixel on, and four that end with
its neighbour, are all that is read of both: as many loads as a float image of one channel takes.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stn_numba.kernels import jit
from stn_numba.kernels.memory import collect, copy_back
from stn_numba.kernels.scalars import least
from stn_numba.kernels.scratch import put_products
from stn_numba.kernels.stages import OUTPUT, further, narrow, pointer_to, spares
from stn_numba.kernels.taps import weights_of_eight
from stn_numba.kernels.vectors import FOUR, THREE, TWO, Vector, add_product, shuffle, splat, times

_WORDS = Vector(types.int32, 8)


@intrinsic
def load_words(typingctx, address, offsets):
    """Four bytes of the input at `address` + each of eight offsets in a row."""

    def codegen(context, builder, signature, arguments):
        return collect(builder, arguments[0], arguments[1], 8, ir.IntType(32))

    return _WORDS(address, offsets), codegen


@intrinsic
def channel(typingctx, words, like, shift):
    """The channel of eight pixels that begins so many bits from the lowest of each word, as working floats."""
    dtype = like

    def codegen(context, builder, signature, arguments):
        value, _, shift = arguments
        shift = splat(builder, builder.trunc(shift, ir.IntType(32)), 8)
        if dtype.signed:
            highest = ir.Constant(value.type, [24] * 8)
            value = builder.ashr(builder.shl(value, builder.sub(highest, shift)), highest)
        else:
            value = builder.and_(builder.lshr(value, shift), ir.Constant(value.type, [255] * 8))
        return builder.sitofp(value, context.get_value_type(signature.return_type))

    return Vector(types.float32, 8)(words, like, types.int64), codegen


@intrinsic
def no_words(typingctx):
    """Words of zeros."""
    return _WORDS(), lambda context, builder, signature, arguments: ir.Constant(context.get_value_type(_WORDS), [0] * 8)


@intrinsic
def with_channel(typingctx, words, value, like, shift):
    """Words whose bits from `shift` on are zero, with a channel there: rounded and limited to the dtype."""
    dtype = like

    def codegen(context, builder, signature, arguments):
        words, value, _, shift = arguments
        shift = splat(builder, builder.trunc(shift, ir.IntType(32)), 8)
        value = builder.and_(narrow(builder, value, dtype, words.type), ir.Constant(words.type, [255] * 8))
        return builder.or_(words, builder.shl(value, shift))

    return words(words, value, like, types.int64), codegen


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
def pixels_of_bytes(axes, address, down, like, first, stop, rows, zero, out, out_address, C):
    """Pixels of two to four bytes that lie side by side; 0, since all come out finite."""
    step, nearby = out.x_step, 2 * C - 4  # the four bytes that end with the neighbour begin there
    behind = 8 * (C - nearby)
    for j in range(first, stop, 8):
        u0, u1, v0, v1 = weights_of_eight(axes, rows, j)
        offsets, words = rows.offsets + 8 * j, no_words()
        a, b = load_words(address, offsets), load_words(address + nearby, offsets)
        p, q = load_words(address + down, offsets), load_words(address + down + nearby, offsets)
        for c in range(C):
            shift = 8 * c
            left = add_product(times(v0, channel(a, like, shift)), v1, channel(p, like, shift))
            right = add_product(times(v0, channel(b, like, shift + behind)), v1, channel(q, like, shift + behind))
            words = with_channel(words, add_product(times(u0, left), u1, right), like, shift)
        place, count = out_address + j * step, least(8, stop - j)
        if step != C or count < 8:
            store_some(place, step, words, like, count, C, rows.gx)
        elif C == 3:
            store_words(place, words, THREE)
        elif C == 4:
            store_words(place, words, FOUR)
        else:
            store_words(place, words, TWO)
    return zero


@jit.inline
def pixels_of_no_bytes(axes, address, down, like, first, stop, rows, zero, out, out_address, C):
    """In the place of `pixels_of_bytes` where channels are wider: never run."""
    return zero


@jit.chosen
def pixels_as_words(axes, address, down, like, first, stop, rows, zero, out, out_address, C):
    """Which of them is compiled for a dtype."""
    return pixels_of_bytes if like in (types.uint8, types.int8) else pixels_of_no_bytes
