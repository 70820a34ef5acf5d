"""Functions for kernels that are written as LLVM code, and helpers that write it.

`intrinsic` makes such a function: its arguments are values of llvmlite's IR builder. Numba's own decorator of that name does the same;
this one takes a line instead of six, and compiles faster.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, Signature, infer_global, signature

INT32, INT64 = ir.IntType(32), ir.IntType(64)


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
        """Return the result, if it is a tuple."""
        return self.context.make_tuple(self.builder, self.result, values)


def register(function, result, emit, *, accepted=(types.VarArg(types.Any),), literal=False):
    """Let kernels call a function whose code `emit` writes.

    `result` gives its type for the types of the arguments: that of the result, or a whole signature, to which arguments are
    cast. `literal`: types of numbers that are written in the call hold the number.
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
    """Make a function for kernels of one that writes code: it takes a `Code` and the values of the arguments. See `register`."""

    def decorate(emit):
        register(emit, result, emit, **options)
        return emit

    return decorate


def declare(builder, name, result, arguments):
    """Declare a function of LLVM or C in the module of a builder, once."""
    known = builder.module.globals.get(name)
    return known or ir.Function(builder.module, ir.FunctionType(result, arguments), name)


def suffix(kind):
    """Return how LLVM names a type in the names of its functions, such as ``v8f32``."""
    if isinstance(kind, ir.VectorType):
        return f"v{kind.count}{suffix(kind.element)}"
    return {"float": "f32", "double": "f64"}.get(str(kind), str(kind))


def call(builder, name, *values):
    """Call a function of LLVM whose arguments and result are of one type, a scalar or a vector."""
    kind = values[0].type
    return builder.call(declare(builder, f"llvm.{name}.{suffix(kind)}", kind, [kind] * len(values)), values)


def constant(kind, number):
    """Return a number as a constant of a float type, or in every lane of a vector type."""
    return ir.Constant(kind, [float(number)] * kind.count if isinstance(kind, ir.VectorType) else float(number))


def shuffle(builder, left, right, lanes):
    """Return the vector of some lanes of two vectors; those of the right one are counted on from those of the left one."""
    return builder.shuffle_vector(left, right, ir.Constant(ir.VectorType(INT32, len(lanes)), list(lanes)))


def splat(builder, scalar, count):
    """Return a vector with a scalar in every lane."""
    empty = ir.Constant(ir.VectorType(scalar.type, count), ir.Undefined)
    first = builder.insert_element(empty, scalar, ir.Constant(INT32, 0))
    return shuffle(builder, first, empty, [0] * count)


def pointer_to(builder, address, element, count=None):
    """Turn an address into a pointer to an element, or to a vector of `count` elements."""
    return builder.inttoptr(address, (element if count is None else ir.VectorType(element, count)).as_pointer())


def offset(builder, address, size):
    """Return the address `size` bytes behind another."""
    return builder.add(address, ir.Constant(address.type, size))
