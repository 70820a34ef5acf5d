"""Scratch rows by raw address: numbers and vectors of a strip, stage by stage."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stn_numba.kernels.simd.aliasing import POSITIONS, PRODUCTS, TAPS, belongs, pointer_to, spares
from stn_numba.kernels.simd.vectors import Vector


def _to_lanes(context, builder, row, dtype, index, count):
    """A pointer to so many elements of a row, from `index` on."""
    element = context.get_value_type(dtype)
    first = builder.gep(pointer_to(builder, row, element), [index])
    return builder.bitcast(first, ir.VectorType(element, count).as_pointer())


def _reader(stage):
    """Element `index` of a scratch row of a stage, as it is."""

    @intrinsic
    def read(typingctx, row, like, index):
        signature = like(row, like, types.int64)

        def codegen(context, builder, signature, arguments):
            pointer = pointer_to(builder, arguments[0], context.get_value_type(like))
            return belongs(builder, builder.load(builder.gep(pointer, [arguments[2]])), stage)

        return signature, codegen

    return read


def _lane_reader(stage):
    """A vector of the elements from `index` on of a scratch row of a stage."""

    @intrinsic
    def read(typingctx, row, like, index, lanes):
        signature = Vector(like, len(lanes))(row, like, types.int64, lanes)

        def codegen(context, builder, signature, arguments):
            pointer = _to_lanes(context, builder, arguments[0], like, arguments[2], len(lanes))
            return belongs(builder, builder.load(pointer, align=like.bitwidth // 8), stage)

        return signature, codegen

    return read


def _writer(stage):
    """Write element `index` of a scratch row of a stage."""

    @intrinsic
    def write(typingctx, row, index, value):
        signature = types.void(row, types.int64, value)

        def codegen(context, builder, signature, arguments):
            pointer = pointer_to(builder, arguments[0], context.get_value_type(value))
            spares(builder, builder.store(arguments[2], builder.gep(pointer, [arguments[1]])), stage)
            return context.get_dummy_value()

        return signature, codegen

    return write


def _lane_writer(stage):
    """Write a vector to the elements from `index` on of a scratch row of a stage."""

    @intrinsic
    def write(typingctx, row, index, vector):
        signature = types.void(row, types.int64, vector)

        def codegen(context, builder, signature, arguments):
            pointer = _to_lanes(context, builder, arguments[0], vector.element, arguments[1], vector.width)
            spares(builder, builder.store(arguments[2], pointer, align=vector.element.bitwidth // 8), stage)
            return context.get_dummy_value()

        return signature, codegen

    return write


position, tap, found = (_reader(stage) for stage in (POSITIONS, TAPS, PRODUCTS))
positions, taps, products = (_lane_reader(stage) for stage in (POSITIONS, TAPS, PRODUCTS))
put_position, put_tap, put_product = (_writer(stage) for stage in (POSITIONS, TAPS, PRODUCTS))
put_positions, put_taps, put_products = (_lane_writer(stage) for stage in (POSITIONS, TAPS, PRODUCTS))
