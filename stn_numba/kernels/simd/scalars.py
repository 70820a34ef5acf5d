"""The smaller and the larger of two numbers, and counts of bits.

`least` and `greatest` are Python's min and max: where a number is NaN, the first. Numba compiles its own anew for each pair
of types, with all passes.
"""

from __future__ import annotations

import operator

from llvmlite import ir
from numba import extending, types

from stn_numba.kernels.compiler.intrinsics import declare, intrinsic
from stn_numba.kernels.simd.llvm import INT64

__all__ = ["count_ones", "greatest", "leading_zeros", "least", "trailing_zeros"]


def _select(typingctx, compare, first, second):
    """Signature and code for the second number where it compares so with the first, else for the first."""
    kind = typingctx.unify_types(first, second)

    def codegen(context, builder, signature, arguments):
        pairs = zip(arguments, signature.args, strict=True)
        first, second = (context.cast(builder, value, given, kind) for value, given in pairs)
        is_so = context.get_function(compare, types.boolean(kind, kind))
        return builder.select(is_so(builder, (second, first)), second, first)

    return kind(first, second), codegen


@extending.intrinsic
def least(typingctx, first, second):
    """The smaller one."""
    return _select(typingctx, operator.lt, first, second)


@extending.intrinsic
def greatest(typingctx, first, second):
    """The larger one."""
    return _select(typingctx, operator.gt, first, second)


def _count(code, name, bits, *flags):
    flag = ir.IntType(1)
    function = declare(code.builder, f"llvm.{name}.i64", INT64, [INT64] + [flag] * len(flags))
    return code.builder.call(function, [bits, *(ir.Constant(flag, number) for number in flags)])


@intrinsic(lambda bits: types.int64(types.int64))
def count_ones(code, bits):
    """How many bits are 1."""
    return _count(code, "ctpop", bits)


@intrinsic(lambda bits: types.int64(types.int64))
def trailing_zeros(code, bits):
    """How many zeros are below the lowest 1; 64 if there is none."""
    return _count(code, "cttz", bits, 0)


@intrinsic(lambda bits: types.int64(types.int64))
def leading_zeros(code, bits):
    """How many zeros are above the highest 1; 64 if there is none."""
    return _count(code, "ctlz", bits, 0)
