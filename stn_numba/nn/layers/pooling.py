"""Pooling over blocks that do not overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from stn_numba._util.arguments import as_int
from stn_numba.kernels.runtime.calls import kernel
from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size, as_gradient, expect_input
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.conv.spec import pooled_shape
from stn_numba.nn.engine.thread_pool import each_part, even_parts
from stn_numba.nn.layers.base import Layer, expect_shape

__all__ = ["AvgPool", "MaxPool"]

_MAXIMUM, _MAXIMUM_GRADIENT = (kernel("nn.kernels.pooling", name) for name in ("maximum", "maximum_gradient"))

_MOST = 15  # the winner of a block is kept in one byte


class _Pool(Layer):
    """Blocks of size x size; rows and columns that fill no block are dropped."""

    fixed_options = ("size",)

    def __init__(self, size: int = 2) -> None:
        super().__init__()
        self.size = as_int(size, "size", least=1)

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Return the pooled shape."""
        expect_shape(self, input_shape, 3, "(H, W, C)")
        return self.out_shape(input_shape)

    def out_shape(self, shape: Size) -> Size:
        """(h, w, C) of the output for an input of (H, W, C)."""
        return pooled_shape(shape, self.size, type(self).__name__)


class MaxPool(_Pool):
    """The largest value of each block.

    Parameters
    ----------
    size
        Side of a block, 1 to 15.

    Examples
    --------
    >>> MaxPool(2).forward(np.arange(4.0).reshape(1, 2, 2, 1))[0].ravel().tolist()
    [3.0]
    """

    def __init__(self, size: int = 2) -> None:
        super().__init__(size)
        if self.size > _MOST:
            raise ValueError(f"size: expected at most {_MOST}, got {size}")

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (N, H // size, W // size, C) and the way back."""
        size = self.size
        expect_input(self, x, "C", size)
        x = np.ascontiguousarray(x)
        y = buffers.empty((len(x), *self.out_shape(x.shape[1:])), x.dtype)
        winner = buffers.empty(y.shape, np.uint8)
        parts = even_parts(len(x), x.size)
        each_part(lambda part, _: _MAXIMUM(x[part], size, y[part], winner[part]), parts)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            if not input_gradient:
                return None, {}
            dx, dy = buffers.empty(x.shape, x.dtype), as_gradient(self, dy, y)
            each_part(lambda part, _: _MAXIMUM_GRADIENT(dy[part], size, winner[part], dx[part]), parts)
            return dx, {}

        return y, backprop


class AvgPool(_Pool):
    """The mean of each block.

    Parameters
    ----------
    size
        Side of a block.

    Examples
    --------
    >>> AvgPool(2).forward(np.arange(4.0).reshape(1, 2, 2, 1))[0].ravel().tolist()
    [1.5]
    """

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (N, H // size, W // size, C) and the way back."""
        expect_input(self, x, "C", self.size)
        s = self.size
        N, h, w, C = len(x), x.shape[1] // s, x.shape[2] // s, x.shape[3]
        share = x.dtype.type(1 / s**2)
        y = np.zeros((N, h, w, C), x.dtype)
        for a in range(s):
            for b in range(s):
                y += x[:, a : h * s : s, b : w * s : s]
        y *= share

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            if not input_gradient:
                return None, {}
            dx, dy = np.zeros_like(x), as_gradient(self, dy, y)
            for a in range(s):
                for b in range(s):
                    dx[:, a : h * s : s, b : w * s : s] = dy * share
            return dx, {}

        return y, backprop
