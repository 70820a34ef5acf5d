"""Short vectors of floats, held in one register: what Numba's arrays cannot say to LLVM.

`lanes` has a length, which is part of its type and so known at compile time, and is nothing else. A vector of
three lanes is a register of four whose last lane is 0: three channels are one load where they would be two.

Sums use ``fmuladd``, which is fused wherever the CPU can.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core.imputils import lower_constant
from numba.extending import intrinsic, models, register_model, typeof_impl


class Lanes:
    """A number of lanes."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count


class LanesType(types.BaseTuple):
    """The type of a number of lanes; `len` works on it as on a tuple."""

    def __init__(self, count):
        self.count = count
        super().__init__(f"Lanes({count})")

    def __len__(self):
        return self.count


register_model(LanesType)(models.OpaqueModel)


@typeof_impl.register(Lanes)
def _lanes_type(value, _):
    return LanesType(value.count)


@lower_constant(LanesType)
def _no_value(context, builder, kind, value):
    return context.get_dummy_value()


ONE, TWO, THREE, FOUR, SIX, EIGHT, TWELVE, SIXTEEN = (Lanes(count) for count in (1, 2, 3, 4, 6, 8, 12, 16))


class Vector(types.Type):
    """A few floats side by side, held in one register."""

    def __init__(self, element, lanes):
        self.element, self.lanes, self.width = element, lanes, {3: 4, 6: 8, 12: 16}.get(lanes, lanes)
        super().__init__(f"Vector({element}, {lanes})")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """Numba's way of keeping a Vector: LLVM's own vector type."""

    def __init__(self, manager, vector):
        element = manager.lookup(vector.element).get_value_type()
        super().__init__(manager, vector, ir.VectorType(element, vector.width))


def call(builder, name, value, *more):
    """Call one of LLVM's functions for scalars and vectors alike."""
    suffix = f"v{value.type.count}" if isinstance(value.type, ir.VectorType) else ""
    element = value.type.element if suffix else value.type
    suffix += {"float": "f32", "double": "f64"}[str(element)]
    kind = ir.FunctionType(value.type, [value.type] * (1 + len(more)))
    full = f"llvm.{name}.{suffix}"
    function = builder.module.globals.get(full) or ir.Function(builder.module, kind, full)
    return builder.call(function, (value, *more))


def constant(kind, number):
    """A number of a float type, or in every lane of a vector type."""
    return ir.Constant(kind, [float(number)] * kind.count if isinstance(kind, ir.VectorType) else float(number))


def shuffle(builder, left, right, lanes):
    """A vector of the lanes so numbered of two vectors side by side."""
    return builder.shuffle_vector(left, right, ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes)))


def splat(builder, scalar, count):
    """A vector with the scalar in every lane, while code is made."""
    empty = ir.Constant(ir.VectorType(scalar.type, count), ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.Constant(ir.IntType(32), 0))
    return shuffle(builder, first, empty, [0] * count)


@intrinsic
def spread(typingctx, scalar, lanes):
    """A vector with the scalar in every lane."""
    signature = Vector(scalar, len(lanes))(scalar, lanes)

    def codegen(context, builder, signature, arguments):
        return splat(builder, arguments[0], signature.return_type.width)

    return signature, codegen


@intrinsic
def counting(typingctx, lanes):
    """The float64 vector 0, 1, 2, ..."""
    signature = Vector(types.float64, len(lanes))(lanes)

    def codegen(context, builder, signature, arguments):
        return ir.Constant(context.get_value_type(signature.return_type), [float(lane) for lane in range(len(lanes))])

    return signature, codegen


@intrinsic
def plus(typingctx, left, right):
    """Vector left + right, lane by lane."""
    return left(left, right), lambda context, builder, signature, arguments: builder.fadd(*arguments)


@intrinsic
def minus(typingctx, left, right):
    """Vector left - right, lane by lane."""
    return left(left, right), lambda context, builder, signature, arguments: builder.fsub(*arguments)


@intrinsic
def times(typingctx, left, right):
    """Vector left * right, lane by lane."""
    return left(left, right), lambda context, builder, signature, arguments: builder.fmul(*arguments)


@intrinsic
def over(typingctx, left, right):
    """Vector left / right, lane by lane."""
    return left(left, right), lambda context, builder, signature, arguments: builder.fdiv(*arguments)


@intrinsic
def where_positive(typingctx, vector, instead):
    """The vector where it is greater than 0, a number in the other lanes."""
    signature = vector(vector, instead)

    def codegen(context, builder, signature, arguments):
        value, other = arguments
        positive = builder.fcmp_ordered(">", value, constant(value.type, 0.0))
        return builder.select(positive, value, splat(builder, other, value.type.count))

    return signature, codegen


@intrinsic
def where_positive_there(typingctx, vector, there):
    """The vector where another one is greater than 0, 0 in the other lanes."""
    signature = vector(vector, there)

    def codegen(context, builder, signature, arguments):
        value, other = arguments
        zero = constant(value.type, 0.0)
        return builder.select(builder.fcmp_ordered(">", other, zero), value, zero)

    return signature, codegen


