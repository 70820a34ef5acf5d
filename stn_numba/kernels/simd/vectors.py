"""Short vectors of floats with NumPy's operators: ``fma(v1, below, v0 * above)`` for eight pixels, or for the channels of one.

A `Vector` is a few numbers in one register of the CPU, its lanes. With Numba's arrays LLVM would have to find out by itself
which numbers belong together, and it does not where a loop gathers.

- ``+ - * /`` and the functions here work lane by lane. A scalar takes part in every lane, as the vector's type of float.
- Comparisons give a mask, for ``&`` and `where`.
- `fma` is fused wherever the CPU can. Products and sums that are written with operators never are.

The number of lanes is known when a kernel is compiled: `Lanes` has a length, which is part of its type, and is nothing else.
A vector of 3 lanes is a register of 4 whose last lane means nothing: three channels are one load instead of two.
"""

from __future__ import annotations

import operator

from llvmlite import ir
from numba import types
from numba.core.imputils import lower_cast, lower_constant
from numba.extending import models, register_model, typeof_impl

from stn_numba.kernels.compiler.intrinsics import intrinsic, register
from stn_numba.kernels.simd.llvm import call, constant, splat


class Lanes:
    """A number of lanes."""

    def __init__(self, count):
        self.count = count


class LanesType(types.BaseTuple):
    """The type of a number of lanes; `len` works on it as on a tuple."""

    def __init__(self, count):
        self.count = count
        super().__init__(f"Lanes({count})")

    def __len__(self):
        return self.count


register_model(LanesType)(models.OpaqueModel)
typeof_impl.register(Lanes)(lambda value, _: LanesType(value.count))
lower_constant(LanesType)(lambda context, builder, kind, value: context.get_dummy_value())

ONE, TWO, THREE, FOUR, SIX, EIGHT, TWELVE, SIXTEEN = (Lanes(count) for count in (1, 2, 3, 4, 6, 8, 12, 16))


class Vector(types.Type):
    """The type of a vector: its element, its lanes, and how many lanes its register has."""

    def __init__(self, element, lanes):
        self.element, self.lanes, self.width = element, lanes, {3: 4, 6: 8, 12: 16}.get(lanes, lanes)
        super().__init__(f"Vector({element}, {lanes})")


class Mask(types.Type):
    """The type of a comparison of two vectors: a truth value a lane."""

    def __init__(self, vector):
        self.vector = vector
        super().__init__(f"Mask({vector})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        element = manager.lookup(vector.element).get_value_type()
        super().__init__(manager, vector, ir.VectorType(element, vector.width))


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager, mask):
        super().__init__(manager, mask, ir.VectorType(ir.IntType(1), mask.vector.width))


@lower_cast(types.Number, Vector)
def _from_scalar(context, builder, scalar, vector, value):
    return splat(builder, context.cast(builder, value, scalar, vector.element), vector.width)


def _lanewise(*kinds):
    """The signature of a function of vectors of one type, to which scalars are cast."""
    vectors = {kind for kind in kinds if isinstance(kind, Vector | Mask)}
    if len(vectors) != 1 or any(not isinstance(kind, Vector | Mask | types.Number) for kind in kinds):
        return None
    (vector,) = vectors
    return vector(*[vector] * len(kinds))


def _comparison(left, right):
    found = _lanewise(left, right)
    return found and Mask(found.return_type)(*found.args)


def floor(vector):
    """Largest whole numbers that are not greater."""


def rint(vector):
    """Nearest whole numbers, halves to even."""


def minimum(left, right):
    """The smaller of two numbers in each lane; the right one where one is NaN."""


def maximum(left, right):
    """The larger of two numbers in each lane; the right one where one is NaN."""


def fma(left, right, addend):
    """Return left * right + addend, of vectors or scalars."""


def _instruction(name):
    return lambda code, *values: getattr(code.builder, name)(*values)


def _function(name):
    return lambda code, *values: call(code.builder, name, *values)


def _compare(symbol):
    return lambda code, left, right: code.builder.fcmp_ordered(symbol, left, right)


def _choose(symbol):
    return lambda code, left, right: code.builder.select(code.builder.fcmp_ordered(symbol, left, right), left, right)


_FUNCTIONS = {
    **dict.fromkeys((operator.add, operator.iadd), _instruction("fadd")),
    **dict.fromkeys((operator.sub, operator.isub), _instruction("fsub")),
    **dict.fromkeys((operator.mul, operator.imul), _instruction("fmul")),
    operator.truediv: _instruction("fdiv"),
    operator.or_: _instruction("or_"),
    minimum: _choose("<"),
    maximum: _choose(">"),
    abs: _function("fabs"),
    floor: _function("floor"),
    rint: _function("rint"),
    fma: _function("fmuladd"),
}
_COMPARISONS = {
    operator.lt: _compare("<"),
    operator.le: _compare("<="),
    operator.gt: _compare(">"),
    operator.ge: _compare(">="),
    operator.ne: lambda code, left, right: code.builder.fcmp_unordered("!=", left, right),
}
for _key, _emit in _FUNCTIONS.items():
    register(_key, _lanewise, _emit, accepted=(types.VarArg(Vector),))
for _key, _emit in _COMPARISONS.items():
    register(_key, _comparison, _emit, accepted=(Vector, Vector))
register(operator.and_, _lanewise, _instruction("and_"), accepted=(Mask, Mask))
register(fma, lambda *kinds: kinds[2](*[kinds[2]] * 3), _FUNCTIONS[fma], accepted=(types.Float,) * 3)


@intrinsic(lambda mask, vector, other: mask.vector(mask, mask.vector, mask.vector))
def where(code, mask, vector, other):
    """Lanes of `vector` where the mask is true, of `other` elsewhere; both may be scalars."""
    return code.builder.select(mask, vector, other)


@intrinsic(lambda lanes, scalar: Vector(scalar, len(lanes)))
def full(code, lanes, scalar):
    """A vector with a scalar in every lane."""
    return splat(code.builder, scalar, code.result.width)


@intrinsic(lambda lanes: Vector(types.float64, len(lanes)))
def arange(code, lanes):
    """The float64 vector 0, 1, 2, ..."""
    return ir.Constant(code.llvm(code.result), [float(lane) for lane in range(code.result.lanes)])


@intrinsic(lambda vector, dtype: Vector(dtype, vector.lanes))
def astype(code, vector, dtype):
    """The vector as floats of the type of a number."""
    return _convert(code, vector)


@intrinsic(lambda vector: Vector(types.float64, vector.lanes))
def to_float64(code, vector):
    """The vector as float64."""
    return _convert(code, vector)


def _convert(code, vector):
    if code.result == code.kinds[0]:
        return vector
    convert = code.builder.fpext if code.result.element == types.float64 else code.builder.fptrunc
    return convert(vector, code.llvm(code.result))


@intrinsic(lambda vector: Vector(types.int64, vector.lanes))
def to_int64(code, vector):
    """Whole float64 of at most 51 bits as integers: an addition, where older CPUs have no vector code for the conversion."""
    shift = constant(vector.type, 3 * 2.0**51)  # its lowest bit is worth 1, so the sum's mantissa is the number
    builder, integers = code.builder, code.llvm(code.result)
    return builder.sub(builder.bitcast(builder.fadd(vector, shift), integers), builder.bitcast(shift, integers))
