"""Load and store numbers bit for bit, in their own dtype; see `load_store` for the arguments."""

from __future__ import annotations

from llvmlite import ir
from numba import types

from stn_numba.kernels.compiler.intrinsics import intrinsic
from stn_numba.kernels.simd.aliasing import INPUT, OUTPUT, scoped_load, scoped_store
from stn_numba.kernels.simd.conversions import storage_type
from stn_numba.kernels.simd.load_store import elements, gather
from stn_numba.kernels.simd.vectors import Vector


def _pointer(code, address, kind):
    return code.builder.inttoptr(address, code.llvm(kind).as_pointer())


@intrinsic(lambda address, dtype, lanes=None: elements(dtype, lanes))
def load_raw(code, address, dtype, lanes=None):
    """Elements of the input."""
    return scoped_load(code.builder, INPUT, _pointer(code, address, code.result), 1)


@intrinsic(lambda address, dtype: dtype)
def load_back(code, address, dtype):
    """An element of memory that this kernel may have written a moment ago."""
    return code.builder.load(_pointer(code, address, code.result), align=1)


@intrinsic(lambda gathers, address, offsets, dtype, lanes: Vector(dtype, len(lanes)))
def gather_raw(code, gathers, address, offsets, dtype, lanes):
    """A vector of elements of the input at `address` + each of a row of offsets; for `gathers` see `load_store.gather`."""
    _, _, _, dtype, lanes = code.kinds
    return gather(code.builder, gathers, address, offsets, storage_type(code.context, dtype), len(lanes))


@intrinsic(lambda address, step, dtype, lanes: Vector(dtype, len(lanes)))
def load_strided(code, address, step, dtype, lanes):
    """A vector of floats of the input that are `step` bytes apart."""
    builder, vector = code.builder, ir.Constant(code.llvm(code.result), ir.Undefined)
    for lane in range(code.result.lanes):
        value = scoped_load(builder, INPUT, _pointer(code, address, code.result.element), 1)
        vector = builder.insert_element(vector, value, ir.Constant(ir.IntType(32), lane))
        address = builder.add(address, step)
    return vector


@intrinsic(lambda address, value: types.void)
def store_raw(code, address, value):
    """Write a scalar or vector to the output."""
    scoped_store(code.builder, OUTPUT, value, _pointer(code, address, code.kinds[1]), 1)
