"""Convolution as products of matrices: for any options, and for batches that are too small to fill the lanes of vectors."""

from __future__ import annotations

import math

import numpy as np

from stn_numba.kernels.runtime.calls import kernel
from stn_numba.nn.arrays import Arrays, Backprop, Floats, as_gradient
from stn_numba.nn.engine.conv.pad import cropped, padded
from stn_numba.nn.engine.conv.spec import Window
from stn_numba.nn.engine.thread_pool import chunks, parallel_map_with_buffer

__all__ = ["convolve"]

_GATHER, _SCATTER = kernel("nn.kernels.im2col", "gather"), kernel("nn.kernels.im2col", "scatter")

_PATCH_BYTES = 1 << 20  # stays in a core's own cache


def convolve(window: Window, weight: Floats, bias: Floats, x: Floats) -> tuple[Floats, Backprop]:
    """Return (N, h, w, filters) for images (N, H, W, C), and its backward, for weights (rows, columns, C, filters).

    Patches are the rows of a matrix, of a few images at a time, so that they never leave the cache.
    """
    rows, columns, C, filters = weight.shape
    y = np.empty((len(x), *window.out_size(x.shape[1], x.shape[2], "Conv2d: a patch"), filters), x.dtype)
    x = padded(x, window.sides if any(map(any, window.sides)) else 0)
    matrix = weight.reshape(-1, filters)
    patches_shape = (*y.shape[1:3], rows, columns * C)
    count = max(1, min(len(x), _PATCH_BYTES // (x.itemsize * math.prod(patches_shape))))  # images of a part
    parts = chunks(len(x), count)

    def make_buffer() -> Floats:
        return np.empty((count, *patches_shape), x.dtype)

    def forward_part(part: slice, *, buffer: Floats) -> None:
        patches = buffer[: part.stop - part.start]
        _GATHER(x[part], *window.stride, patches)
        np.matmul(patches.reshape(-1, len(matrix)), matrix, out=y[part].reshape(-1, filters))
        y[part] += bias

    parallel_map_with_buffer(forward_part, parts, make_buffer)

    def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
        dy = as_gradient("Conv2d", dy, y)
        dx = np.zeros_like(x) if input_gradient else None

        def backward_part(part: slice, *, buffer: Floats) -> Floats:
            patches = buffer[: part.stop - part.start]
            flat, d_flat = patches.reshape(-1, len(matrix)), dy[part].reshape(-1, filters)
            _GATHER(x[part], *window.stride, patches)
            d_matrix: Floats = flat.T @ d_flat
            if dx is not None:
                np.matmul(d_flat, matrix.T, out=flat)
                _SCATTER(patches, *window.stride, dx[part])
            return d_matrix

        shares = parallel_map_with_buffer(backward_part, parts, make_buffer)
        d_weight = sum(shares, np.zeros_like(matrix)).reshape(weight.shape)
        gradients = {"weight": d_weight, "bias": dy.reshape(-1, filters).sum(axis=0)}
        return None if dx is None else cropped(dx, window.sides), gradients

    return y, backprop
