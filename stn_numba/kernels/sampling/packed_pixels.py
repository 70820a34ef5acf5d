"""Interpolate pixels of three or four bytes, as most image files hold them: eight pixels at a time, each as one 32-bit integer.

Four bytes from a pixel on, and four bytes that end with its neighbor, are all that is read of both: as many loads as a float
image of one channel takes.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.compiler.intrinsics import intrinsic
from stn_numba.kernels.constants import STEP
from stn_numba.kernels.sampling.interpolate import blend_2x2
from stn_numba.kernels.sampling.taps import bilinear_weights
from stn_numba.kernels.simd.aliasing import OUTPUT, scoped_store
from stn_numba.kernels.simd.conversions import round_to_int32
from stn_numba.kernels.simd.llvm import offset, pointer_to, shuffle
from stn_numba.kernels.simd.load_store import prefetch
from stn_numba.kernels.simd.raw import gather_raw, load_back, store_raw
from stn_numba.kernels.simd.scalars import least
from stn_numba.kernels.simd.scratch import get_offset, put_product, put_tap
from stn_numba.kernels.simd.vectors import EIGHT, FOUR, THREE, Vector, fma, to_int64

_BYTES = ir.VectorType(ir.IntType(8), 32)


@intrinsic(lambda pixels, dtype, byte: Vector(types.float32, 8), literal=True)
def channel(code, pixels, dtype, byte):
    """The channel of eight pixels that is in a byte of each, counted from the lowest, as floats."""
    (_, dtype, byte), flat = code.kinds, code.builder.bitcast(pixels, _BYTES)
    place, zero = byte.literal_value, 32  # the byte that is moved, and one of the zeros
    lanes = [(zero, zero, zero, 4 * k + place) if dtype.signed else (4 * k + place, zero, zero, zero) for k in range(8)]
    value = shuffle(
        code.builder, flat, ir.Constant(_BYTES, None), [lane for lanes_of_pixel in lanes for lane in lanes_of_pixel]
    )
    value = code.builder.bitcast(value, pixels.type)
    if dtype.signed:  # the byte is the highest, and is brought down with its sign
        value = code.builder.ashr(value, ir.Constant(pixels.type, [24] * 8))
    return code.builder.sitofp(value, code.llvm(code.result))


@intrinsic(lambda value, dtype, byte: Vector(types.int32, 8), literal=True)
def to_byte(code, value, dtype, byte):
    """Pixels that are zero but for a byte: a value within the range of the dtype, rounded."""
    _, dtype, byte = code.kinds
    integers = round_to_int32(code.builder, value)
    if dtype.signed:
        integers = code.builder.and_(integers, ir.Constant(integers.type, [255] * 8))
    return code.builder.shl(integers, ir.Constant(integers.type, [8 * byte.literal_value] * 8))


@intrinsic(lambda address, pixels, channels: types.void)
def store_packed(code, address, pixels, channels):
    """Write the lowest `channels` bytes of each of eight pixels."""
    builder, channels = code.builder, len(code.kinds[2])
    flat = builder.bitcast(pixels, _BYTES)
    for half in range(2):  # whole registers, as they are shuffled
        lanes = [4 * pixel + c for pixel in range(4 * half, 4 * half + 4) for c in range(channels)]
        pointer = pointer_to(builder, offset(builder, address, 4 * half * channels), ir.IntType(8), len(lanes))
        scoped_store(builder, OUTPUT, shuffle(builder, flat, flat, lanes), pointer, 1)


@jit.inline
def store_few(address, step, pixels, dtype, count, C, scratch):
    """Write the first `count` of eight pixels of C channels, wherever they lie."""
    put_product(scratch, 0, pixels)
    for k in range(count):
        for c in range(C):
            store_raw(address + k * step + c, load_back(scratch + 4 * k + c, dtype))


@jit.inline
def load_corners(gathers, address, down, across, offsets):
    """The 2 x 2 taps of eight pixels: upper left and right, lower left and right."""
    number = np.int32(0)
    upper_left = gather_raw(gathers, address, offsets, number, EIGHT)
    upper_right = gather_raw(gathers, address + across, offsets, number, EIGHT)
    address += down
    lower_left = gather_raw(gathers, address, offsets, number, EIGHT)
    return upper_left, upper_right, lower_left, gather_raw(gathers, address + across, offsets, number, EIGHT)


@jit.inline
def three_bytes(gathers, address, down, offsets, dtype, weights):
    """Eight pixels of three channels; their highest byte is 0."""
    a, b, p, q = load_corners(gathers, address, down, 2, offsets)
    first = blend_2x2(channel(a, dtype, 0), channel(b, dtype, 1), channel(p, dtype, 0), channel(q, dtype, 1), weights)
    second = blend_2x2(channel(a, dtype, 1), channel(b, dtype, 2), channel(p, dtype, 1), channel(q, dtype, 2), weights)
    third = blend_2x2(channel(a, dtype, 2), channel(b, dtype, 3), channel(p, dtype, 2), channel(q, dtype, 3), weights)
    return to_byte(first, dtype, 0) | to_byte(second, dtype, 1) | to_byte(third, dtype, 2)


@jit.inline
def four_bytes(gathers, address, down, offsets, dtype, weights):
    """Eight pixels of four channels."""
    a, b, p, q = load_corners(gathers, address, down, 4, offsets)
    first = blend_2x2(channel(a, dtype, 0), channel(b, dtype, 0), channel(p, dtype, 0), channel(q, dtype, 0), weights)
    second = blend_2x2(channel(a, dtype, 1), channel(b, dtype, 1), channel(p, dtype, 1), channel(q, dtype, 1), weights)
    third = blend_2x2(channel(a, dtype, 2), channel(b, dtype, 2), channel(p, dtype, 2), channel(q, dtype, 2), weights)
    fourth = blend_2x2(channel(a, dtype, 3), channel(b, dtype, 3), channel(p, dtype, 3), channel(q, dtype, 3), weights)
    return (to_byte(first, dtype, 0) | to_byte(second, dtype, 1)) | (to_byte(third, dtype, 2) | to_byte(fourth, dtype, 3))


@jit.apart
def pixels_of_bytes(sampler, address, ahead, down, dtype, first, stop, work, out, target, C):
    """Contiguous pixels of three or four bytes. Weights are positive and add up to 1: no value leaves the range."""
    x_step, y_step, offsets, step = sampler.x_axis[STEP], sampler.y_axis[STEP], work.offsets, out.x_step
    for j in range(first, stop, 8):
        column, line, u, v, _, _ = bilinear_weights(sampler, j, work, False, np.float32(1))
        put_tap(offsets, 0, to_int64(fma(column, x_step, line * y_step)))
        prefetch(address + get_offset(offsets, 0) + ahead)
        prefetch(address + get_offset(offsets, 2) + ahead)
        prefetch(address + get_offset(offsets, 4) + ahead)
        prefetch(address + get_offset(offsets, 6) + ahead)
        if C == 3:
            pixels = three_bytes(sampler.gathers, address, down, offsets, dtype, (u, v))
        else:
            pixels = four_bytes(sampler.gathers, address, down, offsets, dtype, (u, v))
        place, count = target + j * step, least(8, stop - j)
        if step != C or count < 8:
            store_few(place, step, pixels, dtype, count, C, work.gx)
        elif C == 3:
            store_packed(place, pixels, THREE)
        else:
            store_packed(place, pixels, FOUR)


@jit.inline
def no_pixels(sampler, address, ahead, down, dtype, first, stop, work, out, target, C):
    """In the place of `pixels_of_bytes` where channels are wider: never run."""


@jit.choose
def packed_pixels(sampler, address, ahead, down, dtype, first, stop, work, out, target, C):
    """Choose which of them is compiled for a dtype."""
    return pixels_of_bytes if dtype in (types.uint8, types.int8) else no_pixels
