"""Pooling of volumes over blocks that do not overlap, one axis after the other."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike, NDArray

from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size, as_gradient
from stn_numba.nn.layers.base import Layer, expect_shape
from stn_numba.nn.layers.volumes.options import Triple, as_simple, as_triple, expect_volumes

__all__ = ["AvgPool3d", "MaxPool3d"]

_MAX_SIDE = 255  # the place of a maximum is kept in one byte


class _Pool3d(Layer):
    """Maps (N, D, H, W, C) to (N, d, h, w, C)."""

    fixed_options = ("size",)

    def __init__(self, size: int | Triple = 2) -> None:
        super().__init__()
        self._sides = as_triple(size, "size", least=1)
        if max(self._sides) > _MAX_SIDE:
            raise ValueError(f"size: expected sides of at most {_MAX_SIDE} voxels, got {size}")
        self.size = as_simple(self._sides)

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Return the shape of the output for inputs (D, H, W, C)."""
        expect_shape(self, input_shape, 4, "(D, H, W, C)")
        return self.out_shape(input_shape)

    def out_shape(self, shape: Size) -> Size:
        """Return (d, h, w, C) of the output for an input of (D, H, W, C)."""
        if any(length < side for length, side in zip(shape[:3], self._sides, strict=True)):
            raise ValueError(f"{type(self).__name__}: a block of {self.size} does not fit an input {tuple(shape)}")
        return (*(length // side for length, side in zip(shape[:3], self._sides, strict=True)), shape[3])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.size})"

    def _blocks(self, x: Floats) -> Floats:
        """Return the voxels that fill blocks, as a view (N, d, size, h, size, w, size, C)."""
        expect_volumes(self, x)
        d, h, w, C = self.out_shape(x.shape[1:])
        planes, rows, columns = self._sides
        whole = x[:, : d * planes, : h * rows, : w * columns]
        return whole.reshape(len(x), d, planes, h, rows, w, columns, C)  # splits axes, which copies nothing


class MaxPool3d(_Pool3d):
    """Max pooling of volumes: the largest value of each block, from (N, D, H, W, C) to (N, d, h, w, C).

    Blocks lie side by side, so ``d = D // size``, h and w alike. Voxels that do not fill a block are dropped. The first of
    several equal values gets the gradient.

    Parameters
    ----------
    size : int or (int, int, int), default 2
        Side of a block, or its planes, rows and columns, at most 255.

    Raises
    ------
    TypeError, ValueError
        If the size is no integer or triple, or out of its range.

    Notes
    -----
    A plain layer of NumPy calls, on the thread that calls it. It costs about as much as three passes over the input.

    Examples
    --------
    >>> MaxPool3d(2).forward(np.arange(8.0).reshape(1, 2, 2, 2, 1))[0].ravel().tolist()
    [7.0]
    """

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop), with y (N, d, h, w, C)."""
        y, winners = self._blocks(x), []
        for axis in (6, 4, 2):  # columns first, so that the first maximum in memory's order wins
            y, winner = _largest(y, axis)
            winners.append(winner)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            if not input_gradient:
                return None, {}
            d = as_gradient(self, dy, y)
            planes, rows, _ = self._sides
            d = _at_winners(d, winners[2], _unfilled(winners[2], planes, 2, d), 2)
            d = _at_winners(d, winners[1], _unfilled(winners[1], rows, 4, d), 4)
            dx = np.zeros(x.shape, d.dtype)
            _at_winners(d, winners[0], self._blocks(dx), 6)
            return dx, {}

        return y, backprop


def _largest(x: Floats, axis: int) -> tuple[Floats, NDArray[np.uint8]]:
    """Return the largest values along an axis, and their places."""
    pieces = np.moveaxis(x, axis, 0)
    largest, winner = pieces[0].copy(), np.zeros(pieces.shape[1:], np.uint8)
    for place, piece in enumerate(pieces[1:], 1):
        winner[piece > largest] = place
        np.maximum(largest, piece, out=largest)
    return largest, winner


def _unfilled(winner: NDArray[np.uint8], side: int, axis: int, d: Floats) -> Floats:
    """Return an array, of the dtype of `d`, with an axis more than `winner`."""
    return np.empty((*winner.shape[:axis], side, *winner.shape[axis:]), d.dtype)


def _at_winners(d: Floats, winner: NDArray[np.uint8], target: Floats, axis: int) -> Floats:
    """Write gradients by the largest values to their places along an axis of `target`, and zeros elsewhere."""
    for place, piece in enumerate(np.moveaxis(target, axis, 0)):
        np.multiply(d, winner == place, out=piece)
    return target


class AvgPool3d(_Pool3d):
    """Average pooling of volumes: the mean of each block, from (N, D, H, W, C) to (N, d, h, w, C).

    Blocks lie side by side, so ``d = D // size``, h and w alike. Voxels that do not fill a block are dropped.

    Parameters
    ----------
    size : int or (int, int, int), default 2
        Side of a block, or its planes, rows and columns, at most 255.

    Raises
    ------
    TypeError, ValueError
        If the size is no integer or triple, or out of its range.

    Notes
    -----
    A plain layer of NumPy calls, on the thread that calls it. It costs little more than one pass over the input.

    Examples
    --------
    >>> AvgPool3d(2).forward(np.arange(8.0).reshape(1, 2, 2, 2, 1))[0].ravel().tolist()
    [3.5]
    """

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop), with y (N, d, h, w, C)."""
        y = self._blocks(x)
        for axis in (2, 3, 4):  # planes first: their sum reads memory in order
            pieces = np.moveaxis(y, axis, 0)
            y = pieces[0].copy()
            for piece in pieces[1:]:
                y += piece
        share = x.dtype.type(1 / math.prod(self._sides))
        y *= share

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            if not input_gradient:
                return None, {}
            dx, slopes = np.zeros_like(x), as_gradient(self, dy, y) * share
            self._blocks(dx)[...] = slopes[:, :, None, :, None, :, None]
            return dx, {}

        return y, backprop
