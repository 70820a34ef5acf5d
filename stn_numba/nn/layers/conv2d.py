"""Convolution (in the networks' sense: cross-correlation), channels last."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from stn_numba._util.arguments import as_int
from stn_numba.kernels.runtime.calls import kernel
from stn_numba.nn.engine.thread_pool import each_part
from stn_numba.nn.layers.base import (
    Arrays,
    Backprop,
    Floats,
    Layer,
    Size,
    as_gradient,
    expect_input,
    expect_shape,
    he_normal,
)

__all__ = ["Conv2d", "with_padding", "without_padding"]

_GATHER, _SCATTER = kernel("nn.kernels.im2col", "gather"), kernel("nn.kernels.im2col", "scatter")

_PATCH_BYTES = 1 << 20  # what stays in a core's own cache


class Conv2d(Layer):
    """Each output pixel is a weighted sum over a size x size patch of the input, plus a bias.

    A batch is worked on a vector of samples at a time (`stn_numba.nn.engine.conv.fused`). Where too few samples are left to fill
    one, patches are laid out as rows of a matrix and multiplied by BLAS, a few at a time, so that they never leave the cache.
    Large patches on large maps of many channels are done by Fourier transforms (`stn_numba.nn.fourier`).
    ``weight`` is (size, size, C, filters).

    Parameters
    ----------
    filters
        Channels of the output.
    size
        Side of the patch.
    stride
        Step between patches.
    padding
        Rows and columns of zeros added on each side, fewer than `size`.

    Examples
    --------
    >>> layer = Conv2d(4, 3)
    >>> layer.initialise((8, 8, 1), np.random.default_rng(0))
    (6, 6, 4)
    """

    def __init__(self, filters: int, size: int, *, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.filters = as_int(filters, "filters", least=1)
        self.size = as_int(size, "size", least=1)
        self.stride = as_int(stride, "stride", least=1)
        self.padding = as_int(padding, "padding", least=0)
        if self.padding >= self.size:
            raise ValueError(f"padding: expected less than the size {size}, got {padding}")

    def initialise(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Draw He-normal weights and zero biases."""
        expect_shape(self, input_shape, 3, "(H, W, C)")
        out_shape, C = self.out_shape(input_shape), input_shape[2]
        shape = (self.size, self.size, C, self.filters)
        self.params = {
            "weight": he_normal(rng, shape, self.size**2 * C, dtype),
            "bias": np.zeros(self.filters, dtype),
        }
        return out_shape

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (N, h, w, filters) and the way back."""
        from stn_numba.nn import fourier
        from stn_numba.nn.engine.conv.fused import ConvolutionRun

        if fourier.pays(self, x.shape, x.dtype):
            return fourier.run(self, x)
        if ConvolutionRun.pays([("", self)], x.shape, x.dtype):
            return ConvolutionRun([("", self)], x.shape, x.dtype).forward(x)
        return self._by_matrix(x)

    def _by_matrix(self, x: Floats) -> tuple[Floats, Backprop]:
        """As `forward`, by products of matrices."""
        p, size, stride = self.padding, self.size, self.stride
        expect_input(self, x, self.params["weight"].shape[2])
        padded = with_padding(x, p)
        weight, bias = self.params["weight"], self.params["bias"]
        flat = weight.reshape(-1, self.filters)
        y = np.empty((len(x), *self.out_size(*padded.shape[1:3]), self.filters), x.dtype)
        parts, buffer = self._parts(padded)

        def forward_part(part: slice, patches: Floats) -> None:
            patches = patches[: part.stop - part.start]
            _GATHER(padded[part], size, stride, patches)
            np.matmul(patches.reshape(-1, len(flat)), flat, out=y[part].reshape(-1, self.filters))
            y[part] += bias

        each_part(forward_part, parts, buffer)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            dy = as_gradient(self, dy, y)
            d_padded = np.zeros_like(padded) if input_gradient else None

            def backward_part(part: slice, patches: Floats) -> Floats:
                patches = patches[: part.stop - part.start]
                rows, d_rows = patches.reshape(-1, len(flat)), dy[part].reshape(-1, self.filters)
                _GATHER(padded[part], size, stride, patches)
                d_flat: Floats = rows.T @ d_rows
                if d_padded is not None:
                    np.matmul(d_rows, flat.T, out=rows)
                    _SCATTER(patches, size, stride, d_padded[part])
                return d_flat

            shares = each_part(backward_part, parts, buffer)
            d_weight = sum(shares, np.zeros_like(flat)).reshape(weight.shape)
            gradients = {"weight": d_weight, "bias": dy.reshape(-1, self.filters).sum(axis=0)}
            return None if d_padded is None else without_padding(d_padded, p), gradients

        return y, backprop

    def config(self) -> dict[str, Any]:
        """Return the options."""
        return {"filters": self.filters, "size": self.size, "stride": self.stride, "padding": self.padding}

    def out_shape(self, shape: Size) -> Size:
        """(h, w, filters) of the output for an input of (H, W, C)."""
        return (*self.out_size(*(length + 2 * self.padding for length in shape[:2])), self.filters)

    def out_size(self, H: int, W: int) -> tuple[int, int]:
        """(h, w) of the output for a padded input of (H, W)."""
        if min(H, W) < self.size:
            raise ValueError(f"Conv2d: a patch of {self.size} does not fit an input of {H} x {W}")
        return (H - self.size) // self.stride + 1, (W - self.size) // self.stride + 1

    def _parts(self, padded: Floats) -> tuple[list[slice], Callable[[], Floats]]:
        """Slices of the batch, and what makes a buffer (n, h, w, size, size * C) for the patches of one."""
        N, H, W, C = padded.shape
        patches = (*self.out_size(H, W), self.size, self.size * C)
        count = max(1, min(N, _PATCH_BYTES // (padded.itemsize * math.prod(patches))))
        parts = [slice(start, min(start + count, N)) for start in range(0, N, count)]
        return parts, lambda: np.empty((count, *patches), padded.dtype)


def with_padding(x: Floats, p: int) -> Floats:
    """Images (N, H, W, C) with p rows and columns of zeros on each side."""
    return np.ascontiguousarray(np.pad(x, ((0, 0), (p, p), (p, p), (0, 0))) if p else x)  # np.pad keeps the order of axes


def without_padding(padded: Floats, p: int) -> Floats:
    """Without the p rows and columns of padding on each side."""
    return padded[:, p : padded.shape[1] - p, p : padded.shape[2] - p] if p else padded
