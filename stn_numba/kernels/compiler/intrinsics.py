"""Functions for kernels that are written as LLVM code.

Numba's own decorator `numba.extending.intrinsic` does the same; this one takes two lines less and compiles faster, and
`register` does it for operators, too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, Signature, infer_global, signature

__all__ = ["Code", "declare", "intrinsic", "register"]


class Code(NamedTuple):
    """Where an intrinsic writes its code, and Numba's types of its arguments and its result."""

    context: Any
    builder: Any
    kinds: tuple[Any, ...]
    result: Any

    def llvm(self, kind):
        """Return LLVM's type for a type of Numba's."""
        return self.context.get_value_type(kind)

    def tuple(self, values):
        """Return a tuple as the result."""
        return self.context.make_tuple(self.builder, self.result, values)


_ANY = (types.VarArg(types.Any),)


def register(function, result, emit, *, accepted=_ANY, literal=False):
    """Let kernels call a function whose code `emit` writes.

    `result` returns, for the types of the arguments, the type of the result, or a whole signature, to which arguments are cast,
    or None if it does not accept them. With `literal` the types of numbers that are written in a call hold the number.
    """

    class Template(AbstractTemplate):
        key, prefer_literal = function, literal

        def generic(self, kinds, named):
            found = result(*kinds)
            return found if found is None or isinstance(found, Signature) else signature(found, *kinds)

    def lower(context, builder, sig, values):
        value = emit(Code(context, builder, sig.args, sig.return_type), *values)
        return context.get_dummy_value() if value is None else value

    infer_global(function, types.Function(Template))
    lower_builtin(function, *accepted)(lower)


def intrinsic(result, **options):
    """Make a function for kernels of one that writes code, for a `Code` and the values of the arguments; see `register`."""

    def decorate(emit):
        register(emit, result, emit, **options)
        return emit

    return decorate


def declare(builder, name, result, arguments):
    """Declare a function of LLVM or C in the module of a builder, once."""
    known = builder.module.globals.get(name)
    return known or ir.Function(builder.module, ir.FunctionType(result, arguments), name)
