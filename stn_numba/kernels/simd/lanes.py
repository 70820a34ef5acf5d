"""Functions across the lanes of vectors: sums, masks as bits, and lanes put in another order."""

from __future__ import annotations

from llvmlite import ir
from numba import types

from stn_numba.kernels.compiler.intrinsics import intrinsic
from stn_numba.kernels.simd.llvm import INT32, INT64, constant, shuffle
from stn_numba.kernels.simd.vectors import Vector


def _fold(builder, value, count):
    """Add up halves until `count` lanes are left."""
    while value.type.count > count:
        half = value.type.count // 2
        value = builder.fadd(*(shuffle(builder, value, value, range(start, start + half)) for start in (0, half)))
    return value


@intrinsic(lambda vector: vector.element)
def lane_sum(code, vector):
    """Sum of the lanes, halves first."""
    return code.builder.extract_element(_fold(code.builder, vector, 1), ir.Constant(INT32, 0))


@intrinsic(lambda left, right: types.UniTuple(left.element, 2))
def lane_sums(code, left, right):
    """The `lane_sum` of two vectors, in as many steps as one takes."""
    count, half = left.type.count, left.type.count // 2
    halves = ([lane + side * count for lane in range(start, start + half) for side in (0, 1)] for start in (0, half))
    value = _fold(code.builder, code.builder.fadd(*(shuffle(code.builder, left, right, lanes) for lanes in halves)), 2)
    return code.tuple([code.builder.extract_element(value, ir.Constant(INT32, side)) for side in (0, 1)])


@intrinsic(lambda left, right: types.UniTuple(Vector(left.element, 2), 2))
def sums_of_threes(code, left, right):
    """Of two vectors of twice four lanes: the `lane_sum` of the first three of each four."""
    builder, zero = code.builder, constant(left.type, 0.0)
    left, right = (shuffle(builder, value, zero, [0, 1, 2, 8, 4, 5, 6, 8]) for value in (left, right))
    parts = [[k, k + 1, k + 8, k + 9, k + 4, k + 5, k + 12, k + 13] for k in (0, 2)]
    value = builder.fadd(*(shuffle(builder, left, right, lanes) for lanes in parts))
    value = builder.fadd(*(shuffle(builder, value, value, [k, k + 4, k + 2, k + 6]) for k in (0, 1)))
    return code.tuple([shuffle(builder, value, value, [k, k + 1]) for k in (0, 2)])


@intrinsic(lambda mask: types.int64)
def mask_bits(code, mask):
    """A mask as bits of an integer, the lowest for the first lane."""
    return code.builder.zext(code.builder.bitcast(mask, ir.IntType(mask.type.count)), INT64)


@intrinsic(lambda left, right: types.boolean)
def all_in_unit_interval(code, left, right):
    """Whether all lanes of two vectors are in [0, 1), but not -0: by their bits, which is less work than comparing floats."""
    builder, vector = code.builder, code.kinds[0]
    integers = ir.VectorType(ir.IntType(vector.element.bitwidth), vector.width)
    one = ir.Constant(integers, [{32: 0x3F800000, 64: 0x3FF0000000000000}[vector.element.bitwidth]] * vector.width)
    sides = [builder.icmp_unsigned("<", builder.bitcast(value, integers), one) for value in (left, right)]
    bits = builder.bitcast(builder.and_(*sides), ir.IntType(vector.width))
    return builder.icmp_unsigned("==", bits, ir.Constant(bits.type, -1))


@intrinsic(lambda vector, lane: vector.element, literal=True)
def lane_of(code, vector, lane):
    """One of the lanes."""
    return code.builder.extract_element(vector, ir.Constant(INT32, code.kinds[1].literal_value))


@intrinsic(lambda vector: vector)
def drop_first(code, vector):
    """Of each four lanes those from the second on; the fourth comes twice."""
    lanes = [lane for k in range(0, vector.type.count, 4) for lane in (k + 1, k + 2, k + 3, k + 3)]
    return shuffle(code.builder, vector, vector, lanes)


@intrinsic(lambda vector: vector)
def repeat_two(code, vector):
    """The first of eight lanes four times, then the second four times."""
    return shuffle(code.builder, vector, vector, [0] * 4 + [1] * 4)


@intrinsic(lambda vector: Vector(vector.element, 3))
def first_three(code, vector):
    """The first three lanes of four."""
    return shuffle(code.builder, vector, constant(vector.type, 0.0), [0, 1, 2, 4])


@intrinsic(lambda vector: types.UniTuple(Vector(vector.element, 3), vector.lanes // 3))
def split_threes(code, vector):
    """The lanes three by three."""
    zeros, end = constant(vector.type, 0.0), vector.type.count
    return code.tuple([shuffle(code.builder, vector, zeros, [k, k + 1, k + 2, end]) for k in range(0, code.kinds[0].lanes, 3)])


@intrinsic(lambda left, right: Vector(left.element, 6))
def join_threes(code, left, right):
    """Two vectors of three lanes as one."""
    return shuffle(code.builder, left, right, [0, 1, 2, 4, 5, 6, 3, 7])


@intrinsic(lambda left, right: Vector(left.element, 2 * left.lanes))
def interleave(code, left, right):
    """Lanes of two vectors in turn: left, right, left, ..."""
    count = left.type.count
    return shuffle(code.builder, left, right, [lane + side * count for lane in range(count) for side in (0, 1)])


@intrinsic(lambda left, right: Vector(left.element, 2 * left.lanes))
def join(code, left, right):
    """The lanes of two vectors, one behind the other."""
    return shuffle(code.builder, left, right, range(2 * left.type.count))


@intrinsic(lambda vector: types.UniTuple(Vector(vector.element, vector.lanes // 2), 2))
def halves(code, vector):
    """The lower and the upper half of the lanes."""
    half = vector.type.count // 2
    return code.tuple([shuffle(code.builder, vector, vector, range(start, start + half)) for start in (0, half)])


@intrinsic(lambda *vectors: vectors[0])
def sums_of_halves(code, *vectors):
    """The sums of the lower halves of four vectors of eight lanes, then those of the upper halves."""
    builder, (even, odd) = code.builder, ([0, 2, 8, 10, 4, 6, 12, 14], [1, 3, 9, 11, 5, 7, 13, 15])
    while len(vectors) > 1:  # neighbors are added, and what is left of two vectors is packed into one
        pairs = [(vectors[k], vectors[k + 1]) for k in range(0, len(vectors), 2)]
        vectors = [builder.fadd(shuffle(builder, *pair, even), shuffle(builder, *pair, odd)) for pair in pairs]
    return vectors[0]


@intrinsic(lambda *rows: types.UniTuple(rows[0], 8))
def transposed(code, *rows):
    """The columns of a matrix that is given by eight rows of eight lanes."""
    builder, (low, high) = code.builder, ([0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15])
    halves = [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]
    for _ in range(2):  # within each quarter of the matrix
        rows = [shuffle(builder, rows[k], rows[k + 2], part) for k in (0, 1, 4, 5) for part in (low, high)]
    return code.tuple([shuffle(builder, rows[k], rows[k + 4], half) for half in halves for k in range(4)])
