"""Loads, stores and short vectors over raw addresses: what Numba's arrays cannot say to LLVM.

An image reaches a kernel as the flat tuple (address, like, n_step, y_step, x_step, c_step): the address of its first
element, a scalar of its dtype, and its steps in bytes. So one compiled kernel reads every layout, aligned or not,
writable or not. Inside a loop over pixels no array is touched, since Numba counts references to arrays, atomically.

Every load and store here carries the promise that what kernels read and what they write never overlap; without it LLVM
vectorises no loop that gathers. Sums use ``fmuladd``, which is fused wherever the CPU can, the same in every form of a
kernel, so the serial and the parallel form agree to the last bit.

`lanes` is a tuple with one entry a lane: the number of lanes is then part of its type and known at compile time.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import config
from numba.extending import intrinsic, models, register_model

CHECKED = bool(config.BOUNDSCHECK)

ONE, TWO, THREE, FOUR, EIGHT, SIXTEEN = ((0,) * count for count in (1, 2, 3, 4, 8, 16))


class Vector(types.Type):
    """A few floats side by side, held in one register."""

    def __init__(self, element, count):
        self.element, self.count = element, count
        super().__init__(f"Vector({element}, {count})")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """Numba's way of keeping a Vector: LLVM's own vector type."""

    def __init__(self, manager, vector):
        element = manager.lookup(vector.element).get_value_type()
        super().__init__(manager, vector, ir.VectorType(element, vector.count))


def working_type(dtype):
    """Floats in which values of a dtype are computed: float32 if that holds them exactly."""
    small = dtype in (types.float32, types.uint8, types.int8, types.uint16, types.int16)
    return types.float32 if small else types.float64


def _promise(builder, instruction, kind):
    module = builder.module
    domain = module.add_metadata(["stn_numba.kernels"])
    scope = module.add_metadata([module.add_metadata(["stn_numba.read", domain])])
    instruction.set_metadata({"read": "alias.scope", "written": "noalias"}[kind], scope)
    return instruction


def _pointer(builder, address, element, count):
    value = element if count is None else ir.VectorType(element, count)
    return builder.inttoptr(address, value.as_pointer())


def _llvm(context, dtype):
    return ir.IntType(dtype.bitwidth) if isinstance(dtype, types.Integer) else context.get_value_type(dtype)


def _widen(builder, value, dtype, working):
    """Turn a stored value (or vector of them) into working floats."""
    if not isinstance(dtype, types.Integer):
        return value
    return (builder.sitofp if dtype.signed else builder.uitofp)(value, working)


def _call(builder, name, value, *more):
    suffix = f"v{value.type.count}" if isinstance(value.type, ir.VectorType) else ""
    element = value.type.element if suffix else value.type
    suffix += {"float": "f32", "double": "f64"}[str(element)]
    kind = ir.FunctionType(value.type, [value.type] * (1 + len(more)))
    full = f"llvm.{name}.{suffix}"
    function = builder.module.globals.get(full) or ir.Function(builder.module, kind, full)
    return builder.call(function, (value, *more))


def _narrow(builder, value, dtype, stored):
    """Turn working floats into what is stored: rounded half to even and limited to the range; NaN gives the lowest."""
    if not isinstance(dtype, types.Integer):
        return value
    low, high = (ir.Constant(value.type, _filled(value.type, limit)) for limit in (dtype.minval, dtype.maxval))
    value = _call(builder, "maxnum", _call(builder, "rint", value), low)
    value = _call(builder, "minnum", value, high)
    return (builder.fptosi if dtype.signed else builder.fptoui)(value, stored)


def _filled(kind, number):
    return [float(number)] * kind.count if isinstance(kind, ir.VectorType) else float(number)


def _spread(builder, scalar, count):
    """A vector with the scalar in every lane."""
    empty = ir.Constant(ir.VectorType(scalar.type, count), ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count))


@intrinsic
def address_of(typingctx, array):
    """Address of an array's first element."""
    signature = types.int64(array)

    def codegen(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.ptrtoint(data, ir.IntType(64))

    return signature, codegen


@intrinsic
def load(typingctx, address, like, lanes):
    """A vector of consecutive elements, as working floats."""
    dtype, working, count = like, working_type(like), len(lanes)
    signature = Vector(working, count)(address, like, lanes)

    def codegen(context, builder, signature, arguments):
        pointer = _pointer(builder, arguments[0], _llvm(context, dtype), count)
        value = _promise(builder, builder.load(pointer, align=1), "read")
        return _widen(builder, value, dtype, context.get_value_type(signature.return_type))

    return signature, codegen


@intrinsic
def load_one(typingctx, address, like):
    """One element, as a working float."""
    dtype, working = like, working_type(like)
    signature = working(address, like)

    def codegen(context, builder, signature, arguments):
        pointer = _pointer(builder, arguments[0], _llvm(context, dtype), None)
        value = _promise(builder, builder.load(pointer, align=1), "read")
        return _widen(builder, value, dtype, context.get_value_type(working))

    return signature, codegen


@intrinsic
def load_pair(typingctx, address, like):
    """Two neighbouring elements, by one load where they fit in 64 bits: half the gathers."""
    dtype, working = like, working_type(like)
    signature = types.UniTuple(working, 2)(address, like)

    def codegen(context, builder, signature, arguments):
        element, bits = _llvm(context, dtype), dtype.bitwidth
        if bits > 32:
            pointer = _pointer(builder, arguments[0], element, None)
            loads = (builder.load(builder.gep(pointer, [ir.Constant(ir.IntType(64), k)]), align=1) for k in (0, 1))
            pair = [_promise(builder, value, "read") for value in loads]
        else:
            whole, lane = ir.IntType(2 * bits), ir.IntType(bits)
            word = builder.load(_pointer(builder, arguments[0], whole, None), align=1)
            _promise(builder, word, "read")
            halves = builder.trunc(word, lane), builder.trunc(builder.lshr(word, ir.Constant(whole, bits)), lane)
            pair = [builder.bitcast(half, element) for half in halves]
        pair = [_widen(builder, value, dtype, context.get_value_type(working)) for value in pair]
        return context.make_tuple(builder, signature.return_type, pair)

    return signature, codegen


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
    """Write a vector to consecutive elements, rounded and limited to the dtype."""
    dtype = like
    signature = types.void(address, like, vector)

    def codegen(context, builder, signature, arguments):
        element = _llvm(context, dtype)
        value = _narrow(builder, arguments[2], dtype, ir.VectorType(element, vector.count))
        pointer = _pointer(builder, arguments[0], element, vector.count)
        _promise(builder, builder.store(value, pointer, align=1), "written")
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def store_one(typingctx, address, like, value):
    """Write one element, rounded and limited to the dtype."""
    dtype = like
    signature = types.void(address, like, working_type(dtype))

    def codegen(context, builder, signature, arguments):
        element = _llvm(context, dtype)
        value = _narrow(builder, arguments[2], dtype, element)
        _promise(builder, builder.store(value, _pointer(builder, arguments[0], element, None), align=1), "written")
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def size_of(typingctx, like):
    """Bytes of an element."""
    size = like.bitwidth // 8
    return types.int64(like), lambda context, builder, signature, arguments: ir.Constant(ir.IntType(64), size)


@intrinsic
def peek(typingctx, address, like, index):
    """Element `index` of a row of scratch at an address, as it is."""
    signature = like(address, like, types.int64)

    def codegen(context, builder, signature, arguments):
        pointer = _pointer(builder, arguments[0], context.get_value_type(like), None)
        return _promise(builder, builder.load(builder.gep(pointer, [arguments[2]])), "read")

    return signature, codegen


@intrinsic
def get(typingctx, array, index):
    """array[index] of a row that the loop at hand does not write."""
    signature = array.dtype(array, types.int64)

    def codegen(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return _promise(builder, builder.load(builder.gep(data, [arguments[1]])), "read")

    return signature, codegen


@intrinsic
def put(typingctx, array, index, value):
    """array[index] = value, in a row that the loop at hand does not read."""
    signature = types.void(array, types.int64, array.dtype)

    def codegen(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        _promise(builder, builder.store(arguments[2], builder.gep(data, [arguments[1]])), "written")
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def first_three(typingctx, vector):
    """The first three lanes of a vector."""
    signature = Vector(vector.element, 3)(vector)

    def codegen(context, builder, signature, arguments):
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), 3), [0, 1, 2])
        return builder.shuffle_vector(arguments[0], arguments[0], lanes)

    return signature, codegen


