"""The backward of convolution and 2 x 2 max pooling, patch by patch: at most one of four pixels has a gradient.

Samples are handled one by one, and a vector holds neighboring numbers of a row of a patch. Of each filter there is a list of
the patches with a gradient: their first bytes (`places`) and the gradients (`slopes`). A tile is some vectors of some rows.

Arguments are as in `stn_numba.nn.kernels.convolution`. Callers pass parts of the batch to threads.
"""

from __future__ import annotations

import contextlib

import numpy as np
from numba import types
from numba.extending import intrinsic

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.simd.load_store import size_of
from stn_numba.nn.kernels.conv_microkernels import Code
from stn_numba.nn.kernels.flat import fill, get, put


@contextlib.contextmanager
def _each_patch(code, image, places, slopes, count):
    """Loop over a list of patches: the address of each in the image, and its gradient in all lanes."""
    with code.loop(count) as patch:
        begin = code.add(image, code.whole(code.add(places, code.times(patch.index, 8))))
        yield begin, code.spread(code.add(slopes, code.times(patch.index, code.size)))


@intrinsic
def collect(typingctx, like, lanes, rows, vectors, x, x_row, places, slopes, count, out, out_row):
    """Add patches of x, times their gradients, to a tile of a filter's weight gradient, which stays in registers."""
    height, width = len(rows), len(vectors)
    signature = types.void(like, lanes, rows, vectors, *(types.int64,) * 7)

    def codegen(context, builder, signature, arguments):
        code = Code(context, builder, like, len(lanes))
        x, x_row, places, slopes, count, out, out_row = arguments[4:]
        tile = [(r, v) for r in range(height) for v in range(width)]
        targets = [code.add(out, code.times(out_row, r), v * code.bytes) for r, v in tile]
        sums = code.sums(len(tile))
        for target, total in zip(targets, sums, strict=True):
            builder.store(code.load(target), total)
        with _each_patch(code, x, places, slopes, count) as (source, slope):
            for (r, v), total in zip(tile, sums, strict=True):
                value = code.load(code.add(source, code.times(x_row, r), v * code.bytes))
                builder.store(code.fma(value, slope, builder.load(total)), total)
        for target, total in zip(targets, sums, strict=True):
            code.store(builder.load(total), target)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def spread(typingctx, like, lanes, rows, vectors, dx, dx_row, places, slopes, count, weight, w_row):
    """Add a tile of a filter's weights, times the gradients, to patches of dx."""
    height, width = len(rows), len(vectors)
    signature = types.void(like, lanes, rows, vectors, *(types.int64,) * 7)

    def codegen(context, builder, signature, arguments):
        code = Code(context, builder, like, len(lanes))
        dx, dx_row, places, slopes, count, weight, w_row = arguments[4:]
        tile = [(r, v) for r in range(height) for v in range(width)]
        factors = [code.load(code.add(weight, code.times(w_row, r), v * code.bytes)) for r, v in tile]
        with _each_patch(code, dx, places, slopes, count) as (target, slope):
            for (r, v), factor in zip(tile, factors, strict=True):
                here = code.add(target, code.times(dx_row, r), v * code.bytes)
                code.store(code.fma(factor, slope, code.load(here)), here)
        return context.get_dummy_value()

    return signature, codegen


@jit.inline
def find(like, dy, winner, h, w, pixel, first, group, step, step_y, step_x, places, slopes):
    """List the patches of a group of samples in which a filter has a gradient, from dy (h, w, lanes); return how many.

    Pixels of dy are `pixel` numbers apart. Neighbors in the list lie in different samples or rows, so no store waits for the
    one before it.
    """
    count, byte = 0, np.uint8(0)
    for j in range(w):
        for i in range(h):
            start, place = (i * w + j) * pixel, 2 * i * step_y + 2 * j * step_x
            for lane in range(first, first + group):
                slope, which = get(dy, start + lane, like), np.int64(get(winner, start + lane, byte))
                put(places, count, place, place + lane * step + (which >> 1) * step_y + (which & 1) * step_x)
                put(slopes, count, like, slope)
                count += (which < 4) & (slope != 0)  # branch-free, because the branch is unpredictable
    return count


@jit.inline
def transpose(like, source, source_row, height, width, target, target_row):
    """Copy (height, width) to (width, height) in squares that stay in the cache; rows are `..._row` numbers apart."""
    for square in range((height + 63) // 64):
        start = 64 * square
        stop = min(start + 64, height)
        for b in range(width):
            for a in range(start, stop):
                put(target, b * target_row + a, like, get(source, a * source_row + b, like))


@jit.kernel
def pack(like, weight, size, run, F, packed, padded):
    """Copy weights (size, run, F) to packed (F, size, padded), with zeros at the end of rows; run is size * C."""
    for f in range(F):
        for a in range(size):
            for k in range(padded):
                value = get(weight, (a * run + k) * F + f, like) if k < run else like
                put(packed, (f * size + a) * padded + k, like, value)


@jit.kernel
def gradient(
    like, lanes, rows, vectors, blocks, x, H, W, C, dy, winner, h, w, F, size, stride, weight, padded,
    d_weight, d_bias, dx, wanted, group, samples, d_samples, length, places, slopes, total,
):  # fmt: skip
    """Write the gradients by weights (size, run, F) and biases, and by x if `wanted`, for blocks x, dx and pooled dy, winner.

    `weight` is from `pack`. A list has the patches of `group` samples, a divisor of the lanes. Scratch: `samples` and
    `d_samples` (lanes, length), with length = H * W * C + padded; `places` (int64) and `slopes` for the pixels of a group;
    `total` of the shape of `weight`.
    """
    item, count, run = size_of(like), len(lanes), size * C
    row, pixel, numbers, step = W * C * item, C * item, H * W * C, length * item
    fill(total, F * size * padded, like)
    fill(d_bias, F, like)
    for block in range(blocks):
        transpose(like, x + block * numbers * count * item, count, numbers, count, samples, length)
        if wanted:
            fill(d_samples, count * length, like)
        for part in range(count // group):
            first = part * group
            for f in range(F):
                place = (block * h * w * F + f) * count
                found = find(
                    like, dy + place * item, winner + place, h, w, F * count, first, group, step, stride * row, stride * pixel,
                    places, slopes,
                )  # fmt: skip
                for k in range(found):
                    put(d_bias, f, like, get(d_bias, f, like) + get(slopes, k, like))
                for a_tile in range(size // len(rows)):
                    for k_tile in range(padded // (len(vectors) * count)):
                        a, k = a_tile * len(rows), k_tile * len(vectors) * count
                        inside, own = a * row + k * item, ((f * size + a) * padded + k) * item
                        collect(
                            like, lanes, rows, vectors, samples + inside, row, places, slopes, found, total + own, padded * item
                        )  # fmt: skip
                        if wanted:
                            spread(
                                like, lanes, rows, vectors, d_samples + inside, row, places, slopes, found, weight + own,
                                padded * item,
                            )  # fmt: skip
        if wanted:
            transpose(like, d_samples, length, count, numbers, dx + block * numbers * count * item, count)
    for f in range(F):
        for a in range(size):
            for k in range(run):
                put(d_weight, (a * run + k) * F + f, like, get(total, (f * size + a) * padded + k, like))
