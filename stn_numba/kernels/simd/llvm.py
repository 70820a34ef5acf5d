"""Helpers that write LLVM code, shared by the intrinsics of this folder. Values are those of llvmlite's IR builder."""

from __future__ import annotations

from llvmlite import ir

from stn_numba.kernels.compiler.intrinsics import declare

INT32, INT64 = ir.IntType(32), ir.IntType(64)


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
