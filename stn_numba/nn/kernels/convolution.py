"""Convolution of blocks of samples that lie side by side, lane by lane: arrays (blocks, H, W, C, lanes).

Serial only: callers hand parts of the batch to threads of their own. No checks: arrays are contiguous and fit each other.
"""

from __future__ import annotations

from numba.extending import overload

from stn_numba.kernels import jit
from stn_numba.kernels.memory import address_of
from stn_numba.nn.kernels import tiles


@jit.serial
def gather(x, target):
    """Lay samples (N, D) side by side (blocks, D, lanes); lanes without a sample are zero."""
    lanes = target.shape[2]
    for block in range(target.shape[0]):
        for lane in range(lanes):
            n = block * lanes + lane
            if n < x.shape[0]:
                for k in range(x.shape[1]):
                    target[block, k, lane] = x[n, k]
            else:
                for k in range(x.shape[1]):
                    target[block, k, lane] = 0


@jit.serial
def scatter(source, x):
    """Give samples (N, D) back from blocks (blocks, D, lanes)."""
    lanes = source.shape[2]
    for n in range(x.shape[0]):
        block, lane = n // lanes, n % lanes
        for k in range(x.shape[1]):
            x[n, k] = source[block, k, lane]


@jit.serial
def pack(weight, starts, packed):
    """Copy weights (taps, F) to (tiles, taps, filters of a tile), in the order in which tiles read them."""
    for t in range(packed.shape[0]):
        for k in range(packed.shape[1]):
            for f in range(packed.shape[2]):
                packed[t, k, f] = weight[k, starts[t] + f]


