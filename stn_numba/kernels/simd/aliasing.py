"""Stages of memory, and what every load and store is made of.

LLVM vectorizes no loop that gathers unless it is told what the stores do not touch. So memory has stages, in the order in
which a strip of pixels passes them: INPUT (images, grids, d_out), POSITIONS, TAPS, PRODUCTS (scratch rows), and OUTPUT. Every
store promises that it touches nothing that belongs to a stage before its own.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types

from stn_numba.kernels.simd.vectors import call, constant

_STAGES = INPUT, POSITIONS, TAPS, PRODUCTS, OUTPUT = "input", "positions", "taps", "products", "output"


def working_type(dtype):
    """Floats in which values of a dtype are computed: float32 if that holds them exactly."""
    small = dtype in (types.float32, types.uint8, types.int8, types.uint16, types.int16)
    return types.float32 if small else types.float64


def _scopes(builder, stages):
    module = builder.module
    domain = module.add_metadata(["stn_numba.kernels"])
    return module.add_metadata([module.add_metadata([f"stn_numba.{stage}", domain]) for stage in stages])


def belongs(builder, instruction, stage):
    """Say of which stage a load is."""
    instruction.set_metadata("alias.scope", _scopes(builder, [stage]))
    return instruction


def spares(builder, instruction, stage):
    """Promise that a store of this stage touches nothing of the stages before."""
    instruction.set_metadata("noalias", _scopes(builder, _STAGES[: _STAGES.index(stage)]))
    return instruction


def pointer_to(builder, address, element, count=None):
    """Turn an address into a pointer to an element, or to a vector of so many."""
    value = element if count is None else ir.VectorType(element, count)
    return builder.inttoptr(address, value.as_pointer())


def further(builder, address, size):
    """Return the address so many bytes on."""
    return builder.add(address, ir.Constant(address.type, size))


def llvm_type(context, dtype):
    """Return what holds an element of a dtype in memory."""
    return ir.IntType(dtype.bitwidth) if isinstance(dtype, types.Integer) else context.get_value_type(dtype)


def widen(builder, value, dtype, working):
    """Turn a stored value (or vector of them) into working floats."""
    if not isinstance(dtype, types.Integer):
        return value
    return (builder.sitofp if dtype.signed else builder.uitofp)(value, working)


def to_integers(builder, value):
    """Round floats half to even, to integers of 32 bits."""
    integer = ir.IntType(32)
    integers = ir.VectorType(integer, value.type.count) if isinstance(value.type, ir.VectorType) else integer
    suffix = [f"v{kind.count}" if isinstance(kind, ir.VectorType) else "" for kind in (integers, value.type)]
    name = f"llvm.lrint.{suffix[0]}i32.{suffix[1]}f32"
    function = builder.module.globals.get(name) or ir.Function(builder.module, ir.FunctionType(integers, [value.type]), name)
    return builder.call(function, [value])


def narrow(builder, value, dtype, stored):
    """Turn working floats into what is stored: rounded half to even and limited to the range; NaN gives the lowest."""
    if not isinstance(dtype, types.Integer):
        return value
    low, high = (constant(value.type, limit) for limit in (dtype.minval, dtype.maxval))
    if dtype.bitwidth <= 16:  # to whole numbers of 32 bits rounded in one step
        whole = to_integers(builder, call(builder, "minnum", call(builder, "maxnum", value, low), high))
        return whole if whole.type == stored else builder.trunc(whole, stored)
    value = call(builder, "maxnum", call(builder, "rint", value), low)
    value = call(builder, "minnum", value, high)
    return (builder.fptosi if dtype.signed else builder.fptoui)(value, stored)
