"""Convolution (in the networks' sense: cross-correlation), channels last."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from stn_numba._util.arguments import as_int
from stn_numba.nn.arrays import Backprop, Floats, Size, expect_input
from stn_numba.nn.engine.conv import im2col
from stn_numba.nn.engine.conv.blocked import Convolution
from stn_numba.nn.engine.conv.fused import FusedConvolutions, fills_lanes
from stn_numba.nn.engine.conv.spec import ConvSpec
from stn_numba.nn.layers.base import Layer, expect_shape, he_normal

__all__ = ["Conv2d"]


class Conv2d(Layer):
    """Each output pixel is a weighted sum over a kernel_size x kernel_size patch of the input, plus a bias.

    Maps (N, H, W, C) to (N, h, w, filters), with ``h = (H + 2 * padding - kernel_size) // stride + 1`` and w alike. The
    parameters are ``weight`` (kernel_size, kernel_size, C, filters), drawn He-normal, and ``bias`` (filters,), zero at first.

    Parameters
    ----------
    filters
        Channels of the output.
    kernel_size
        Side of the patch.
    stride
        Step between patches.
    padding
        Rows and columns of zeros added on each side, fewer than `kernel_size`.

    Examples
    --------
    >>> layer = Conv2d(4, 3)
    >>> layer.initialize((8, 8, 1), np.random.default_rng(0))
    (6, 6, 4)
    """

    fixed_options = ("filters", "kernel_size", "stride", "padding")

    def __init__(self, filters: int, kernel_size: int, *, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.filters = as_int(filters, "filters", least=1)
        self.kernel_size = as_int(kernel_size, "kernel_size", least=1)
        self.stride = as_int(stride, "stride", least=1)
        self.padding = as_int(padding, "padding", least=0)
        if self.padding >= self.kernel_size:
            raise ValueError(f"padding: expected less than the kernel_size {kernel_size}, got {padding}")
        self.spec = ConvSpec(self.filters, self.kernel_size, self.stride, self.padding)

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Draw He-normal weights and zero biases."""
        expect_shape(self, input_shape, 3, "(H, W, C)")
        out_shape, C = self.spec.out_shape(input_shape), input_shape[2]
        shape = (self.kernel_size, self.kernel_size, C, self.filters)
        self.params = {
            "weight": he_normal(rng, shape, self.kernel_size**2 * C, dtype),
            "bias": np.zeros(self.filters, dtype),
        }
        return out_shape

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (N, h, w, filters) and backprop."""
        weight, bias = self.params["weight"], self.params["bias"]
        if fills_lanes(x.shape, x.dtype) and self.spec.fits(weight, bias, x.dtype):
            op = Convolution(self.spec, weight, bias, x.shape[1:])
            return FusedConvolutions([("", op)], self, x.shape, x.dtype).forward(x)
        return self.by_matrix(x)

    def by_matrix(self, x: Floats) -> tuple[Floats, Backprop]:
        """As `forward`, by products of matrices whatever the batch."""
        weight, bias = self.params["weight"], self.params["bias"]
        expect_input(self, x, weight.shape[2])
        return im2col.correlate(self.spec, weight, bias, x)