@jit.serial
def forward(x, weight, starts, size, stride, bias, y, lanes, pixels, filters):
    """Correlation and bias. `weight` (tiles, taps, filters of a tile), whose tiles begin at the filters `starts`."""
    item, like = x.itemsize, x[0, 0, 0, 0, 0]
    W, C, vector = x.shape[2], x.shape[3], x.shape[4] * item
    h, w, F = y.shape[1], y.shape[2], y.shape[3]
    run, x_row, x_pixel = size * C, W * C * vector, stride * C * vector
    x0, y0, w0, b0 = address_of(x), address_of(y), address_of(weight), address_of(bias)
    w_tile, count = size * run * len(filters) * item, len(pixels)
    for block in range(x.shape[0]):
        for i in range(h):
            for t in range(len(starts)):
                f = starts[t]
                for step in range((w + count - 1) // count):
                    j = min(step * count, w - count)
                    source = x0 + (block * x.shape[1] + i * stride) * x_row + j * x_pixel
                    target = y0 + (((block * h + i) * w + j) * F + f) * vector
                    tiles.correlate(
                        like, lanes, pixels, filters, source, x_row, x_pixel, w0 + t * w_tile, size, run, b0 + f * item,
                        target, F * vector,
                    )  # fmt: skip


@jit.serial
def forward_pool(x, weight, starts, size, stride, bias, y, winner, lanes, filters, rectify):
    """As `forward`, then the maximum of 2 x 2 pixels, and a rectifier if `rectify` has two entries."""
    item, like = x.itemsize, x[0, 0, 0, 0, 0]
    W, C, vector = x.shape[2], x.shape[3], x.shape[4] * item
    h, w, F = y.shape[1], y.shape[2], y.shape[3]
    run, x_row, x_pixel = size * C, W * C * vector, stride * C * vector
    x0, y0, w0, b0, winner0 = address_of(x), address_of(y), address_of(weight), address_of(bias), address_of(winner)
    w_tile = size * run * len(filters) * item
    for block in range(x.shape[0]):
        for i in range(h):
            for t in range(len(starts)):
                f = starts[t]
                for j in range(w):
                    source = x0 + (block * x.shape[1] + 2 * i * stride) * x_row + 2 * j * x_pixel
                    place = ((block * h + i) * w + j) * F + f
                    tiles.correlate_pool(
                        like, lanes, filters, rectify, source, x_row, x_pixel, stride * x_row, w0 + t * w_tile, size, run,
                        b0 + f * item, y0 + place * vector, winner0 + place * x.shape[4],
                    )  # fmt: skip


@jit.serial
def unpool(dy, winner, d, d_bias):
    """Gradients d (blocks, h, w, F, lanes) of 2 x 2 pixels, those that won; rows and columns left over get zero.

    Adds to d_bias (F, lanes) what reaches each filter.
    """
    blocks, h, w, F, lanes = dy.shape
    zero = dy.dtype.type(0)
    for block in range(blocks):
        for i in range(h):
            for j in range(w):
                for f in range(F):
                    for lane in range(lanes):
                        slope = dy[block, i, j, f, lane]
                        d_bias[f, lane] += slope if winner[block, i, j, f, lane] < 4 else zero
                for a in range(2):
                    for b in range(2):
                        target, which = d[block, 2 * i + a, 2 * j + b], 2 * a + b
                        for f in range(F):
                            for lane in range(lanes):
                                slope = dy[block, i, j, f, lane]
                                target[f, lane] = slope if winner[block, i, j, f, lane] == which else zero
        d[block, 2 * h :] = 0
        d[block, :, 2 * w :] = 0


@jit.serial
def weight_gradient(x, d, size, stride, out, lanes, taps, filters):
    """Gradient (size, size * C, F) of the weights, summed over all samples."""
    item, like = x.itemsize, x[0, 0, 0, 0, 0]
    H, W, C, vector = x.shape[1], x.shape[2], x.shape[3], x.shape[4] * item
    blocks, h, w, F = d.shape[0], d.shape[1], d.shape[2], d.shape[3]
    run, x_row, x_pixel = size * C, W * C * vector, C * vector
    x0, d0, out0 = address_of(x), address_of(d), address_of(out)
    few, several = len(taps), len(filters)
    for f_step in range((F + several - 1) // several):
        f = min(f_step * several, F - several)
        for a in range(size):
            for k_step in range((run + few - 1) // few):
                k = min(k_step * few, run - few)
                tiles.weight_gradient(
                    like, lanes, taps, filters, x0 + a * x_row + k * vector, H * x_row, stride * x_row, stride * x_pixel,
                    d0 + f * vector, h * w * F * vector, w * F * vector, F * vector, blocks, h, w,
                    out0 + ((a * run + k) * F + f) * item, F * item,
                )  # fmt: skip


@jit.serial
def bias_gradient(d, out):
    """Add to out (F, lanes) what reaches each filter's bias."""
    for block in range(d.shape[0]):
        for i in range(d.shape[1]):
            for j in range(d.shape[2]):
                for f in range(d.shape[3]):
                    for lane in range(d.shape[4]):
                        out[f, lane] += d[block, i, j, f, lane]


@jit.serial
def input_gradient(d, weight, size, stride, first, dx, lanes, filters):
    """Add to dx what the filters from `first` on, as many as `filters` has entries, hand back."""
    item, like = d.itemsize, d[0, 0, 0, 0, 0]
    W, C, vector = dx.shape[2], dx.shape[3], dx.shape[4] * item
    blocks, h, w, F = d.shape[0], d.shape[1], d.shape[2], d.shape[3]
    dx_row = W * C * vector
    d0, w0, dx0 = address_of(d), address_of(weight), address_of(dx)
    for block in range(blocks):
        for i in range(h):
            for j in range(w):
                source = d0 + (((block * h + i) * w + j) * F + first) * vector
                target = dx0 + (block * dx.shape[1] + i * stride) * dx_row + j * stride * C * vector
                tiles.spread_back(like, lanes, filters, source, w0 + first * item, F * item, target, dx_row, size, size * C)


@jit.serial
def pooled_gradient(x, dy, winner, size, stride, weight, d, d_bias, d_weight, dx, wanted, lanes, taps, filters, chunk):
    """The whole way back through `forward_pool` in one call: each call costs the thread a wait for Python's lock.

    `d` is scratch; dx is left alone unless `wanted`. The number of filters is a multiple of the length of `chunk`.
    """
    unpool(dy, winner, d, d_bias)
    weight_gradient(x, d, size, stride, d_weight, lanes, taps, filters)
    if wanted:
        dx[:] = 0
        for first in range(0, d.shape[3], len(chunk)):
            input_gradient(d, weight, size, stride, first, dx, lanes, chunk)


def _through(x, steps, lanes):
    """Pass blocks through pooled convolutions, one after another."""


@overload(_through)
def _through_steps(x, steps, lanes):
    if len(steps) == 0:
        return lambda x, steps, lanes: x

    def each(x, steps, lanes):
        weight, starts, size, stride, bias, y, winner, filters, rectify = steps[0]
        forward_pool(x, weight, starts, size, stride, bias, y, winner, lanes, filters, rectify)
        return _through(y, steps[1:], lanes)

    return each


@jit.serial
def forward_chain(x, blocks, steps, lanes, y):
    """Samples x (N, D) through pooled convolutions to y (N, D'), in one call; `steps` are the arguments of `forward_pool`."""
    gather(x, blocks.reshape(blocks.shape[0], -1, len(lanes)))
    last = _through(blocks, steps, lanes)
    scatter(last.reshape(last.shape[0], -1, len(lanes)), y)
