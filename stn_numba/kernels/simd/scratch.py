"""Rows of scratch memory by raw address: get and put a number, or a vector from an index on.

Each function belongs to an alias scope. Positions are float64 and offsets int64; weights (`get_tap`) and products are of
the dtype given, that of any number.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types

from stn_numba.kernels.compiler.intrinsics import declare, intrinsic
from stn_numba.kernels.simd.aliasing import POSITIONS, PRODUCTS, TAPS, scoped_load, scoped_store
from stn_numba.kernels.simd.llvm import INT64, pointer_to
from stn_numba.kernels.simd.load_store import elements
from stn_numba.kernels.simd.vectors import Vector


def _pointer(code, row, index, kind):
    """A pointer to element `index` of a row, for a scalar or vector of a type; and its alignment."""
    element = kind.element if isinstance(kind, Vector) else kind
    pointer = code.builder.gep(pointer_to(code.builder, row, code.llvm(element)), [index])
    return code.builder.bitcast(pointer, code.llvm(kind).as_pointer()), element.bitwidth // 8


def _get(code, scope, row, index):
    return scoped_load(code.builder, scope, *_pointer(code, row, index, code.result))


def _put(code, scope, row, index, value):
    scoped_store(code.builder, scope, value, *_pointer(code, row, index, code.kinds[2]))


def _indexed(row, index, value):
    return types.void(row, types.int64, value)


@intrinsic(lambda row, index, *lanes: elements(types.float64, *lanes)(row, types.int64, *lanes))
def get_position(code, row, index, lanes=None):
    return _get(code, POSITIONS, row, index)


@intrinsic(lambda row, index, *lanes: elements(types.int64, *lanes)(row, types.int64, *lanes))
def get_offset(code, row, index, lanes=None):
    return _get(code, TAPS, row, index)


@intrinsic(lambda row, dtype, index, *lanes: elements(dtype, *lanes)(row, dtype, types.int64, *lanes))
def get_tap(code, row, dtype, index, lanes=None):
    return _get(code, TAPS, row, index)


@intrinsic(lambda row, dtype, index, *lanes: elements(dtype, *lanes)(row, dtype, types.int64, *lanes))
def get_product(code, row, dtype, index, lanes=None):
    return _get(code, PRODUCTS, row, index)


@intrinsic(_indexed)
def put_position(code, row, index, value):
    _put(code, POSITIONS, row, index, value)


@intrinsic(_indexed)
def put_tap(code, row, index, value):
    _put(code, TAPS, row, index, value)


@intrinsic(_indexed)
def put_product(code, row, index, value):
    _put(code, PRODUCTS, row, index, value)


@intrinsic(lambda size: types.int64(types.int64))
def allocate(code, size):
    """Address of `size` bytes of memory, 0 if there are none; by C's malloc, so that a library needs nothing of Numba."""
    malloc = declare(code.builder, "malloc", ir.IntType(8).as_pointer(), [INT64])
    return code.builder.ptrtoint(code.builder.call(malloc, [size]), INT64)


@intrinsic(lambda address: types.void(types.int64))
def release(code, address):
    """Free memory from `allocate`."""
    pointer = ir.IntType(8).as_pointer()
    free = declare(code.builder, "free", ir.VoidType(), [pointer])
    code.builder.call(free, [code.builder.inttoptr(address, pointer)])
