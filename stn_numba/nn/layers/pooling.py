"""Pooling over windows: blocks that do not overlap, or any others."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from stn_numba.kernels.runtime.calls import kernel
from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size, as_gradient, expect_input
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.conv.spec import Pair, Window, pooled_shape
from stn_numba.nn.engine.thread_pool import parallel_map, work_parts
from stn_numba.nn.layers.base import Layer, as_pair, as_simple, expect_shape

__all__ = ["AvgPool", "MaxPool"]

(
    _MAXIMUM, _MAXIMUM_GRADIENT, _WINDOW_MAXIMUM, _WINDOW_MAXIMUM_GRADIENT, _WINDOW_MEAN, _WINDOW_MEAN_GRADIENT,
) = (
    kernel("nn.kernels.pooling", name)
    for name in (
        "maximum", "maximum_gradient", "window_maximum", "window_maximum_gradient", "window_mean", "window_mean_gradient",
    )
)  # fmt: skip

_MAX_PIXELS = 255  # the place of a maximum in its window is kept in one byte


class _Pool(Layer):
    """Maps (N, H, W, C) to (N, h, w, C)."""

    fixed_options = ("size", "stride", "padding")

    def __init__(self, size: int | Pair = 2, *, stride: int | Pair | None = None, padding: int | Pair = 0) -> None:
        super().__init__()
        rows, columns = as_pair(size, "size", least=1)
        step = (rows, columns) if stride is None else as_pair(stride, "stride", least=1)
        down, across = as_pair(padding, "padding", least=0)
        if 2 * down > rows or 2 * across > columns:
            raise ValueError(f"padding: expected at most half of the size {as_simple((rows, columns))}, got {padding}")
        self.size, self.padding = as_simple((rows, columns)), as_simple((down, across))
        self.stride = None if stride is None else as_simple(step)
        self.window = Window((rows, columns), step, ((down, down), (across, across)))
        is_block = rows == columns and step == (rows, columns) and not down and not across
        self.blocks = rows if is_block else None  # side of square blocks, which have faster code

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Return the shape of the output for inputs (H, W, C)."""
        expect_shape(self, input_shape, 3, "(H, W, C)")
        return self.out_shape(input_shape)

    def out_shape(self, shape: Size) -> Size:
        """Return (h, w, C) of the output for an input of (H, W, C)."""
        if self.blocks is not None:
            return pooled_shape(shape, self.blocks, type(self).__name__)
        return (*self.window.out_size(shape[0], shape[1], f"{type(self).__name__}: a window"), shape[2])

    def __repr__(self) -> str:
        shown = {"size": self.size, "stride": self.stride, "padding": self.padding or None}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items() if value is not None)})"

    @property
    def _places(self) -> tuple[int, int, int, int]:
        """Pixels from one window to the next, down and across, and those of the first one before the image."""
        (top, _), (left, _) = self.window.sides
        return (*self.window.stride, top, left)


