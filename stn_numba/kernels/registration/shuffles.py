"""Reorder the lanes of vectors: every other lane, and rows as columns."""

from __future__ import annotations

from numba import types

from stn_numba.kernels.compiler.intrinsics import intrinsic
from stn_numba.kernels.simd.llvm import shuffle
from stn_numba.kernels.simd.vectors import Vector

_EIGHT = Vector(types.float32, 8)


@intrinsic(lambda vector: types.UniTuple(_EIGHT, 2)(vector))
def evens_and_odds(code, vector):
    """The lanes 0, 2, 4, ... of sixteen, and the lanes 1, 3, 5, ..."""
    return code.tuple([shuffle(code.builder, vector, vector, range(first, 16, 2)) for first in (0, 1)])


@intrinsic(lambda *rows: types.UniTuple(_EIGHT, 8)(*rows))
def transposed(code, *rows):
    """Eight vectors of eight lanes: lane i of vector k becomes lane k of vector i."""
    builder = code.builder
    low, high = [0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15]
    pairs = [shuffle(builder, rows[k], rows[k + 1], lanes) for k in (0, 2, 4, 6) for lanes in (low, high)]
    low, high = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
    fours = [shuffle(builder, pairs[k + j], pairs[k + 2 + j], lanes) for k in (0, 4) for j in (0, 1) for lanes in (low, high)]
    low, high = [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]
    return code.tuple([shuffle(builder, fours[k], fours[4 + k], lanes) for lanes in (low, high) for k in range(4)])
