"""The smaller and the larger of two numbers, as Python has them: where one is NaN, the first.

Numba compiles its own `min` and `max` anew for each pair of types, with all passes.
"""

from __future__ import annotations

import operator

from numba import types
from numba.extending import intrinsic

__all__ = ["greatest", "least"]


def _chosen(typingctx, compare, one, other):
    """The other number where it compares so with the first."""
    kind = typingctx.unify_types(one, other)

    def codegen(context, builder, sig, arguments):
        first, second = (context.cast(builder, value, given, kind) for value, given in zip(arguments, sig.args, strict=True))
        is_so = context.get_function(compare, types.boolean(kind, kind))
        return builder.select(is_so(builder, (second, first)), second, first)

    return kind(one, other), codegen


@intrinsic
def least(typingctx, one, other):
    """The smaller one."""
    return _chosen(typingctx, operator.lt, one, other)


@intrinsic
def greatest(typingctx, one, other):
    """The larger one."""
    return _chosen(typingctx, operator.gt, one, other)
