"""Convert numbers as images store them to the floats that kernels compute with, and back."""

from __future__ import annotations

from llvmlite import ir
from numba import types

from stn_numba.kernels.compiler.intrinsics import declare
from stn_numba.kernels.simd.llvm import INT32, call, constant, suffix


def working_type(dtype):
    """Return the floats in which values of a dtype are computed: float32 if that holds them exactly."""
    small = dtype in (types.float32, types.uint8, types.int8, types.uint16, types.int16)
    return types.float32 if small else types.float64


def storage_type(context, dtype):
    """Return LLVM's type for an element of a dtype in memory."""
    return ir.IntType(dtype.bitwidth) if isinstance(dtype, types.Integer) else context.get_value_type(dtype)


def widen(builder, value, dtype, working):
    """Convert a stored value, or a vector of them, to working floats."""
    if not isinstance(dtype, types.Integer):
        return value
    return (builder.sitofp if dtype.signed else builder.uitofp)(value, working)


def narrow(builder, value, dtype, stored):
    """Convert working floats to what is stored: rounded half to even and clipped to the range; NaN gives the lowest."""
    if not isinstance(dtype, types.Integer):
        return value
    low, high = (constant(value.type, limit) for limit in (dtype.minval, dtype.maxval))
    if dtype.bitwidth <= 16:  # one instruction rounds and converts to int32
        integers = round_to_int32(builder, call(builder, "minnum", call(builder, "maxnum", value, low), high))
        return integers if integers.type == stored else builder.trunc(integers, stored)
    value = call(builder, "maxnum", call(builder, "rint", value), low)
    value = call(builder, "minnum", value, high)
    return (builder.fptosi if dtype.signed else builder.fptoui)(value, stored)


def round_to_int32(builder, value):
    """Round float32, half to even, to integers of 32 bits."""
    integers = ir.VectorType(INT32, value.type.count) if isinstance(value.type, ir.VectorType) else INT32
    name = f"llvm.lrint.{suffix(integers)}.{suffix(value.type)}"
    return builder.call(declare(builder, name, integers, [value.type]), [value])
