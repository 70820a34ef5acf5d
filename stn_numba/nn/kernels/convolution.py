"""Convolution of blocks: samples side by side in the lanes of vectors, as arrays (blocks, H, W, C, lanes).

Kernels do not validate: arrays are contiguous and fit each other, and are passed by their addresses. The first argument `like`
is a zero of the dtype. The length of the tuple `lanes` is the number of lanes of a vector, and lengths of other tuples are
sizes of tiles (see `conv_microkernels`); all other arguments are integers. Callers pass parts of the batch to threads.
"""

from __future__ import annotations

import numpy as np

from stn_numba.kernels.compiler import jit
from stn_numba.kernels.compiler.unpack import read_word
from stn_numba.kernels.simd.load_store import size_of
from stn_numba.nn.kernels import conv_microkernels
from stn_numba.nn.kernels.flat import copy, fill, get, put


@jit.kernel
def gather(like, count, x, N, D, target):
    """Copy samples x (N, D) to target (blocks, D, count), side by side; lanes without a sample are zero."""
    item = size_of(like)
    for block in range((N + count - 1) // count):
        start = target + block * D * count * item
        for lane in range(count):
            n = block * count + lane
            if n < N:
                for k in range(D):
                    put(start, k * count + lane, like, get(x, n * D + k, like))
            else:
                for k in range(D):
                    put(start, k * count + lane, like, like)


@jit.kernel
def scatter(like, count, source, x, N, D):
    """Copy samples back from source (blocks, D, count) to x (N, D)."""
    item = size_of(like)
    for n in range(N):
        start = source + n // count * D * count * item
        for k in range(D):
            put(x, n * D + k, like, get(start, k * count + n % count, like))


@jit.kernel
def pack(like, weight, taps, F, starts, packed, tiles, filters):
    """Copy weights (taps, F) to packed (tiles, taps, filters of a tile); `starts` (tiles,), int64, are the first filters."""
    item = size_of(like)
    for t in range(tiles):
        for k in range(taps):
            source = weight + (k * F + read_word(starts + 8 * t)) * item
            copy(source, packed + (t * taps + k) * filters * item, filters, like)


@jit.kernel
def forward(like, lanes, pixels, filters, blocks, x, H, W, C, weight, starts, tiles_of, size, stride, bias, y, h, w, F):
    """Write the correlation of x (blocks, H, W, C, lanes) plus bias (F,) to y (blocks, h, w, F, lanes).

    `weight` (tiles_of, taps, filters of a tile) is from `pack`, whose tiles begin at the filters `starts`.
    """
    item = size_of(like)
    vector, count = len(lanes) * item, len(pixels)
    run, x_row, x_pixel = size * C, W * C * vector, stride * C * vector
    w_tile = size * run * len(filters) * item
    for block in range(blocks):
        for i in range(h):
            for t in range(tiles_of):
                f = read_word(starts + 8 * t)
                for step in range((w + count - 1) // count):
                    j = min(step * count, w - count)
                    source = x + (block * H + i * stride) * x_row + j * x_pixel
                    target = y + (((block * h + i) * w + j) * F + f) * vector
                    conv_microkernels.correlate(
                        like, lanes, pixels, filters, source, x_row, x_pixel, weight + t * w_tile, size, run, bias + f * item,
                        target, F * vector,
                    )  # fmt: skip


@jit.kernel
def forward_pool(
    like, lanes, filters, rectify, blocks, x, H, W, C, weight, starts, tiles_of, size, stride, bias, y, h, w, F, winner
):  # fmt: skip
    """As `forward`, then the maximum of 2 x 2 pixels, and a ReLU if `rectify` has two entries.

    y (blocks, h, w, F, lanes) is pooled, and `winner`, uint8, is the pixel of each maximum, or 4 where the ReLU gave 0.
    """
    item = size_of(like)
    vector = len(lanes) * item
    run, x_row, x_pixel = size * C, W * C * vector, stride * C * vector
    w_tile = size * run * len(filters) * item
    for block in range(blocks):
        for i in range(h):
            for t in range(tiles_of):
                f = read_word(starts + 8 * t)
                for j in range(w):
                    source = x + (block * H + 2 * i * stride) * x_row + 2 * j * x_pixel
                    place = ((block * h + i) * w + j) * F + f
                    conv_microkernels.correlate_pool(
                        like, lanes, filters, rectify, source, x_row, x_pixel, stride * x_row, weight + t * w_tile, size,
                        run, bias + f * item, y + place * vector, winner + place * len(lanes),
                    )  # fmt: skip


@jit.kernel
def unpool(like, lanes, blocks, dy, winner, h, w, F, d, H, W, d_bias):
    """Write gradients dy (blocks, h, w, F, lanes) to the pixels of the maxima in d (blocks, H, W, F, lanes), zeros elsewhere.

    d_bias (F, lanes) is the sum over all pixels.
    """
    item, byte = size_of(like), np.uint8(0)
    numbers = F * len(lanes)
    pixel = numbers * item
    fill(d_bias, numbers, like)
    for block in range(blocks):
        for i in range(h):
            for j in range(w):
                place = (block * h + i) * w + j
                slopes, winners = dy + place * pixel, winner + place * numbers
                for k in range(numbers):
                    slope = get(slopes, k, like) if get(winners, k, byte) < 4 else like
                    put(d_bias, k, like, get(d_bias, k, like) + slope)
                for a in range(2):
                    for b in range(2):
                        target, which = d + ((block * H + 2 * i + a) * W + 2 * j + b) * pixel, 2 * a + b
                        for k in range(numbers):
                            put(target, k, like, get(slopes, k, like) if get(winners, k, byte) == which else like)
        for i in range(2 * h):
            fill(d + ((block * H + i) * W + 2 * w) * pixel, (W - 2 * w) * numbers, like)
        fill(d + (block * H + 2 * h) * W * pixel, (H - 2 * h) * W * numbers, like)


@jit.kernel
def weight_gradient(like, lanes, taps, filters, blocks, x, H, W, C, d, h, w, F, size, stride, out):
    """Write the gradient of the weights, a sum over all samples, to out (size, size * C, F), for d (blocks, h, w, F, lanes)."""
    item = size_of(like)
    vector, few, several = len(lanes) * item, len(taps), len(filters)
    run, x_row, x_pixel = size * C, W * C * vector, C * vector
    for f_step in range((F + several - 1) // several):
        f = min(f_step * several, F - several)
        for a in range(size):
            for k_step in range((run + few - 1) // few):
                k = min(k_step * few, run - few)
                conv_microkernels.weight_gradient(
                    like, lanes, taps, filters, x + a * x_row + k * vector, H * x_row, stride * x_row, stride * x_pixel,
                    d + f * vector, h * w * F * vector, w * F * vector, F * vector, blocks, h, w,
                    out + ((a * run + k) * F + f) * item, F * item,
                )  # fmt: skip


@jit.kernel
def bias_gradient(like, lanes, d, pixels, F, out):
    """Write the gradient of the bias in each lane to out (F, lanes), for d (pixels of all blocks, F, lanes)."""
    item, numbers = size_of(like), F * len(lanes)
    fill(out, numbers, like)
    for pixel in range(pixels):
        slopes = d + pixel * numbers * item
        for k in range(numbers):
            put(out, k, like, get(out, k, like) + get(slopes, k, like))


@jit.kernel
def input_gradient(like, lanes, filters, blocks, d, h, w, F, weight, size, stride, first, dx, H, W, C):
    """Add the input gradients of the filters from `first` on, as many as `filters` has entries, to dx (blocks, H, W, C, lanes).

    If `first` is 0, dx is set to zero before. `weight` is (taps, F).
    """
    item = size_of(like)
    vector = len(lanes) * item
    dx_row = W * C * vector
    if first == 0:
        fill(dx, blocks * H * W * C * len(lanes), like)
    for block in range(blocks):
        for i in range(h):
            for j in range(w):
                source = d + (((block * h + i) * w + j) * F + first) * vector
                target = dx + (block * H + i * stride) * dx_row + j * stride * C * vector
                conv_microkernels.spread_back(
                    like, lanes, filters, source, weight + first * item, F * item, target, dx_row, size, size * C
                )  # fmt: skip
