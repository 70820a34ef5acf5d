"""Images, grids and gradients by raw address.

An image reaches a kernel as the tuple of an `Image`. So one compiled kernel reads every layout, aligned or not, writable or
not, and no array is touched, since Numba counts references to arrays, atomically.
"""

from __future__ import annotations

from typing import NamedTuple

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stn_numba.kernels.simd.aliasing import (
    INPUT,
    OUTPUT,
    TAPS,
    belongs,
    further,
    llvm_type,
    narrow,
    pointer_to,
    spares,
    widen,
    working_type,
)
from stn_numba.kernels.simd.vectors import Vector, shuffle, splat


class Image(NamedTuple):
    """An array (N, H, W, C): the address of its first element, a scalar of its dtype, and its steps in bytes."""

    address: int
    like: float
    n_step: int
    y_step: int
    x_step: int
    c_step: int


@intrinsic
def address_of(typingctx, array):
    """Address of an array's first element."""
    signature = types.int64(array)

    def codegen(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.ptrtoint(data, ir.IntType(64))

    return signature, codegen


@intrinsic
def size_of(typingctx, like):
    """Bytes of an element."""
    size = like.bitwidth // 8
    return types.int64(like), lambda context, builder, signature, arguments: ir.Constant(ir.IntType(64), size)


@intrinsic
def is_float(typingctx, like):
    """Whether a scalar is a float: known when compiled, so that integer images pay for nothing that only floats need."""
    flag = ir.Constant(ir.IntType(1), isinstance(like, types.Float))
    return types.boolean(like), lambda context, builder, signature, arguments: flag


@intrinsic
def load(typingctx, address, like, lanes):
    """A vector of consecutive elements of the input, as working floats; behind the last lane nothing is read."""
    dtype, working, count = like, working_type(like), len(lanes)
    signature = Vector(working, count)(address, like, lanes)

    def codegen(context, builder, signature, arguments):
        element = llvm_type(context, dtype)
        if count not in (3, 6, 12):
            value = builder.load(pointer_to(builder, arguments[0], element, count), align=1)
            belongs(builder, value, INPUT)
        elif isinstance(dtype, types.Integer):
            value = _load_by_two(builder, arguments[0], element, count, signature.return_type.width)
        else:
            value = _masked_load(builder, arguments[0], element, count, signature.return_type.width)
            belongs(builder, value, INPUT)
        return widen(builder, value, dtype, context.get_value_type(signature.return_type))

    return signature, codegen


def _load_by_two(builder, address, element, count, width):
    """As `_masked_load` for integers, which LLVM would load one by one: two thirds of them, and a third."""
    parts, start = [], 0
    for size in (2 * count // 3, count // 3):
        place = further(builder, address, start * element.width // 8)
        part = belongs(builder, builder.load(pointer_to(builder, place, element, size), align=1), INPUT)
        parts.append(shuffle(builder, part, ir.Constant(part.type, None), [*range(size), *[size] * (width - size)]))
        start += size
    first = 2 * count // 3
    return shuffle(builder, *parts, [*range(first), *range(width, 2 * width - first)])


def _masked_load(builder, address, element, count, width):
    """So many elements, and zeros up to the width of a register."""
    vector, bits = ir.VectorType(element, width), ir.VectorType(ir.IntType(1), width)
    pointer = pointer_to(builder, address, element, width)
    suffix = f"v{width}" + {"float": "f32", "double": "f64"}.get(str(element), str(element))
    place = "p0" + suffix if "*" in str(pointer.type) else "p0"
    kind = ir.FunctionType(vector, [pointer.type, ir.IntType(32), bits, vector])
    name = f"llvm.masked.load.{suffix}.{place}"
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    mask = ir.Constant(bits, [int(lane < count) for lane in range(width)])
    return builder.call(function, [pointer, ir.Constant(ir.IntType(32), 1), mask, ir.Constant(vector, None)])


@intrinsic
def load_one(typingctx, address, like):
    """One element of the input, as a working float."""
    dtype, working = like, working_type(like)
    signature = working(address, like)

    def codegen(context, builder, signature, arguments):
        value = builder.load(pointer_to(builder, arguments[0], llvm_type(context, dtype)), align=1)
        return widen(builder, belongs(builder, value, INPUT), dtype, context.get_value_type(working))

    return signature, codegen


@intrinsic
def load_turns(typingctx, address, like, lanes):
    """Elements of the input that lie side by side in turns, x y x y ...: a vector of the x and one of the y."""
    dtype, working, count = like, working_type(like), len(lanes)
    half = Vector(working, count)
    signature = types.UniTuple(half, 2)(address, like, lanes)

    def codegen(context, builder, signature, arguments):
        pointer = pointer_to(builder, arguments[0], llvm_type(context, dtype), 2 * count)
        both = belongs(builder, builder.load(pointer, align=1), INPUT)
        sides = [shuffle(builder, both, both, range(side, 2 * count, 2)) for side in (0, 1)]
        sides = [widen(builder, value, dtype, context.get_value_type(half)) for value in sides]
        return context.make_tuple(builder, signature.return_type, sides)

    return signature, codegen


@intrinsic
def load_pairs(typingctx, address, like, offsets, lanes):
    """Two neighboring elements at `address` + each of a row of offsets: the left ones, the right ones.

    A pair of up to 64 bits is one load. CPUs gather no faster than they load one by one, many of them slower.
    """
    dtype, working, count = like, working_type(like), len(lanes)
    half = Vector(working, count)
    signature = types.UniTuple(half, 2)(address, like, offsets, lanes)

    def codegen(context, builder, signature, arguments):
        (address, _, offsets, _), element, bits = arguments, llvm_type(context, dtype), dtype.bitwidth
        if bits > 32:
            neighbor = further(builder, address, bits // 8)
            pair = [collect(builder, side, offsets, count, element) for side in (address, neighbor)]
        else:
            words = collect(builder, address, offsets, count, ir.IntType(2 * bits))
            flat = builder.bitcast(words, ir.VectorType(element, 2 * count))
            pair = [shuffle(builder, flat, flat, range(side, 2 * count, 2)) for side in (0, 1)]
        pair = [widen(builder, value, dtype, context.get_value_type(half)) for value in pair]
        return context.make_tuple(builder, signature.return_type, pair)

    return signature, codegen


def collect(builder, address, offsets, count, element):
    """A vector of so many elements, one at `address` + each of a row of offsets."""
    vector = ir.Constant(ir.VectorType(element, count), ir.Undefined)
    for lane in range(count):
        offset = builder.load(pointer_to(builder, further(builder, offsets, 8 * lane), ir.IntType(64)))
        place = builder.add(address, belongs(builder, offset, TAPS))
        value = belongs(builder, builder.load(pointer_to(builder, place, element), align=1), INPUT)
        vector = builder.insert_element(vector, value, ir.Constant(ir.IntType(32), lane))
    return vector


@intrinsic
def prefetch(typingctx, address):
    """Ask for the cache line of an address; a hint, which does not read, so that any number will do."""
    signature = types.void(types.int64)

    def codegen(context, builder, signature, arguments):
        integer, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, integer, integer, integer])
        name = "llvm.prefetch.p0i8" if "i8*" in str(pointer) else "llvm.prefetch.p0"
        function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        options = [ir.Constant(integer, option) for option in (0, 3, 1)]  # to read, keep in all caches, data
        builder.call(function, [builder.inttoptr(arguments[0], pointer), *options])
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def store(typingctx, address, like, vector):
    """Write a vector to consecutive elements of the output, rounded and limited to the dtype."""
    dtype = like
    signature = types.void(address, like, vector)

    def codegen(context, builder, signature, arguments):
        element = llvm_type(context, dtype)
        value = narrow(builder, arguments[2], dtype, ir.VectorType(element, vector.width))
        for start, count in ((0, 2), (2, 1)) if vector.lanes == 3 else ((0, vector.width),):
            part = shuffle(builder, value, value, range(start, start + count))
            place = further(builder, arguments[0], start * dtype.bitwidth // 8)
            spares(builder, builder.store(part, pointer_to(builder, place, element, count), align=1), OUTPUT)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def store_wide(typingctx, address, like, vector):
    """As `store`, but three lanes take the place of four: for who writes there next."""
    dtype = like
    signature = types.void(address, like, vector)

    def codegen(context, builder, signature, arguments):
        element = llvm_type(context, dtype)
        value = narrow(builder, arguments[2], dtype, ir.VectorType(element, vector.width))
        pointer = pointer_to(builder, arguments[0], element, vector.width)
        spares(builder, builder.store(value, pointer, align=1), OUTPUT)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def store_one(typingctx, address, like, value):
    """Write one element of the output, rounded and limited to the dtype."""
    dtype = like
    signature = types.void(address, like, working_type(dtype))

    def codegen(context, builder, signature, arguments):
        element = llvm_type(context, dtype)
        value = narrow(builder, arguments[2], dtype, element)
        spares(builder, builder.store(value, pointer_to(builder, arguments[0], element), align=1), OUTPUT)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def load_back(typingctx, address, like):
    """One element of the output, which a store may have written a moment ago."""

    def codegen(context, builder, signature, arguments):
        return builder.load(pointer_to(builder, arguments[0], llvm_type(context, like)), align=1)

    return like(address, like), codegen


@intrinsic
def copy_back(typingctx, target, source, like):
    """Copy one element of scratch memory, which a store may have written a moment ago, to the output."""

    def codegen(context, builder, signature, arguments):
        value = builder.load(pointer_to(builder, arguments[1], llvm_type(context, like)), align=1)
        spares(builder, builder.store(value, pointer_to(builder, arguments[0], value.type), align=1), OUTPUT)
        return context.get_dummy_value()

    return types.void(target, source, like), codegen


@intrinsic
def copy(typingctx, target, source, like):
    """Copy one element of the input to the output, bit for bit."""

    def codegen(context, builder, signature, arguments):
        element = llvm_type(context, like)
        value = belongs(builder, builder.load(pointer_to(builder, arguments[1], element), align=1), INPUT)
        spares(builder, builder.store(value, pointer_to(builder, arguments[0], element), align=1), OUTPUT)
        return context.get_dummy_value()

    return types.void(target, source, like), codegen


@intrinsic
def copy_some(typingctx, target, source, like, lanes):
    """As `copy`, some elements side by side at once."""
    count = len(lanes)

    def codegen(context, builder, signature, arguments):
        to, source = (pointer_to(builder, place, llvm_type(context, like), count) for place in arguments[:2])
        value = belongs(builder, builder.load(source, align=1), INPUT)
        spares(builder, builder.store(value, to, align=1), OUTPUT)
        return context.get_dummy_value()

    return types.void(target, source, like, lanes), codegen


@intrinsic
def copy_collected(typingctx, target, address, offsets, like, lanes):
    """As `copy`, one element at `address` + each of a row of offsets, which come to lie side by side."""
    count = len(lanes)

    def codegen(context, builder, signature, arguments):
        target, address, offsets = arguments[:3]
        element = llvm_type(context, like)
        value = collect(builder, address, offsets, count, element)
        spares(builder, builder.store(value, pointer_to(builder, target, element, count), align=1), OUTPUT)
        return context.get_dummy_value()

    return types.void(target, address, offsets, like, lanes), codegen


@intrinsic
def copy_repeated(typingctx, target, source, like, lanes):
    """As `copy`, one element again and again, side by side."""
    count = len(lanes)

    def codegen(context, builder, signature, arguments):
        element = llvm_type(context, like)
        value = belongs(builder, builder.load(pointer_to(builder, arguments[1], element), align=1), INPUT)
        target = pointer_to(builder, arguments[0], element, count)
        spares(builder, builder.store(splat(builder, value, count), target, align=1), OUTPUT)
        return context.get_dummy_value()

    return types.void(target, source, like, lanes), codegen


@intrinsic
def accumulate(typingctx, address, like, vector):
    """Add a vector of floats to consecutive elements of the output.

    Three lanes are two and one, in memory too: the next pixel often adds to the same place, and a load finds what was stored
    a moment ago only if it asks for no more than was stored at once.
    """
    signature = types.void(address, like, vector)

    def codegen(context, builder, signature, arguments):
        element = llvm_type(context, like)
        for start, count in ((0, 2), (2, 1)) if vector.lanes == 3 else ((0, vector.width),):
            part = shuffle(builder, arguments[2], arguments[2], range(start, start + count))
            place = further(builder, arguments[0], start * like.bitwidth // 8)
            pointer = pointer_to(builder, place, element, count)
            total = builder.fadd(builder.load(pointer, align=1), part)
            spares(builder, builder.store(total, pointer, align=1), OUTPUT)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def accumulate_six(typingctx, address, like, vector):
    """As `accumulate` for six lanes, loaded at once: for who adds to other places before the next of these."""
    signature = types.void(address, like, vector)

    def codegen(context, builder, signature, arguments):
        element = llvm_type(context, like)
        total = builder.fadd(_masked_load(builder, arguments[0], element, 6, 8), arguments[2])
        for start, count in ((0, 4), (4, 2)):
            part = shuffle(builder, total, total, range(start, start + count))
            place = further(builder, arguments[0], start * like.bitwidth // 8)
            spares(builder, builder.store(part, pointer_to(builder, place, element, count), align=1), OUTPUT)
        return context.get_dummy_value()

    return signature, codegen
