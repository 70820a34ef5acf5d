"""Run several kernels in one call, since a thread waits for the GIL after each call."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.compiler.unpack import read_word

_WORD = ir.IntType(64)


@intrinsic
def _enter(typingctx, entry, job):
    """Call a kernel by the address of its machine code, with the words at another address."""

    def codegen(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.VoidType(), [_WORD] * 4)
        unused = ir.Constant(_WORD, 0)  # kernels that run once do not look at tasks
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), [unused, unused, unused, arguments[1]])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


@jit.kernel
def run(words):
    """Call kernels one after another.

    At the address `words` is the number of kernels, and for each the address of its machine code, the number of words of its
    arguments, and these words.
    """
    place = words + 8
    for _ in range(read_word(words)):
        _enter(read_word(place), place + 16)
        place += 16 + 8 * read_word(place + 8)
