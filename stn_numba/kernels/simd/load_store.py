"""Load, store and add to images, grids and gradients by raw address.

An image reaches a kernel as the fields of an `Image`. So one compiled kernel reads every layout, aligned or not, writable or
not, and no array is touched: Numba counts references to arrays, atomically.

`dtype` is any number of that dtype: only its type counts, and is known when a kernel is compiled. Numbers are computed as
`conversions.working_type` of it. With `lanes` a function loads a vector of neighboring elements, else a scalar.
"""

from __future__ import annotations

from typing import NamedTuple

from llvmlite import ir
from numba import types

from stn_numba.kernels.compiler.intrinsics import declare, intrinsic
from stn_numba.kernels.simd.aliasing import INPUT, OUTPUT, TAPS, in_scope, scoped_load, scoped_store
from stn_numba.kernels.simd.conversions import narrow, storage_type, widen, working_type
from stn_numba.kernels.simd.llvm import INT32, INT64, offset, pointer_to, shuffle, splat, suffix
from stn_numba.kernels.simd.vectors import Vector


class Image(NamedTuple):
    """An array (N, H, W, C): the address of its first element, a number of its dtype, and its strides in bytes."""

    address: int
    dtype: float
    n_step: int
    y_step: int
    x_step: int
    c_step: int


@intrinsic(lambda array: types.int64)
def address_of(code, array):
    """Address of an array's first element."""
    data = code.context.make_array(code.kinds[0])(code.context, code.builder, array).data
    return code.builder.ptrtoint(data, INT64)


