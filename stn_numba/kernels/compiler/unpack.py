"""Read the arguments of a kernel from the 64-bit words that `kernels.signature` describes."""

from __future__ import annotations

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.np import arrayobj

from stn_numba.kernels.compiler.intrinsics import intrinsic
from stn_numba.kernels.signature import axes_of

__all__ = ["read_word", "reader", "write_word"]

_WORD = ir.IntType(64)


def reader(signature):
    """Make an intrinsic that reads the arguments of a signature, a tuple, from an address."""

    @intrinsic(lambda address: _numba_type(signature)(types.int64))
    def read(code, address):
        return _Words(code, address).read(signature)

    return read


def _numba_type(signature):
    """The type of an argument, or of a tuple of them."""
    if isinstance(signature, tuple):
        return types.Tuple.from_types([_numba_type(part) for part in signature])
    if signature.endswith("]"):
        return types.Array(_scalar(signature.partition("[")[0]), axes_of(signature), "C")
    known = {"int": types.int64, "float": types.float64, "bool": types.boolean}
    return known.get(signature) or _scalar(signature.removeprefix("like "))


def _scalar(name):
    return numba.from_dtype(np.dtype(name))


class _Words:
    """The words at an address, read one after another."""

    def __init__(self, code, address):
        self.code, self.builder, self.count = code, code.builder, 0
        self.words = self.builder.inttoptr(address, _WORD.as_pointer())

    def next(self):
        word = self.builder.load(self.builder.gep(self.words, [ir.Constant(_WORD, self.count)]))
        self.count += 1
        return word

    def read(self, signature):
        """Return the value of an argument, or of a tuple of them."""
        builder, kind = self.builder, _numba_type(signature)
        if isinstance(signature, tuple):
            return self.code.context.make_tuple(builder, kind, [self.read(part) for part in signature])
        if signature.endswith("]"):
            return self._array(kind)
        if signature.startswith("like "):
            return ir.Constant(self.code.llvm(kind), 0)
        word = self.next()
        if signature == "int":
            return word
        if signature == "bool":
            return builder.icmp_unsigned("!=", word, ir.Constant(_WORD, 0))
        number = builder.bitcast(word, ir.DoubleType())
        return number if kind.bitwidth == 64 else builder.fptrunc(number, self.code.llvm(kind))

    def _array(self, kind):
        context, builder = self.code.context, self.builder
        address, shape = self.next(), [self.next() for _ in range(kind.ndim)]
        itemsize = ir.Constant(_WORD, kind.dtype.bitwidth // 8)
        strides, step = [], itemsize
        for length in reversed(shape):
            strides.insert(0, step)
            step = builder.mul(step, length)
        array = context.make_array(kind)(context, builder)
        data = builder.inttoptr(address, context.get_data_type(kind.dtype).as_pointer())
        shape, strides = (cgutils.pack_array(builder, lengths, _WORD) for lengths in (shape, strides))
        arrayobj.populate_array(array, data, shape, strides, itemsize, None)
        return array._getvalue()


@intrinsic(lambda address: types.int64(types.int64))
def read_word(code, address):
    """The word at an address."""
    return code.builder.load(code.builder.inttoptr(address, _WORD.as_pointer()))


@intrinsic(lambda address, value: types.void(types.int64, types.int64))
def write_word(code, address, value):
    """Write a word to an address."""
    code.builder.store(value, code.builder.inttoptr(address, _WORD.as_pointer()))
