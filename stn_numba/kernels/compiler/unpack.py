"""Read the arguments of a kernel from the words in memory that `kernels.signature` describes."""

from __future__ import annotations

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

from stn_numba.kernels.signature import axes_of

__all__ = ["allocate", "read_word", "reader", "release", "write_word"]

_WORD = ir.IntType(64)


def numba_type(signature):
    """The type of an argument, or of a tuple of them."""
    if isinstance(signature, tuple):
        return types.Tuple.from_types([numba_type(part) for part in signature])
    if signature.endswith("]"):
        return types.Array(_scalar(signature.partition("[")[0]), axes_of(signature), "C")
    known = {"int": types.int64, "float": types.float64, "bool": types.boolean}
    return known.get(signature) or _scalar(signature.removeprefix("like "))


def _scalar(name):
    return numba.from_dtype(np.dtype(name))


def reader(signature):
    """Make a function that reads the arguments of a signature, a tuple, from an address."""
    result = numba_type(signature)

    @intrinsic
    def read(typingctx, address):
        def codegen(context, builder, _, arguments):
            return _Words(context, builder, arguments[0]).read(signature)

        return result(types.int64), codegen

    return read


class _Words:
    """The words at an address, read one after another."""

    def __init__(self, context, builder, address):
        self.context, self.builder, self.place = context, builder, 0
        self.words = builder.inttoptr(address, _WORD.as_pointer())

    def next(self):
        word = self.builder.load(self.builder.gep(self.words, [ir.Constant(_WORD, self.place)]))
        self.place += 1
        return word

    def read(self, signature):
        """The value of a type."""
        builder, kind = self.builder, numba_type(signature)
        if isinstance(signature, tuple):
            return self.context.make_tuple(builder, kind, [self.read(part) for part in signature])
        if signature.endswith("]"):
            return self._array(kind)
        if signature.startswith("like "):
            return ir.Constant(self.context.get_value_type(kind), 0)
        word = self.next()
        if signature == "int":
            return word
        if signature == "bool":
            return builder.icmp_unsigned("!=", word, ir.Constant(_WORD, 0))
        number = builder.bitcast(word, ir.DoubleType())
        return number if kind.bitwidth == 64 else builder.fptrunc(number, self.context.get_value_type(kind))

    def _array(self, kind):
        context, builder = self.context, self.builder
        address, shape = self.next(), [self.next() for _ in range(kind.ndim)]
        itemsize = kind.dtype.bitwidth // 8
        strides, step = [], ir.Constant(_WORD, itemsize)
        for length in reversed(shape):
            strides.insert(0, step)
            step = builder.mul(step, length)
        array = context.make_array(kind)(context, builder)
        data = builder.inttoptr(address, context.get_data_type(kind.dtype).as_pointer())
        arrayobj.populate_array(
            array, data, cgutils.pack_array(builder, shape, _WORD), cgutils.pack_array(builder, strides, _WORD),
            ir.Constant(_WORD, itemsize), None,
        )  # fmt: skip
        return array._getvalue()


@intrinsic
def read_word(typingctx, address):
    """The word at an address."""

    def codegen(context, builder, signature, arguments):
        return builder.load(builder.inttoptr(arguments[0], _WORD.as_pointer()))

    return types.int64(types.int64), codegen


@intrinsic
def write_word(typingctx, address, value):
    """Write a word to an address."""

    def codegen(context, builder, signature, arguments):
        builder.store(arguments[1], builder.inttoptr(arguments[0], _WORD.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@intrinsic
def allocate(typingctx, size):
    """The address of so many bytes of memory, 0 if there are none; C's own, so that a library needs nothing of Numba."""

    def codegen(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.IntType(8).as_pointer(), [_WORD])
        return builder.ptrtoint(builder.call(_function(builder, kind, "malloc"), arguments), _WORD)

    return types.int64(types.int64), codegen


@intrinsic
def release(typingctx, address):
    """Give memory from `allocate` back."""

    def codegen(context, builder, signature, arguments):
        pointer = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer])
        builder.call(_function(builder, kind, "free"), [builder.inttoptr(arguments[0], pointer)])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


def _function(builder, kind, name):
    return builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
