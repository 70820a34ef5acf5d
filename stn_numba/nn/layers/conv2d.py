"""Convolution (in the networks' sense: cross-correlation), channels last."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from stn_numba._util.arguments import as_int
from stn_numba.nn.arrays import Backprop, Floats, Size, expect_input
from stn_numba.nn.engine.conv import fourier
from stn_numba.nn.engine.conv.blocked import BlockedConvolution
from stn_numba.nn.engine.conv.fused import FusedConvolutions, fills_lanes
from stn_numba.nn.engine.conv.im2col import convolve
from stn_numba.nn.engine.conv.spec import ConvSpec
from stn_numba.nn.layers.base import Layer, expect_shape, he_normal

__all__ = ["Conv2d"]


class Conv2d(Layer):
    """2D convolution: each output pixel is a weighted sum over a square patch of the input, plus a bias.

    Maps x (N, H, W, C) to y (N, h, w, filters), with ``h = (H + 2 * padding - kernel_size) // stride + 1`` and w alike. The
    parameters are ``weight`` (kernel_size, kernel_size, C, filters), with He-normal initial values, and ``bias`` (filters,),
    with initial zeros.

    Parameters
    ----------
    filters : int
        Channels of the output, at least 1.
    kernel_size : int
        Side of the patch in pixels, at least 1.
    stride : int, default 1
        Pixels from one patch to the next, at least 1.
    padding : int, default 0
        Rows and columns of zeros added on each side, fewer than `kernel_size`.

    Raises
    ------
    TypeError, ValueError
        If an option is no integer, or out of its range.

    Examples
    --------
    >>> layer = Conv2d(4, 3)
    >>> layer.initialize((8, 8, 1), np.random.default_rng(0))
    (6, 6, 4)
    >>> layer.forward(np.zeros((2, 8, 8, 1), np.float32))[0].shape
    (2, 6, 6, 4)
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
        """Draw weights for inputs (H, W, C), set biases to zero, and return (h, w, filters)."""
        expect_shape(self, input_shape, 3, "(H, W, C)")
        out_shape, C = self.spec.out_shape(input_shape), input_shape[2]
        shape = (self.kernel_size, self.kernel_size, C, self.filters)
        weight = he_normal(rng, shape, self.kernel_size**2 * C, dtype)
        self.params = {"weight": weight, "bias": np.zeros(self.filters, dtype)}
        return out_shape

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop), with y (N, h, w, filters)."""
        weight, bias = self.params["weight"], self.params["bias"]
        if fourier.is_faster(self.spec, weight, x.shape, x.dtype):
            return fourier.convolve(self.spec, weight, bias, x)
        if fills_lanes(x.shape, x.dtype) and self.spec.fits(weight, bias, x.dtype):
            op = BlockedConvolution(self.spec, weight, bias, x.shape[1:])
            return FusedConvolutions([("", op)], self, x.shape, x.dtype).forward(x)
        return self.forward_im2col(x)

    def forward_im2col(self, x: Floats) -> tuple[Floats, Backprop]:
        """Return what `forward` does, computed by products of matrices for batches of any size."""
        weight, bias = self.params["weight"], self.params["bias"]
        expect_input(self, x, weight.shape[2])
        return convolve(self.spec, weight, bias, x)