@intrinsic
def where_not_zero(typingctx, vector, there):
    """The vector where another one is not 0, 0 in the other lanes."""
    signature = vector(vector, there)

    def codegen(context, builder, signature, arguments):
        value, other = arguments
        zero = constant(value.type, 0.0)
        return builder.select(builder.fcmp_unordered("!=", other, zero), value, zero)

    return signature, codegen


@intrinsic
def smaller(typingctx, left, right):
    """Vector of the smaller ones, lane by lane."""
    signature = left(left, right)

    def codegen(context, builder, signature, arguments):
        return builder.select(builder.fcmp_ordered("<", *arguments), *arguments)

    return signature, codegen


@intrinsic
def larger(typingctx, left, right):
    """Vector of the larger ones, lane by lane."""
    signature = left(left, right)

    def codegen(context, builder, signature, arguments):
        return builder.select(builder.fcmp_ordered(">", *arguments), *arguments)

    return signature, codegen


@intrinsic
def magnitudes(typingctx, vector):
    """The numbers without their signs."""
    return vector(vector), lambda context, builder, signature, arguments: call(builder, "fabs", arguments[0])


@intrinsic
def where_in_unit(typingctx, vector, there):
    """A number in the lanes where the vector is in [0, 1), 0 in the others."""
    signature = vector(vector, vector.element)

    def codegen(context, builder, signature, arguments):
        value, number = arguments
        zero, one = constant(value.type, 0.0), constant(value.type, 1.0)
        inside = builder.and_(builder.fcmp_ordered(">=", value, zero), builder.fcmp_ordered("<", value, one))
        return builder.select(inside, splat(builder, number, value.type.count), zero)

    return signature, codegen


@intrinsic
def floors(typingctx, vector):
    """The largest whole numbers that are not greater."""
    return vector(vector), lambda context, builder, signature, arguments: call(builder, "floor", arguments[0])


@intrinsic
def rounded(typingctx, vector):
    """The nearest whole numbers, halves to even."""
    return vector(vector), lambda context, builder, signature, arguments: call(builder, "rint", arguments[0])


@intrinsic
def narrowed(typingctx, vector, like):
    """The float64 vector as floats of a type."""
    signature = Vector(like, vector.lanes)(vector, like)

    def codegen(context, builder, signature, arguments):
        if like == types.float64:
            return arguments[0]
        return builder.fptrunc(arguments[0], context.get_value_type(signature.return_type))

    return signature, codegen


@intrinsic
def short_of_one(typingctx, vector):
    """The float64 vector, with numbers just below 1 moved to where float32 tells them from 1."""

    def codegen(context, builder, signature, arguments):
        value = arguments[0]
        limit, one = constant(value.type, 1 - 2.0**-24), constant(value.type, 1.0)
        near = builder.and_(builder.fcmp_ordered(">", value, limit), builder.fcmp_ordered("<", value, one))
        return builder.select(near, limit, value)

    return vector(vector), codegen


@intrinsic
def add_product(typingctx, total, left, right):
    """Vector total + left * right, lane by lane."""
    signature = total(total, left, right)

    def codegen(context, builder, signature, arguments):
        return call(builder, "fmuladd", arguments[1], arguments[2], arguments[0])

    return signature, codegen


@intrinsic
def lane_sum(typingctx, vector):
    """Sum of the lanes, halves first."""
    signature = vector.element(vector)

    def codegen(context, builder, signature, arguments):
        value = arguments[0]
        count = value.type.count
        while count > 1:
            count //= 2
            halves = (shuffle(builder, value, value, range(start, start + count)) for start in (0, count))
            value = builder.fadd(*halves)
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return signature, codegen


@intrinsic
def lane_sums(typingctx, left, right):
    """The `lane_sum` of two vectors, in as many steps as one takes."""
    signature = types.UniTuple(left.element, 2)(left, right)

    def codegen(context, builder, signature, arguments):
        half = arguments[0].type.count // 2
        sides = ([lane + side * 2 * half for lane in range(start, start + half) for side in (0, 1)] for start in (0, half))
        value = builder.fadd(*(shuffle(builder, *arguments, lanes) for lanes in sides))
        while half > 1:
            halves = (shuffle(builder, value, value, range(start, start + half)) for start in (0, half))
            value, half = builder.fadd(*halves), half // 2
        sums = [builder.extract_element(value, ir.Constant(ir.IntType(32), side)) for side in (0, 1)]
        return context.make_tuple(builder, signature.return_type, sums)

    return signature, codegen


@intrinsic
def from_second(typingctx, vector):
    """The lanes from the second on; the last one comes twice."""

    def codegen(context, builder, signature, arguments):
        count = vector.width
        return shuffle(builder, arguments[0], arguments[0], [*range(1, count), count - 1])

    return vector(vector), codegen


@intrinsic
def three(typingctx, vector):
    """The first three lanes of four."""
    signature = Vector(vector.element, 3)(vector)

    def codegen(context, builder, signature, arguments):
        return shuffle(builder, arguments[0], constant(arguments[0].type, 0.0), [0, 1, 2, 4])

    return signature, codegen


