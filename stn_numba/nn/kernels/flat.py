"""Read and write numbers of an array by its address and their index.

Numba counts references to arrays and their views, and checks the shapes of assignments. Kernels avoid both, and need nothing of
Numba when they run.
"""

from __future__ import annotations

from numba import types
from numba.extending import intrinsic

from stn_numba.kernels.compiler import jit

__all__ = ["copy", "fill", "get", "put", "zero_of"]


def _place(context, builder, address, index, like):
    pointer = builder.inttoptr(address, context.get_data_type(like).as_pointer())
    return builder.gep(pointer, [index])


@intrinsic
def get(typingctx, address, index, like):
    """Return the number at an index of an array of the dtype of `like`."""

    def codegen(context, builder, signature, arguments):
        return builder.load(_place(context, builder, *arguments[:2], like), align=like.bitwidth // 8)

    return like(types.int64, types.int64, like), codegen


@intrinsic
def put(typingctx, address, index, like, value):
    """Write a number to an index of an array of the dtype of `like`."""

    def codegen(context, builder, signature, arguments):
        builder.store(arguments[3], _place(context, builder, *arguments[:2], like), align=like.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, like, like), codegen


@intrinsic
def zero_of(typingctx, array):
    """Return a zero of the dtype of an array."""
    dtype = array.dtype
    return dtype(array), lambda context, builder, signature, arguments: context.get_constant(dtype, 0)


@jit.inline
def fill(address, count, value):
    """Write a number `count` times from an address on."""
    for k in range(count):
        put(address, k, value, value)


@jit.inline
def copy(source, target, count, like):
    """Copy `count` numbers of the dtype of `like`."""
    for k in range(count):
        put(target, k, like, get(source, k, like))
