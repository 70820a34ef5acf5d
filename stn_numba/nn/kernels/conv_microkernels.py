"""The inner loops of convolutions as LLVM code: tiles of sums that stay in registers.

A vector holds one number of `lanes` samples, so any size of map and any number of channels and filters fills it. A tile is a
few pixels (or taps) by a few filters with a sum for each pair, so that each load serves several sums. The sizes of tiles and
vectors are lengths of tuples, which are part of their types: a kernel is compiled for each size that a network needs, and few
sizes fit the registers.

Addresses and steps are in bytes.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_I8, _I32, _I64 = (ir.IntType(bits) for bits in (8, 32, 64))


class Code:
    """Builds the instructions of all tiles, for one element type and number of lanes."""

    def __init__(self, context, builder, like, lanes):
        self.builder, self.lanes = builder, lanes
        self.element = context.get_value_type(like)
        self.vector = ir.VectorType(self.element, lanes)
        self.size = like.bitwidth // 8
        self.bytes = lanes * self.size

    def number(self, value):
        """An integer known when the kernel is compiled."""
        return ir.Constant(_I64, value)

    def add(self, address, *steps):
        """An address plus some steps."""
        for step in steps:
            address = self.builder.add(address, self.number(step) if isinstance(step, int) else step)
        return address

    def times(self, value, factor):
        """A product of integers."""
        return self.builder.mul(value, self.number(factor) if isinstance(factor, int) else factor)

    def load(self, address):
        """The vector at an address."""
        return self.builder.load(self.builder.inttoptr(address, self.vector.as_pointer()), align=self.size)

    def whole(self, address):
        """The integer at an address."""
        return self.builder.load(self.builder.inttoptr(address, _I64.as_pointer()))

    def store(self, vector, address):
        """Write a vector to an address."""
        self.builder.store(vector, self.builder.inttoptr(address, vector.type.as_pointer()), align=1)

    def spread(self, address):
        """A vector with the number at an address in every lane."""
        scalar = self.builder.load(self.builder.inttoptr(address, self.element.as_pointer()), align=self.size)
        empty = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(empty, scalar, ir.Constant(_I32, 0))
        return self.builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(_I32, self.lanes), [0] * self.lanes))

    def fma(self, left, right, total):
        """Left * right + total, rounded once if the CPU can."""
        name = f"llvm.fmuladd.v{self.lanes}" + ("f32" if self.size == 4 else "f64")
        module = self.builder.module
        function = module.globals.get(name) or ir.Function(module, ir.FunctionType(self.vector, [self.vector] * 3), name)
        return self.builder.call(function, (left, right, total))

    def zeros(self):
        """A vector of zeros."""
        return ir.Constant(self.vector, [0.0] * self.lanes)

    def sums(self, count):
        """Places for sums, which LLVM keeps in registers."""
        places = [cgutils.alloca_once(self.builder, self.vector) for _ in range(count)]
        for place in places:
            self.builder.store(self.zeros(), place)
        return places

    def loop(self, count):
        """A loop whose index runs from 0 to count - 1."""
        return cgutils.for_range(self.builder, count)

    def lane_sum(self, value):
        """Sum of the lanes, halves first."""
        count = self.lanes
        while count > 1:
            count //= 2
            halves = [ir.Constant(ir.VectorType(_I32, count), [*range(k, k + count)]) for k in (0, count)]
            value = self.builder.fadd(*(self.builder.shuffle_vector(value, value, half) for half in halves))
        return self.builder.extract_element(value, ir.Constant(_I32, 0))


def _correlate(code, pixels, x_row, weight, rows, run, filters):
    """Sums over `rows` x `run` taps, for each of some pixels (their addresses) and filters."""
    builder = code.builder
    sums = code.sums(len(pixels) * filters)
    w_row = code.times(run, filters * code.size)
    with code.loop(rows) as row:
        above = code.times(row.index, x_row)
        sources = [code.add(pixel, above) for pixel in pixels]
        w_source = code.add(weight, code.times(row.index, w_row))
        with code.loop(run) as tap:
            x_at, w_at = code.times(tap.index, code.bytes), code.times(tap.index, filters * code.size)
            values = [code.load(code.add(source, x_at)) for source in sources]
            for f in range(filters):
                factor = code.spread(code.add(w_source, w_at, f * code.size))
                for p, value in enumerate(values):
                    place = sums[p * filters + f]
                    builder.store(code.fma(value, factor, builder.load(place)), place)
    return [builder.load(place) for place in sums]


@intrinsic
def correlate(typingctx, like, lanes, pixels, filters, x, x_row, x_pixel, weight, rows, run, bias, y, y_pixel):
    """Write the outputs of `pixels` neighboring pixels and some filters: correlation and bias."""
    count, several = len(pixels), len(filters)
    signature = types.void(like, lanes, pixels, filters, *(types.int64,) * 9)

    def codegen(context, builder, signature, arguments):
        code = Code(context, builder, like, len(lanes))
        x, x_row, x_pixel, weight, rows, run, bias, y, y_pixel = arguments[4:]
        sources = [code.add(x, code.times(x_pixel, p)) for p in range(count)]
        sums = _correlate(code, sources, x_row, weight, rows, run, several)
        for f in range(several):
            shift = code.spread(code.add(bias, f * code.size))
            for p in range(count):
                target = code.add(y, code.times(y_pixel, p), f * code.bytes)
                code.store(builder.fadd(sums[p * several + f], shift), target)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def correlate_pool(typingctx, like, lanes, filters, rectify, x, x_row, x_pixel, x_below, weight, rows, run, bias, y, winner):
    """Write one pooled pixel of some filters: correlation, bias, the maximum of 2 x 2 pixels, and a ReLU if wanted.

    `winner` is the pixel of the maximum (the first of equals), or 4 where the ReLU gave 0.
    """
    several, rectified = len(filters), len(rectify) == 2
    signature = types.void(like, lanes, filters, rectify, *(types.int64,) * 10)

    def codegen(context, builder, signature, arguments):
        code = Code(context, builder, like, len(lanes))
        x, x_row, x_pixel, x_below, weight, rows, run, bias, y, winner = arguments[4:]
        sources = [x, code.add(x, x_pixel), code.add(x, x_below), code.add(x, x_below, x_pixel)]
        sums = _correlate(code, sources, x_row, weight, rows, run, several)
        places = [ir.Constant(ir.VectorType(_I8, code.lanes), [k] * code.lanes) for k in range(5)]
        for f in range(several):
            best, place = sums[f], places[0]
            for p in (1, 2, 3):
                value = sums[p * several + f]
                # NaN is a maximum, and stays one
                wins = builder.or_(builder.fcmp_ordered(">", value, best), builder.fcmp_unordered("uno", value, value))
                best, place = builder.select(wins, value, best), builder.select(wins, places[p], place)
            best = builder.fadd(best, code.spread(code.add(bias, f * code.size)))
            if rectified:
                low = builder.fcmp_ordered("<=", best, code.zeros())
                best, place = builder.select(low, code.zeros(), best), builder.select(low, places[4], place)
            code.store(best, code.add(y, f * code.bytes))
            code.store(place, code.add(winner, f * code.lanes))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def weight_gradient(
    typingctx, like, lanes, taps, filters, x, x_block, x_row, x_pixel, d, d_block, d_row, d_pixel, blocks, h, w, out, out_tap
):
    """Write the gradients of some neighboring taps and some filters: sums over samples and output pixels."""
    few, several = len(taps), len(filters)
    signature = types.void(like, lanes, taps, filters, *(types.int64,) * 13)

    def codegen(context, builder, signature, arguments):
        code = Code(context, builder, like, len(lanes))
        x, x_block, x_row, x_pixel, d, d_block, d_row, d_pixel, blocks, h, w, out, out_tap = arguments[4:]
        sums = code.sums(few * several)
        with code.loop(blocks) as block, code.loop(h) as row:
            x_at = code.add(x, code.times(block.index, x_block), code.times(row.index, x_row))
            d_at = code.add(d, code.times(block.index, d_block), code.times(row.index, d_row))
            with code.loop(w) as pixel:
                x_here = code.add(x_at, code.times(pixel.index, x_pixel))
                d_here = code.add(d_at, code.times(pixel.index, d_pixel))
                slopes = [code.load(code.add(d_here, f * code.bytes)) for f in range(several)]
                for k in range(few):
                    value = code.load(code.add(x_here, k * code.bytes))
                    for f in range(several):
                        place = sums[k * several + f]
                        builder.store(code.fma(value, slopes[f], builder.load(place)), place)
        for k in range(few):
            for f in range(several):
                total = code.lane_sum(builder.load(sums[k * several + f]))
                target = code.add(out, code.times(out_tap, k), f * code.size)
                code.store(total, target)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def spread_back(typingctx, like, lanes, filters, d, weight, weight_tap, dx, dx_row, rows, run):
    """Add the gradients of one output pixel, of some filters, to the pixels of its patch."""
    several = len(filters)
    signature = types.void(like, lanes, filters, *(types.int64,) * 7)

    def codegen(context, builder, signature, arguments):
        code = Code(context, builder, like, len(lanes))
        d, weight, weight_tap, dx, dx_row, rows, run = arguments[3:]
        slopes = [code.load(code.add(d, f * code.bytes)) for f in range(several)]
        w_row = code.times(run, weight_tap)
        with code.loop(rows) as row:
            target = code.add(dx, code.times(row.index, dx_row))
            source = code.add(weight, code.times(row.index, w_row))
            with code.loop(run) as tap:
                here = code.add(target, code.times(tap.index, code.bytes))
                w_at = code.add(source, code.times(tap.index, weight_tap))
                total = code.load(here)
                for f, slope in enumerate(slopes):
                    total = code.fma(slope, code.spread(code.add(w_at, f * code.size)), total)
                code.store(total, here)
        return context.get_dummy_value()

    return signature, codegen
