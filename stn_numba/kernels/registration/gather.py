"""Read neighboring numbers of eight pixels at once: a pair, or four of them; and sums of eight vectors at once.

Offsets are int32, in elements from an address on: a row of `codes.STRIP` of them is half as much to load as int64.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types

from stn_numba.kernels.compiler.intrinsics import intrinsic
from stn_numba.kernels.simd.aliasing import INPUT, TAPS, scoped_load, scoped_store
from stn_numba.kernels.simd.llvm import INT32, INT64, shuffle, splat
from stn_numba.kernels.simd.vectors import Vector

_EIGHT = Vector(types.float32, 8)
_IN_TWO_HALVES = (0, 1, 4, 5), (2, 3, 6, 7)  # pixels of each register: so one shuffle of two registers leaves them in order


def _place(code, row, index):
    pointer = code.builder.inttoptr(row, INT32.as_pointer())
    return code.builder.gep(pointer, [index])


@intrinsic(lambda row, index, column, line, step: types.void(types.int64, types.int64, column, line, types.int64))
def put_offsets(code, row, index, column, line, step):
    """Write the offsets line * step + column of eight pixels; columns and lines are whole numbers."""
    builder, integers = code.builder, ir.VectorType(INT32, 8)
    column, line = builder.fptosi(column, integers), builder.fptosi(line, integers)
    value = builder.add(builder.mul(line, splat(builder, builder.trunc(step, INT32), 8)), column)
    pointer = builder.bitcast(_place(code, row, index), integers.as_pointer())
    scoped_store(builder, TAPS, value, pointer, 4)


def _addresses(code, address, row, index):
    """The addresses of eight pixels."""
    builder, first = code.builder, _place(code, row, index)
    places = []
    for lane in range(8):
        number = scoped_load(builder, TAPS, builder.gep(first, [ir.Constant(INT32, lane)]), 4)
        places.append(builder.add(address, builder.shl(builder.sext(number, INT64), ir.Constant(INT64, 2))))
    return places


@intrinsic(lambda address, row, index: types.UniTuple(_EIGHT, 2)(types.int64, types.int64, types.int64))
def gather_pairs(code, address, row, index):
    """Numbers of eight pixels, and those to the right of them."""
    builder, places, halves = code.builder, _addresses(code, address, row, index), []
    for lanes in _IN_TWO_HALVES:
        half = ir.Constant(ir.VectorType(INT64, 4), ir.Undefined)
        for position, lane in enumerate(lanes):
            both = scoped_load(builder, INPUT, builder.inttoptr(places[lane], INT64.as_pointer()), 4)
            half = builder.insert_element(half, both, ir.Constant(INT32, position))
        halves.append(builder.bitcast(half, code.llvm(_EIGHT)))
    left = shuffle(builder, *halves, [0, 2, 8, 10, 4, 6, 12, 14])
    return code.tuple([left, shuffle(builder, *halves, [1, 3, 9, 11, 5, 7, 13, 15])])


@intrinsic(lambda address, row, index: types.UniTuple(_EIGHT, 4)(types.int64, types.int64, types.int64))
def gather_fours(code, address, row, index):
    """Numbers of eight pixels, and the three to the right of each."""
    builder, places = code.builder, _addresses(code, address, row, index)
    four = ir.VectorType(ir.FloatType(), 4)
    loaded = [scoped_load(builder, INPUT, builder.inttoptr(place, four.as_pointer()), 4) for place in places]
    rows = [shuffle(builder, loaded[k], loaded[k + 4], range(8)) for k in range(4)]  # pixels k and k + 4
    outer, inner = [0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15]
    low, high = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
    parts = [[shuffle(builder, rows[k], rows[k + 1], lanes) for k in (0, 2)] for lanes in (outer, inner)]
    return code.tuple([shuffle(builder, *part, lanes) for part in parts for lanes in (low, high)])


@intrinsic(lambda *vectors: vectors[0])
def sums_of_eight(code, *vectors):
    """The sum of the lanes of each of eight vectors, as one vector."""
    builder, values = code.builder, list(vectors)
    for even in ([0, 8, 2, 10, 4, 12, 6, 14], [0, 1, 8, 9, 4, 5, 12, 13], [0, 1, 2, 3, 8, 9, 10, 11]):
        other = [lane + {1: 1, 2: 2, 4: 4}[8 // len(values)] for lane in even]
        pairs = zip(values[::2], values[1::2], strict=True)
        values = [builder.fadd(shuffle(builder, *pair, even), shuffle(builder, *pair, other)) for pair in pairs]
    return values[0]