@intrinsic
def threes(typingctx, vector):
    """The lanes three by three."""
    count = vector.lanes // 3
    signature = types.UniTuple(Vector(vector.element, 3), count)(vector)

    def codegen(context, builder, signature, arguments):
        value = arguments[0]
        nothing = constant(value.type, 0.0)
        parts = [shuffle(builder, value, nothing, [*range(k, k + 3), value.type.count]) for k in range(0, 3 * count, 3)]
        return context.make_tuple(builder, signature.return_type, parts)

    return signature, codegen


@intrinsic
def in_turns(typingctx, left, right):
    """Lanes of two vectors in turns: left, right, left, ..."""
    signature = Vector(left.element, 2 * left.lanes)(left, right)

    def codegen(context, builder, signature, arguments):
        count = arguments[0].type.count
        return shuffle(builder, *arguments, [lane + side * count for lane in range(count) for side in (0, 1)])

    return signature, codegen


@intrinsic
def six(typingctx, left, right):
    """Two vectors of three lanes side by side."""
    signature = Vector(left.element, 6)(left, right)
    return signature, lambda context, builder, signature, arguments: shuffle(builder, *arguments, [0, 1, 2, 4, 5, 6, 3, 7])


@intrinsic
def widened(typingctx, vector):
    """The vector as float64."""
    signature = Vector(types.float64, vector.lanes)(vector)

    def codegen(context, builder, signature, arguments):
        if vector.element == types.float64:
            return arguments[0]
        return builder.fpext(arguments[0], context.get_value_type(signature.return_type))

    return signature, codegen


@intrinsic
def fmuladd(typingctx, left, right, addend):
    """Scalar left * right + addend."""
    signature = addend(addend, addend, addend)

    def codegen(context, builder, signature, arguments):
        return call(builder, "fmuladd", *arguments)

    return signature, codegen


@intrinsic
def whole_numbers(typingctx, vector):
    """Whole float64 of at most 51 bits as integers: an addition, where older CPUs have no vector code for the conversion."""
    signature = Vector(types.int64, vector.lanes)(vector)

    def codegen(context, builder, signature, arguments):
        shift = constant(arguments[0].type, 3 * 2.0**51)  # its lowest bit is worth 1, so the sum's mantissa is the number
        integers = context.get_value_type(signature.return_type)
        moved = builder.bitcast(builder.fadd(arguments[0], shift), integers)
        return builder.sub(moved, builder.bitcast(shift, integers))

    return signature, codegen


def _as_bits(builder, flags):
    """A vector of truth values as bits of an integer, the lowest for the first lane."""
    return builder.zext(builder.bitcast(flags, ir.IntType(flags.type.count)), ir.IntType(64))


@intrinsic
def lanes_between(typingctx, vector, low, high):
    """Bits of an integer, the lowest for the first lane: whether it is in [low, high)."""
    signature = types.int64(vector, vector.element, vector.element)

    def codegen(context, builder, signature, arguments):
        value, *limits = arguments
        low, high = (splat(builder, limit, value.type.count) for limit in limits)
        inside = builder.and_(builder.fcmp_ordered(">=", value, low), builder.fcmp_ordered("<", value, high))
        return _as_bits(builder, inside)

    return signature, codegen


@intrinsic
def all_in_unit(typingctx, left, right):
    """Whether all lanes of two vectors are in [0, 1), but not -0: by their bits, which is less work than comparing floats."""

    def codegen(context, builder, signature, arguments):
        size = left.element.bitwidth
        integers = ir.VectorType(ir.IntType(size), left.width)
        one = ir.Constant(integers, [{32: 0x3F800000, 64: 0x3FF0000000000000}[size]] * left.width)
        sides = [builder.icmp_unsigned("<", builder.bitcast(value, integers), one) for value in arguments]
        bits = builder.bitcast(builder.and_(*sides), ir.IntType(left.width))
        return builder.icmp_unsigned("==", bits, ir.Constant(bits.type, -1))

    return types.boolean(left, right), codegen


def _bit_function(name, text, *more):
    """One of LLVM's functions of the bits of an integer."""

    @intrinsic
    def count(typingctx, bits):
        signature = types.int64(types.int64)

        def codegen(context, builder, signature, arguments):
            integer, flag = ir.IntType(64), ir.IntType(1)
            kind = ir.FunctionType(integer, [integer] + [flag] * len(more))
            full = f"llvm.{name}.i64"
            function = builder.module.globals.get(full) or ir.Function(builder.module, kind, full)
            return builder.call(function, [arguments[0], *(ir.Constant(flag, number) for number in more)])

        return signature, codegen

    count.__doc__ = text
    return count


bits_set = _bit_function("ctpop", "How many bits are 1.")
lowest_bit = _bit_function("cttz", "Place of the lowest 1; 64 if there is none.", 0)
bits_above = _bit_function("ctlz", "How many zeros stand above the highest 1; 64 if there is none.", 0)