class MaxPool(_Pool):
    """Max pooling: the largest value of each window, from (N, H, W, C) to (N, h, w, C).

    By default windows are blocks side by side, so ``h = H // size``. In general ``h = (H + 2 * padding - size) // stride + 1``,
    and w alike. Rows and columns that do not fill a window are dropped.

    Parameters
    ----------
    size : int or (int, int), default 2
        Side of a window, or its rows and columns; at most 255 pixels.
    stride : int or (int, int), default None
        Pixels from one window to the next, or those down and across; None for `size`. Windows overlap if it is smaller.
    padding : int or (int, int), default 0
        Rows and columns by which windows extend beyond each side of the image, at most half of `size`. Only pixels of the image
        count.

    Raises
    ------
    TypeError, ValueError
        If an option is no integer or pair, or out of its range.

    Examples
    --------
    >>> MaxPool(2).forward(np.arange(4.0).reshape(1, 2, 2, 1))[0].ravel().tolist()
    [3.0]
    >>> MaxPool(3, stride=2, padding=1).initialize((8, 8, 4), np.random.default_rng(0))
    (4, 4, 4)
    """

    def __init__(self, size: int | Pair = 2, *, stride: int | Pair | None = None, padding: int | Pair = 0) -> None:
        super().__init__(size, stride=stride, padding=padding)
        if self.window.size[0] * self.window.size[1] > _MAX_PIXELS:
            raise ValueError(f"size: expected at most {_MAX_PIXELS} pixels, as in 15 x 15, got {size}")

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop), with y (N, h, w, C)."""
        expect_input(self, x, "C")
        x = np.ascontiguousarray(x)
        y = buffers.empty((len(x), *self.out_shape(x.shape[1:])), x.dtype)
        winner = buffers.empty(y.shape, np.uint8)
        blocks, size, places = self.blocks, self.window.size, self._places
        parts = work_parts(len(x), x.size)

        def forward_part(part: slice) -> None:
            if blocks is not None:
                _MAXIMUM(x[part], blocks, y[part], winner[part])
            else:
                _WINDOW_MAXIMUM(x[part], *size, *places, y[part], winner[part])

        parallel_map(forward_part, parts)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            if not input_gradient:
                return None, {}
            dx, dy = buffers.empty(x.shape, x.dtype), as_gradient(self, dy, y)

            def backward_part(part: slice) -> None:
                if blocks is not None:
                    _MAXIMUM_GRADIENT(dy[part], blocks, winner[part], dx[part])
                else:
                    _WINDOW_MAXIMUM_GRADIENT(dy[part], size[1], *places, winner[part], dx[part])

            parallel_map(backward_part, parts)
            return dx, {}

        return y, backprop


class AvgPool(_Pool):
    """Average pooling: the mean of each window, from (N, H, W, C) to (N, h, w, C).

    By default windows are blocks side by side, so ``h = H // size``. In general ``h = (H + 2 * padding - size) // stride + 1``,
    and w alike. Rows and columns that do not fill a window are dropped.

    Parameters
    ----------
    size : int or (int, int), default 2
        Side of a window, or its rows and columns, at least 1.
    stride : int or (int, int), default None
        Pixels from one window to the next, or those down and across; None for `size`. Windows overlap if it is smaller.
    padding : int or (int, int), default 0
        Rows and columns by which windows extend beyond each side of the image, at most half of `size`. The mean is over pixels
        of the image only (in PyTorch ``count_include_pad=False``).

    Raises
    ------
    TypeError, ValueError
        If an option is no integer or pair, or out of its range.

    Examples
    --------
    >>> AvgPool(2).forward(np.arange(4.0).reshape(1, 2, 2, 1))[0].ravel().tolist()
    [1.5]
    """

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop), with y (N, h, w, C)."""
        expect_input(self, x, "C")
        if self.blocks is not None:
            return self._forward_blocks(x, self.blocks)
        x = np.ascontiguousarray(x)
        y = buffers.empty((len(x), *self.out_shape(x.shape[1:])), x.dtype)
        arguments, parts = (*self.window.size, *self._places), work_parts(len(x), x.size)
        parallel_map(lambda part: _WINDOW_MEAN(x[part], *arguments, y[part]), parts)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            if not input_gradient:
                return None, {}
            dx, dy = buffers.empty(x.shape, x.dtype), as_gradient(self, dy, y)
            parallel_map(lambda part: _WINDOW_MEAN_GRADIENT(dy[part], *arguments, dx[part]), parts)
            return dx, {}

        return y, backprop

    def _forward_blocks(self, x: Floats, s: int) -> tuple[Floats, Backprop]:
        """Return what `forward` does for blocks of s x s side by side."""
        h, w, C = self.out_shape(x.shape[1:])
        pixels = [np.s_[:, a : h * s : s, b : w * s : s] for a in range(s) for b in range(s)]
        share = x.dtype.type(1 / s**2)
        y, parts = np.zeros((len(x), h, w, C), x.dtype), work_parts(len(x), x.size)

        def forward_part(part: slice) -> None:
            source, target = x[part], y[part]
            for pixel in pixels:
                target += source[pixel]
            target *= share

        parallel_map(forward_part, parts)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            if not input_gradient:
                return None, {}
            dx, dy = np.zeros_like(x), as_gradient(self, dy, y)

            def backward_part(part: slice) -> None:
                target, slopes = dx[part], dy[part] * share
                for pixel in pixels:
                    target[pixel] = slopes

            parallel_map(backward_part, parts)
            return dx, {}

        return y, backprop