@intrinsic
def spread(typingctx, scalar, lanes):
    """A vector with the scalar in every lane."""
    signature = Vector(scalar, len(lanes))(scalar, lanes)

    def codegen(context, builder, signature, arguments):
        return _spread(builder, arguments[0], signature.return_type.count)

    return signature, codegen


@intrinsic
def add_scaled(typingctx, total, scalar, vector):
    """Vector total + scalar * vector."""
    signature = total(total, total.element, vector)

    def codegen(context, builder, signature, arguments):
        total, scalar, vector = arguments
        return _call(builder, "fmuladd", _spread(builder, scalar, vector.type.count), vector, total)

    return signature, codegen


@intrinsic
def add_product(typingctx, total, left, right):
    """Vector total + left * right, lane by lane."""
    signature = total(total, left, right)

    def codegen(context, builder, signature, arguments):
        return _call(builder, "fmuladd", arguments[1], arguments[2], arguments[0])

    return signature, codegen


@intrinsic
def lane_sum(typingctx, vector):
    """Sum of the lanes, halves first."""
    signature = vector.element(vector)

    def codegen(context, builder, signature, arguments):
        value, index = arguments[0], ir.IntType(32)
        count = value.type.count
        while count % 2 == 0:
            count //= 2
            halves = [ir.Constant(ir.VectorType(index, count), [*range(k, k + count)]) for k in (0, count)]
            value = builder.fadd(*(builder.shuffle_vector(value, value, half) for half in halves))
        lanes = [builder.extract_element(value, ir.Constant(index, k)) for k in range(count)]
        total = lanes[0]
        for lane in lanes[1:]:
            total = builder.fadd(total, lane)
        return total

    return signature, codegen


@intrinsic
def accumulate(typingctx, address, like, vector):
    """Add a vector of floats to consecutive elements."""
    signature = types.void(address, like, vector)

    def codegen(context, builder, signature, arguments):
        pointer = _pointer(builder, arguments[0], _llvm(context, like), vector.count)
        total = builder.fadd(builder.load(pointer, align=1), arguments[2])
        _promise(builder, builder.store(total, pointer, align=1), "written")
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def fmuladd(typingctx, left, right, addend):
    """Scalar left * right + addend."""
    signature = addend(addend, addend, addend)

    def codegen(context, builder, signature, arguments):
        return _call(builder, "fmuladd", *arguments)

    return signature, codegen
