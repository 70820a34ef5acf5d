"""Pooling over blocks that do not overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from stn_numba._util.arguments import as_int
from stn_numba.kernels.runtime.calls import kernel
from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size, as_gradient, expect_input
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.conv.spec import pooled_shape
from stn_numba.nn.engine.thread_pool import parallel_map, work_parts
from stn_numba.nn.layers.base import Layer, expect_shape

__all__ = ["AvgPool", "MaxPool"]

_MAXIMUM, _MAXIMUM_GRADIENT = (kernel("nn.kernels.pooling", name) for name in ("maximum", "maximum_gradient"))

_MAX_SIZE = 15  # the place of a maximum in its block is kept in one byte


class _Pool(Layer):
    """Maps (N, H, W, C) to (N, H // size, W // size, C)."""

    fixed_options = ("size",)

    def __init__(self, size: int = 2) -> None:
        super().__init__()
        self.size = as_int(size, "size", least=1)

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Return the shape of the output for inputs (H, W, C)."""
        expect_shape(self, input_shape, 3, "(H, W, C)")
        return self.out_shape(input_shape)

    def out_shape(self, shape: Size) -> Size:
        """Return (h, w, C) of the output for an input of (H, W, C)."""
        return pooled_shape(shape, self.size, type(self).__name__)


class MaxPool(_Pool):
    """Max pooling: the largest value of each block of size x size, from (N, H, W, C) to (N, H // size, W // size, C).

    Rows and columns that do not fill a block are dropped.

    Parameters
    ----------
    size : int, default 2
        Side of a block, 1 to 15.

    Raises
    ------
    TypeError, ValueError
        If `size` is no integer, or out of its range.

    Examples
    --------
    >>> MaxPool(2).forward(np.arange(4.0).reshape(1, 2, 2, 1))[0].ravel().tolist()
    [3.0]
    """

    def __init__(self, size: int = 2) -> None:
        super().__init__(size)
        if self.size > _MAX_SIZE:
            raise ValueError(f"size: expected at most {_MAX_SIZE}, got {size}")

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop), with y (N, H // size, W // size, C)."""
        size = self.size
        expect_input(self, x, "C")
        x = np.ascontiguousarray(x)
        y = buffers.empty((len(x), *self.out_shape(x.shape[1:])), x.dtype)
        winner = buffers.empty(y.shape, np.uint8)
        parts = work_parts(len(x), x.size)
        parallel_map(lambda part: _MAXIMUM(x[part], size, y[part], winner[part]), parts)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            if not input_gradient:
                return None, {}
            dx, dy = buffers.empty(x.shape, x.dtype), as_gradient(self, dy, y)
            parallel_map(lambda part: _MAXIMUM_GRADIENT(dy[part], size, winner[part], dx[part]), parts)
            return dx, {}

        return y, backprop


class AvgPool(_Pool):
    """Average pooling: the mean of each block of size x size, from (N, H, W, C) to (N, H // size, W // size, C).

    Rows and columns that do not fill a block are dropped.

    Parameters
    ----------
    size : int, default 2
        Side of a block, at least 1.

    Raises
    ------
    TypeError, ValueError
        If `size` is no integer, or less than 1.

    Examples
    --------
    >>> AvgPool(2).forward(np.arange(4.0).reshape(1, 2, 2, 1))[0].ravel().tolist()
    [1.5]
    """

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop), with y (N, H // size, W // size, C)."""
        expect_input(self, x, "C")
        s = self.size
        h, w, C = self.out_shape(x.shape[1:])
        pixels = [np.s_[:, a : h * s : s, b : w * s : s] for a in range(s) for b in range(s)]
        share = x.dtype.type(1 / s**2)
        y = np.zeros((len(x), h, w, C), x.dtype)
        for pixel in pixels:
            y += x[pixel]
        y *= share

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            if not input_gradient:
                return None, {}
            dx, dy = np.zeros_like(x), as_gradient(self, dy, y)
            for pixel in pixels:
                dx[pixel] = dy * share
            return dx, {}

        return y, backprop