@intrinsic(lambda dtype: types.int64)
def size_of(code, dtype):
    """Bytes of an element."""
    return ir.Constant(INT64, code.kinds[0].bitwidth // 8)


@intrinsic(lambda dtype: types.boolean)
def is_float(code, dtype):
    """Whether a dtype is one of floats: known when compiled, so that integer images skip what only floats need."""
    return ir.Constant(ir.IntType(1), isinstance(code.kinds[0], types.Float))


def elements(dtype, lanes=None):
    """Return the type of a scalar, or of a vector of some lanes."""
    return dtype if lanes is None else Vector(dtype, len(lanes))


def _pair(address, dtype, *more):
    return types.UniTuple(Vector(working_type(dtype), len(more[-1])), 2)


@intrinsic(lambda address, dtype, lanes=None: elements(working_type(dtype), lanes))
def load(code, address, dtype, lanes=None):
    """Elements of the input from an address on, as working floats; nothing behind the last lane is read."""
    builder, (_, dtype, *_), result = code.builder, code.kinds, code.result
    element, count = storage_type(code.context, dtype), result.lanes if isinstance(result, Vector) else None
    if count not in (3, 6, 12):
        value = scoped_load(builder, INPUT, pointer_to(builder, address, element, count), 1)
    elif isinstance(dtype, types.Integer):
        value = _load_two_parts(builder, address, element, count, result.width)
    else:
        value = in_scope(builder, INPUT, masked_load(builder, address, element, count, result.width))
    return widen(builder, value, dtype, code.llvm(result))


def _load_two_parts(builder, address, element, count, width):
    """As `masked_load` for integers, which LLVM would load one by one: two thirds of them, and a third."""
    first = 2 * count // 3
    parts = []
    for start, size in ((0, first), (first, count // 3)):
        place = offset(builder, address, start * element.width // 8)
        part = scoped_load(builder, INPUT, pointer_to(builder, place, element, size), 1)
        parts.append(shuffle(builder, part, ir.Constant(part.type, None), [*range(size), *[size] * (width - size)]))
    return shuffle(builder, *parts, [*range(first), *range(width, 2 * width - first)])


def masked_load(builder, address, element, count, width):
    """Load `count` elements, and fill the register of `width` lanes with zeros."""
    vector, mask = ir.VectorType(element, width), ir.VectorType(ir.IntType(1), width)
    pointer = pointer_to(builder, address, element, width)
    place = "p0" + suffix(vector) if "*" in str(pointer.type) else "p0"
    name = f"llvm.masked.load.{suffix(vector)}.{place}"
    function = declare(builder, name, vector, [pointer.type, INT32, mask, vector])
    wanted = ir.Constant(mask, [int(lane < count) for lane in range(width)])
    return builder.call(function, [pointer, ir.Constant(INT32, 1), wanted, ir.Constant(vector, None)])


def _split(code, values, dtype):
    """Alternating elements x y x y ... as a pair of vectors of working floats."""
    lanes = range(values.type.count)
    return _widened(code, [shuffle(code.builder, values, values, lanes[side::2]) for side in (0, 1)], dtype)


def _widened(code, pair, dtype):
    kind = code.llvm(code.result.dtype)
    return code.tuple([widen(code.builder, value, dtype, kind) for value in pair])


@intrinsic(_pair)
def load_interleaved(code, address, dtype, lanes):
    """Elements of the input that alternate, x y x y ...: a vector of the x and one of the y."""
    dtype, count = code.kinds[1], 2 * len(code.kinds[2])
    pointer = pointer_to(code.builder, address, storage_type(code.context, dtype), count)
    return _split(code, scoped_load(code.builder, INPUT, pointer, 1), dtype)


@intrinsic(lambda gathers, address, dtype, offsets, lanes: _pair(address, dtype, lanes))
def load_pairs(code, gathers, address, dtype, offsets, lanes):
    """Two neighboring elements at `address` + each of a row of offsets: the left ones, the right ones.

    A pair of up to 64 bits is one load. For `gathers` see `gather`.
    """
    builder, (_, _, dtype, _, lanes) = code.builder, code.kinds
    element, count, size = storage_type(code.context, dtype), len(lanes), dtype.bitwidth
    if size > 32:
        sides = address, offset(builder, address, size // 8)
        return _widened(code, [gather(builder, gathers, side, offsets, element, count) for side in sides], dtype)
    both = gather(builder, gathers, address, offsets, ir.IntType(2 * size), count)
    return _split(code, builder.bitcast(both, ir.VectorType(element, 2 * count)), dtype)


@intrinsic(lambda address, dtype, offsets: _pair(address, dtype, range(offsets.lanes)))
def gather_pairs(code, address, dtype, offsets):
    """As `load_pairs`, of a vector of offsets and for a dtype of 16 or 32 bits, by one instruction of CPUs that gather."""
    dtype, builder = code.kinds[1], code.builder
    both = gather_at_once(builder, address, offsets, ir.IntType(2 * dtype.bitwidth))
    element = storage_type(code.context, dtype)
    return _split(code, builder.bitcast(both, ir.VectorType(element, 2 * offsets.type.count)), dtype)


def gather(builder, gathers, address, offsets, element, count):
    """Load a vector of `count` elements of the input, one at `address` + each of a row of offsets.

    By one instruction of the CPU if `gathers`, an integer, is not 0, which some CPUs do in half the time; others load one by
    one as fast or faster, see `cpu.gathers`. None has such an instruction for elements of less than 32 bits.
    """
    if count != 8 or _bits(element) < 32:
        return load_one_by_one(builder, address, offsets, element, count)
    wanted = builder.icmp_signed("!=", gathers, ir.Constant(gathers.type, 0))
    with builder.if_else(wanted) as (then, otherwise):
        with then:
            starts = scoped_load(builder, TAPS, pointer_to(builder, offsets, INT64, count), 8)
            at_once, end_at_once = gather_at_once(builder, address, starts, element), builder.block
        with otherwise:
            each, end_of_each = load_one_by_one(builder, address, offsets, element, count), builder.block
    vector = builder.phi(each.type)
    vector.add_incoming(at_once, end_at_once)
    vector.add_incoming(each, end_of_each)
    return vector


def _bits(element):
    return element.width if isinstance(element, ir.IntType) else 32 if isinstance(element, ir.FloatType) else 64


def gather_at_once(builder, address, offsets, element):
    """As `gather`, of a vector of offsets and by the CPU's instruction."""
    count = offsets.type.count
    pointers = builder.inttoptr(
        builder.add(offsets, splat(builder, address, count)), ir.VectorType(element.as_pointer(), count)
    )
    vector, mask = ir.VectorType(element, count), ir.VectorType(ir.IntType(1), count)
    kind = suffix(element) if "*" in str(pointers.type) else ""
    name = f"llvm.masked.gather.{suffix(vector)}.v{count}p0{kind}"
    function = declare(builder, name, vector, [pointers.type, INT32, mask, vector])
    every, nothing = ir.Constant(mask, [1] * count), ir.Constant(vector, ir.Undefined)
    return in_scope(builder, INPUT, builder.call(function, [pointers, ir.Constant(INT32, 1), every, nothing]))


def load_one_by_one(builder, address, offsets, element, count):
    """As `gather`, element by element."""
    vector = ir.Constant(ir.VectorType(element, count), ir.Undefined)
    for lane in range(count):
        start = scoped_load(builder, TAPS, pointer_to(builder, offset(builder, offsets, 8 * lane), INT64))
        place = builder.add(address, start)
        value = scoped_load(builder, INPUT, pointer_to(builder, place, element), 1)
        vector = builder.insert_element(vector, value, ir.Constant(INT32, lane))
    return vector


@intrinsic(lambda address: types.void(types.int64))
def prefetch(code, address):
    """Ask for the cache line of an address: a hint, for which any number will do."""
    pointer = ir.IntType(8).as_pointer()
    name = "llvm.prefetch.p0i8" if "i8*" in str(pointer) else "llvm.prefetch.p0"
    function = declare(code.builder, name, ir.VoidType(), [pointer, INT32, INT32, INT32])
    options = [ir.Constant(INT32, option) for option in (0, 3, 1)]  # to read, keep in all caches, data
    code.builder.call(function, [code.builder.inttoptr(address, pointer), *options])


def _parts(builder, address, vector, lanes, dtype):
    """Yield the parts in which a vector is written, each with a pointer to its place."""
    for start, count in {3: ((0, 2), (2, 1)), 6: ((0, 4), (4, 2))}.get(lanes, ((0, vector.type.count),)):
        part = shuffle(builder, vector, vector, range(start, start + count))
        place = offset(builder, address, start * dtype.bitwidth // 8)
        yield part, pointer_to(builder, place, vector.type.element, count)


def _stored(address, dtype, value):
    return types.void(address, dtype, value if isinstance(value, Vector) else working_type(dtype))


@intrinsic(_stored)
def store(code, address, dtype, value):
    """Write a scalar or vector to the output from an address on, rounded and clipped to the dtype."""
    builder, (_, dtype, kind) = code.builder, code.kinds
    element = storage_type(code.context, dtype)
    if not isinstance(kind, Vector):
        scoped_store(builder, OUTPUT, narrow(builder, value, dtype, element), pointer_to(builder, address, element), 1)
        return
    value = narrow(builder, value, dtype, ir.VectorType(element, kind.width))
    for part, pointer in _parts(builder, address, value, kind.lanes, dtype):
        scoped_store(builder, OUTPUT, part, pointer, 1)


@intrinsic(_stored)
def store_whole_register(code, address, dtype, vector):
    """As `store`, in one instruction: three lanes overwrite a fourth element, which the caller writes next."""
    element, width = storage_type(code.context, code.kinds[1]), vector.type.count
    value = narrow(code.builder, vector, code.kinds[1], ir.VectorType(element, width))
    scoped_store(code.builder, OUTPUT, value, pointer_to(code.builder, address, element, width), 1)


@intrinsic(_stored)
def accumulate(code, address, dtype, vector):
    """Add a vector of floats to elements of the output.

    Three lanes are loaded and stored as two and one: the next pixel often adds to the same place, and a CPU forwards a store
    to a load only if one store holds all that is loaded.
    """
    for part, pointer in _parts(code.builder, address, vector, code.kinds[2].lanes, code.kinds[1]):
        total = code.builder.fadd(code.builder.load(pointer, align=1), part)
        scoped_store(code.builder, OUTPUT, total, pointer, 1)


@intrinsic(_stored)
def accumulate_six(code, address, dtype, vector):
    """As `accumulate` for six lanes, loaded at once: faster if other places are added to before these are again."""
    before = masked_load(code.builder, address, storage_type(code.context, code.kinds[1]), 6, 8)
    total = code.builder.fadd(before, vector)
    for part, pointer in _parts(code.builder, address, total, 6, code.kinds[1]):
        scoped_store(code.builder, OUTPUT, part, pointer, 1)
