"""Convolution as products of matrices: for batches that are too small to fill the lanes of vectors."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from stn_numba.kernels.runtime.calls import kernel
from stn_numba.nn.arrays import Arrays, Backprop, Floats, as_gradient
from stn_numba.nn.engine.conv.pad import cropped, padded
from stn_numba.nn.engine.conv.spec import ConvSpec
from stn_numba.nn.engine.thread_pool import each_part

__all__ = ["correlate"]

_GATHER, _SCATTER = kernel("nn.kernels.im2col", "gather"), kernel("nn.kernels.im2col", "scatter")

_PATCH_BYTES = 1 << 20  # what stays in a core's own cache


def correlate(spec: ConvSpec, weight: Floats, bias: Floats, x: Floats) -> tuple[Floats, Backprop]:
    """Return (N, h, w, filters) for images (N, H, W, C), and its backward.

    Patches are laid out as rows of a matrix, those of a few images at a time, so that they never leave the cache.
    """
    size, stride, filters = spec.size, spec.stride, spec.filters
    whole = padded(x, spec.padding)
    flat = weight.reshape(-1, filters)
    y = np.empty((len(x), *spec.out_size(*whole.shape[1:3]), filters), x.dtype)
    parts, buffer = _parts(spec, whole)

    def forward_part(part: slice, patches: Floats) -> None:
        patches = patches[: part.stop - part.start]
        _GATHER(whole[part], size, stride, patches)
        np.matmul(patches.reshape(-1, len(flat)), flat, out=y[part].reshape(-1, filters))
        y[part] += bias

    each_part(forward_part, parts, buffer)

    def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
        dy = as_gradient("Conv2d", dy, y)
        d_whole = np.zeros_like(whole) if input_gradient else None

        def backward_part(part: slice, patches: Floats) -> Floats:
            patches = patches[: part.stop - part.start]
            rows, d_rows = patches.reshape(-1, len(flat)), dy[part].reshape(-1, filters)
            _GATHER(whole[part], size, stride, patches)
            d_flat: Floats = rows.T @ d_rows
            if d_whole is not None:
                np.matmul(d_rows, flat.T, out=rows)
                _SCATTER(patches, size, stride, d_whole[part])
            return d_flat

        shares = each_part(backward_part, parts, buffer)
        d_weight = sum(shares, np.zeros_like(flat)).reshape(weight.shape)
        gradients = {"weight": d_weight, "bias": dy.reshape(-1, filters).sum(axis=0)}
        return None if d_whole is None else cropped(d_whole, spec.padding), gradients

    return y, backprop


def _parts(spec: ConvSpec, whole: Floats) -> tuple[list[slice], Callable[[], Floats]]:
    """Slices of the batch, and what makes a buffer (n, h, w, size, size * C) for the patches of one."""
    N, H, W, C = whole.shape
    patches = (*spec.out_size(H, W), spec.size, spec.size * C)
    count = max(1, min(N, _PATCH_BYTES // (whole.itemsize * math.prod(patches))))
    parts = [slice(start, min(start + count, N)) for start in range(0, N, count)]
    return parts, lambda: np.empty((count, *patches), whole.dtype)
