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
from stn_numba.nn.engine.conv.spec import ConvSpec, Pair, Sides, Window
from stn_numba.nn.layers.base import Layer, as_pair, as_simple, expect_shape, he_normal

__all__ = ["Conv2d"]


class Conv2d(Layer):
    """2D convolution: each output pixel is a weighted sum over a patch of the input, plus a bias.

    Maps x (N, H, W, C) to y (N, h, w, filters), with ``h = (H + 2 * padding - kernel_size) // stride + 1`` and w alike. The
    parameters are ``weight`` (rows, columns, C, filters) for patches of rows x columns, with He-normal initial values, and
    ``bias`` (filters,), with initial zeros.

    Parameters
    ----------
    filters : int
        Channels of the output, at least 1.
    kernel_size : int or (int, int)
        Side of the patch in pixels, or its rows and columns, at least 1.
    stride : int or (int, int), default 1
        Pixels from one patch to the next, or those down and across, at least 1.
    padding : int, (int, int) or "same", default 0
        Rows and columns of zeros added on each side, fewer than those of a patch. ``"same"`` adds so many that the output has
        ``ceil(H / stride)`` rows, and columns alike: for patches of odd sides half of a side, rounded down; for even ones, one
        more below and to the right, as in PyTorch.

    Raises
    ------
    TypeError, ValueError
        If an option is no integer or pair, or out of its range.

    Notes
    -----
    Square patches with the same stride and padding in both directions are computed by the fastest code.

    Examples
    --------
    >>> layer = Conv2d(4, 3)
    >>> layer.initialize((8, 8, 1), np.random.default_rng(0))
    (6, 6, 4)
    >>> layer.forward(np.zeros((2, 8, 8, 1), np.float32))[0].shape
    (2, 6, 6, 4)
    >>> Conv2d(4, (3, 5), stride=(1, 2), padding="same").initialize((8, 8, 1), np.random.default_rng(0))
    (8, 4, 4)
    """

    fixed_options = ("filters", "kernel_size", "stride", "padding")

    def __init__(self, filters: int, kernel_size: int | Pair, *, stride: int | Pair = 1, padding: int | Pair | str = 0) -> None:
        super().__init__()
        self.filters = as_int(filters, "filters", least=1)
        size = as_pair(kernel_size, "kernel_size", least=1)
        step = as_pair(stride, "stride", least=1)
        self.kernel_size, self.stride = as_simple(size), as_simple(step)
        self.padding, sides = _as_padding(padding, size)
        self.window = Window(size, step, sides)
        # what the fastest code computes; None for other options
        self.spec: ConvSpec | None = None
        if size[0] == size[1] and step[0] == step[1] and len({*sides[0], *sides[1]}) == 1:
            self.spec = ConvSpec(self.filters, size[0], step[0], sides[0][0])

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Draw weights for inputs (H, W, C), set biases to zero, and return (h, w, filters)."""
        expect_shape(self, input_shape, 3, "(H, W, C)")
        out_shape, (rows, columns), C = self.out_shape(input_shape), self.window.size, input_shape[2]
        weight = he_normal(rng, (rows, columns, C, self.filters), rows * columns * C, dtype)
        self.params = {"weight": weight, "bias": np.zeros(self.filters, dtype)}
        return out_shape

    def out_shape(self, shape: Size) -> Size:
        """Return (h, w, filters) of the output for an input of (H, W, C)."""
        if self.spec is not None:
            return self.spec.out_shape(shape)
        return (*self.window.out_size(shape[0], shape[1], "Conv2d: a patch"), self.filters)

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop), with y (N, h, w, filters)."""
        weight, bias = self.params["weight"], self.params["bias"]
        if self.spec is not None and fourier.is_faster(self.spec, weight, x.shape, x.dtype):
            return fourier.convolve(self.spec, weight, bias, x)
        if self.spec is not None and fills_lanes(x.shape, x.dtype) and self.spec.fits(weight, bias, x.dtype):
            op = BlockedConvolution(self.spec, weight, bias, x.shape[1:])
            return FusedConvolutions([("", op)], self, x.shape, x.dtype).forward(x)
        return self.forward_im2col(x)

    def forward_im2col(self, x: Floats) -> tuple[Floats, Backprop]:
        """Return what `forward` does, computed by products of matrices for batches of any size."""
        weight, bias = self.params["weight"], self.params["bias"]
        expect_input(self, x, weight.shape[2])
        return convolve(self.window, weight, bias, x)


def _as_padding(padding: object, size: Pair) -> tuple[int | Pair | str, Sides]:
    """Return the option as the layer keeps it, and the rows and columns on each side, for patches of a size."""
    if isinstance(padding, str):
        if padding != "same":
            raise ValueError(f"padding: expected whole numbers or 'same', got {padding!r:.60}")
        top, left = ((length - 1) // 2 for length in size)
        return "same", ((top, size[0] - 1 - top), (left, size[1] - 1 - left))
    down, across = as_pair(padding, "padding", least=0)
    if down >= size[0] or across >= size[1]:
        raise ValueError(f"padding: expected less than the kernel_size {as_simple(size)}, got {padding}")
    return as_simple((down, across)), ((down, down), (across, across))
