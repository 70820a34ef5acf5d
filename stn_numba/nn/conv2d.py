"""Convolution (in the networks' sense: cross-correlation), channels last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from stn_numba.nn.layer import Arrays, Backprop, Floats, Layer, Size, expect_shape, he_normal, positive_int

__all__ = ["Conv2d"]

_COLUMN_BYTES = 4 << 20  # a chunk of columns that stays near the cores


class Conv2d(Layer):
    """Each output pixel is a weighted sum over a size x size patch of the input, plus a bias.

    Patches are laid out as rows of a matrix, a few samples at a time, and multiplied by BLAS; memory does not grow with the
    batch. ``weight`` is (size, size, C, filters).

    Parameters
    ----------
    filters
        Channels of the output.
    size
        Side of the patch.
    stride
        Step between patches.
    padding
        Rows and columns of zeros added on each side.

    Examples
    --------
    >>> layer = Conv2d(4, 3)
    >>> layer.initialise((8, 8, 1), np.random.default_rng(0))
    (6, 6, 4)
    """

    def __init__(self, filters: int, size: int, *, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.filters = positive_int("filters", filters)
        self.size = positive_int("size", size)
        self.stride = positive_int("stride", stride)
        self.padding = positive_int("padding", padding) if padding else 0

    def initialise(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Draw He-normal weights and zero biases."""
        expect_shape(self, input_shape, 3, "(H, W, C)")
        H, W, C = input_shape
        if min(H, W) + 2 * self.padding < self.size:
            raise ValueError(f"Conv2d: a patch of {self.size} does not fit an input {input_shape}")
        shape = (self.size, self.size, C, self.filters)
        self.params = {
            "weight": he_normal(rng, shape, self.size**2 * C, dtype),
            "bias": np.zeros(self.filters, dtype),
        }
        return (*self._out_size(H, W), self.filters)

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (N, h, w, filters) and the way back."""
        p = self.padding
        padded = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0))) if p else np.ascontiguousarray(x)
        weight = self.params["weight"]
        flat = weight.reshape(-1, self.filters)
        y = np.empty((len(x), *self._out_size(*x.shape[1:3]), self.filters), x.dtype)
        for part, columns in self._columns(padded):
            np.matmul(columns, flat, out=y[part].reshape(-1, self.filters))
        y += self.params["bias"]

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            d_flat = np.zeros_like(flat)
            for part, columns in self._columns(padded):
                d_flat += columns.T @ dy[part].reshape(-1, self.filters)
            gradients = {"weight": d_flat.reshape(weight.shape), "bias": dy.sum(axis=(0, 1, 2))}
            return self._input_gradient(padded, flat, dy) if input_gradient else None, gradients

        return y, backprop

    def config(self) -> dict[str, Any]:
        """Return the options."""
        return {"filters": self.filters, "size": self.size, "stride": self.stride, "padding": self.padding}

    def _out_size(self, H: int, W: int) -> tuple[int, int]:
        h, w = ((length + 2 * self.padding - self.size) // self.stride + 1 for length in (H, W))
        return h, w

    def _chunks(self, padded: Floats) -> Iterator[tuple[slice, Floats]]:
        """Slices of the batch, each with a buffer (n, h, w, size, size * C) for its columns."""
        N, H, W, C = padded.shape
        h, w = self._out_size(H - 2 * self.padding, W - 2 * self.padding)
        row = (h, w, self.size, self.size * C)
        count = max(1, min(N, _COLUMN_BYTES // (padded.itemsize * int(np.prod(row)))))
        buffer = np.empty((count, *row), padded.dtype)
        for start in range(0, N, count):
            part = slice(start, min(start + count, N))
            yield part, buffer[: part.stop - start]

    def _columns(self, padded: Floats) -> Iterator[tuple[slice, Floats]]:
        """Slices of the batch with their patches, one a row."""
        from stn_numba.kernels import threads
        from stn_numba.nn.kernels import columns

        for part, buffer in self._chunks(padded):
            form = threads.choose(columns.gather_serial, columns.gather_parallel, len(buffer), None)
            form(padded[part], self.size, self.stride, buffer)
            yield part, buffer.reshape(-1, buffer.shape[3] * buffer.shape[4])

    def _input_gradient(self, padded: Floats, flat: Floats, dy: Floats) -> Floats:
        from stn_numba.kernels import threads
        from stn_numba.nn.kernels import columns

        d_padded = np.zeros_like(padded)
        for part, buffer in self._chunks(padded):
            np.matmul(dy[part].reshape(-1, self.filters), flat.T, out=buffer.reshape(-1, len(flat)))
            form = threads.choose(columns.scatter_serial, columns.scatter_parallel, len(buffer), None)
            form(buffer, self.size, self.stride, d_padded[part])
        p = self.padding
        return d_padded[:, p : padded.shape[1] - p, p : padded.shape[2] - p] if p else d_padded
