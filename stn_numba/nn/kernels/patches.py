"""The way back through convolution and pooling, patch by patch: at most one of 2 x 2 pixels has a gradient.

Samples are dealt with one by one here, and a vector holds neighbouring numbers of a row of a patch. The lists of one filter
say where its patches begin (`places`, in bytes) and what reached them (`slopes`). A tile is some vectors of some rows.

Serial only: callers hand parts of the batch to threads of their own.
"""

from __future__ import annotations

import contextlib

from numba import types
from numba.extending import intrinsic

from stn_numba.kernels import jit
from stn_numba.kernels.memory import address_of
from stn_numba.nn.kernels.tiles import Code


@contextlib.contextmanager
def _each_patch(code, image, places, slopes, count):
    """Loop over a list of patches: where in the image each begins, and its slope in all lanes."""
    with code.loop(count) as patch:
        begin = code.add(image, code.whole(code.add(places, code.times(patch.index, 8))))
        yield begin, code.spread(code.add(slopes, code.times(patch.index, code.size)))


@intrinsic
def collect(typingctx, like, lanes, rows, vectors, x, x_row, places, slopes, count, out, out_row):
    """Add patches of x, times their slopes, to a tile of a filter's gradient, which is in registers meanwhile."""
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
    """Add a tile of a filter's weights, times the slopes, to patches of dx."""
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
def find(dy, winner, f, first, group, step, step_y, step_x, places, slopes):
    """List the patches that a filter's gradient (h, w, F, lanes) reaches in a group of samples; return how many.

    Neighbours in the list lie in different samples, or in different rows: no store waits for the one before it.
    """
    count = 0
    for j in range(dy.shape[1]):
        for i in range(dy.shape[0]):
            some, which = dy[i, j, f], winner[i, j, f]
            place = 2 * i * step_y + 2 * j * step_x
            for lane in range(first, first + group):
                places[count] = place + lane * step + (which[lane] >> 1) * step_y + (which[lane] & 1) * step_x
                slopes[count] = some[lane]
                count += (which[lane] < 4) & (some[lane] != 0)  # without a branch, which nobody could foretell
    return count


@jit.inline
def transpose(source, target):
    """Copy (a, b) to (b, a) in squares that stay in the cache."""
    for start in range(0, source.shape[0], 64):
        stop = min(start + 64, source.shape[0])
        for b in range(source.shape[1]):
            for a in range(start, stop):
                target[b, a] = source[a, b]


@jit.serial
def pack(weight, packed):
    """Copy weights (size, run, F) to (F, size, run and zeros)."""
    for f in range(packed.shape[0]):
        for a in range(packed.shape[1]):
            for k in range(packed.shape[2]):
                packed[f, a, k] = weight[a, k, f] if k < weight.shape[1] else 0


@jit.serial
def gradient(
    x, dy, winner, stride, weight, d_weight, d_bias, dx, wanted, group, samples, d_samples, places, slopes, total,
    lanes, rows, vectors,
):  # fmt: skip
    """Gradients by weights (size, run, F) and biases, and by x if `wanted`, for blocks x, dy, dx (blocks, H, W, C, lanes).

    `weight` comes from `pack`. A list is for `group` samples, a divisor of the lanes. Scratch: `samples`, `d_samples` (lanes,
    H * W * C and a row of `weight` more), `places` and `slopes` for the pixels of a group, `total` like `weight`.
    """
    like, item, count = x[0, 0, 0, 0, 0], x.itemsize, x.shape[4]
    size, padded = weight.shape[1], weight.shape[2]
    row, pixel, length = x.shape[2] * x.shape[3] * item, x.shape[3] * item, x.shape[1] * x.shape[2] * x.shape[3]
    x0, dx0, places0, slopes0 = address_of(samples), address_of(d_samples), address_of(places), address_of(slopes)
    weight0, total0, step = address_of(weight), address_of(total), samples.shape[1] * item
    total[:], d_bias[:] = 0, 0
    for block in range(x.shape[0]):
        transpose(x[block].reshape(length, count), samples)
        if wanted:
            d_samples[:] = 0
        for first in range(0, count, group):
            for f in range(weight.shape[0]):
                steps = step, stride * row, stride * pixel
                found = find(dy[block], winner[block], f, first, group, *steps, places, slopes)
                for k in range(found):
                    d_bias[f] += slopes[k]
                for a in range(0, size, len(rows)):
                    for k in range(0, padded, len(vectors) * count):
                        inside, own = a * row + k * item, ((f * size + a) * padded + k) * item
                        collect(
                            like, lanes, rows, vectors, x0 + inside, row, places0, slopes0, found, total0 + own, padded * item
                        )  # fmt: skip
                        if wanted:
                            spread(
                                like, lanes, rows, vectors, dx0 + inside, row, places0, slopes0, found, weight0 + own,
                                padded * item,
                            )  # fmt: skip
        if wanted:
            transpose(d_samples[:, :length], dx[block].reshape(length, count))
    for f in range(weight.shape[0]):
        for a in range(size):
            for k in range(d_weight.shape[1]):
                d_weight[a, k, f] = total[f, a, k]
