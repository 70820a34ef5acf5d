"""Samples side by side in the lanes of vectors: arrays (blocks, H, W, C, lanes), and the convolution of such blocks."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.nn import memory
from stn_numba.nn.layer import Arrays, Floats

if TYPE_CHECKING:
    from stn_numba.nn.conv2d import Conv2d

__all__ = ["BlockBackprop", "Convolution", "cropped", "gather", "lanes", "length", "scatter", "through"]

BlockBackprop = Callable[[Floats, bool], tuple[Floats | None, Arrays]]


@functools.cache
def lanes(dtype: np.dtype[Any]) -> int:
    """How many numbers of a dtype one vector of this CPU holds."""
    from stn_numba.nn.kernels import machine

    return machine.VECTOR_BYTES // dtype.itemsize


def gather(x: Floats) -> Floats:
    """Lay samples (N, ...) side by side: (blocks, ..., lanes)."""
    from stn_numba.nn.kernels import convolution

    count = lanes(x.dtype)
    blocks = memory.empty((-(-len(x) // count), *x.shape[1:], count), x.dtype)
    convolution.gather(x.reshape(len(x), -1), blocks.reshape(len(blocks), -1, count))
    return blocks


def through(x: Floats, steps: Sequence[Convolution], y: Floats) -> list[BlockBackprop]:
    """Pass samples x (N, H, W, C) through convolutions that chain, to y (N, h, w, F), in one call; return the ways back."""
    from stn_numba.nn.kernels import convolution

    count = lanes(x.dtype)
    sizes = itertools.accumulate(steps, lambda shape, step: step.out_shape(shape), initial=x.shape[1:])
    shapes = [(-(-len(x) // count), *size, count) for size in sizes]
    data, winners = memory.several(shapes, x.dtype), memory.several(shapes[1:], np.uint8)
    places = list(zip(steps, data[:-1], data[1:], winners, strict=True))
    options = tuple([step.pooled_options(out, winner) for step, _, out, winner in places])
    convolution.forward_chain(x.reshape(len(x), -1), data[0], options, steps[0].lanes, y.reshape(len(y), -1))
    return [functools.partial(step.pooled_back, source, out, winner) for step, source, out, winner in places]


def scatter(blocks: Floats, x: Floats) -> None:
    """Give samples back from (blocks, ..., lanes) to x (N, ...)."""
    from stn_numba.nn.kernels import convolution

    convolution.scatter(blocks.reshape(len(blocks), -1, blocks.shape[-1]), x.reshape(len(x), -1))


class Convolution:
    """A `Conv2d` on blocks, with the 2 x 2 maximum and the rectifier that follow it done while sums are in registers."""

    def __init__(self, layer: Conv2d, pool: bool = False, rectify: bool = False) -> None:
        self.layer, self.pool, self.rectify = layer, pool, rectify
        weight, self.bias = layer.params["weight"], layer.params["bias"]
        self.weight = np.ascontiguousarray(weight)
        self.run = weight.shape[0] * weight.shape[2]  # taps of one row of the patch
        self.lanes = length(lanes(weight.dtype))
        self._order: tuple[Floats, NDArray[np.int64]] | None = None
        self.patches: tuple[Floats, tuple[int, ...], tuple[int, ...]] | None = None  # kept by `stn_numba.nn.patches`

    def forward(self, x: Floats) -> tuple[Floats, BlockBackprop]:
        """Return the blocks' outputs and the way back."""
        from stn_numba.nn.kernels import convolution

        layer = self.layer
        y = memory.empty((len(x), *self.out_shape(x.shape[1:-1]), x.shape[-1]), x.dtype)
        padded = _padded(x, layer.padding)
        if self.pool:
            winner = memory.empty(y.shape, np.uint8)
            *options, filters, rectify = self.pooled_options(y, winner)
            convolution.forward_pool(padded, *options, self.lanes, filters, rectify)
            return y, functools.partial(self.pooled_back, padded, y, winner)
        pixels, filters = _best_tile(y.shape[2], layer.filters)
        shape = (layer.size, layer.stride, self.bias)
        convolution.forward(padded, *self._packed(filters), *shape, y, self.lanes, length(pixels), length(filters))
        return y, lambda dy, wanted: self._backward(padded, self._expected(dy, y.shape), wanted, self._lane_bias(dy))

    def _expected(self, dy: Floats, shape: tuple[int, ...]) -> Floats:
        """Return a gradient by blocks if it has the shape of the output."""
        if dy.shape != shape:
            sizes = [f"(N, {', '.join(map(str, each[1:-1]))})" for each in (shape, dy.shape)]
            raise ValueError(f"Conv2d: dy: expected {sizes[0]} for as many samples as x has, got {sizes[1]}")
        return dy

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape (h, w, F) of the output for an input (H, W, C), which must fit: kernels look no more."""
        channels = self.weight.shape[2]
        if len(shape) != 3 or shape[2] != channels:
            raise ValueError(f"Conv2d: expected floats (N, H, W, {channels}), got (N, {', '.join(map(str, shape))})")
        h, w, F = self.layer.out_shape(shape)
        return (h // 2, w // 2, F) if self.pool else (h, w, F)

    def products(self, shape: tuple[int, ...]) -> int:
        """Return how many products a sample (H, W, C) takes."""
        return math.prod(self.layer.out_shape(shape)[:2]) * self.weight.size

    @property
    def chains(self) -> bool:
        """Whether it can be one of several that are done in one call: `through`."""
        return self.pool and not self.layer.padding

    def pooled_options(self, y: Floats, winner: NDArray[np.uint8]) -> tuple[Any, ...]:
        """Return what `forward_pool` takes besides padded blocks, for an output still to be filled."""
        _, filters = _best_tile(4, self.layer.filters, 4)
        rectify = length(2 if self.rectify else 1)
        return (*self._packed(filters), self.layer.size, self.layer.stride, self.bias, y, winner, length(filters), rectify)

    def pooled_back(
        self, x: Floats, y: Floats, winner: NDArray[np.uint8], dy: Floats, wanted: bool
    ) -> tuple[Floats | None, Arrays]:
        """Carry a gradient back from the output `y` of padded blocks x."""
        from stn_numba.nn import patches

        dy = self._expected(dy, y.shape)
        if patches.pays(self):
            return patches.backward(self, x, dy, winner, wanted)
        return self._pooled_backward(x, dy, winner, wanted)

    def _packed(self, filters: int) -> tuple[Floats, NDArray[np.int64]]:
        """Weights (tiles, taps, filters) in the order in which tiles read them, and the tiles' first filters.

        Once for all parts of a batch.
        """
        from stn_numba.nn.kernels import convolution

        if self._order is None:
            flat = self.weight.reshape(-1, self.layer.filters)
            starts = _starts(flat.shape[1], filters)
            packed = np.empty((len(starts), len(flat), filters), flat.dtype)
            convolution.pack(flat, starts, packed)
            self._order = packed, starts
        return self._order

    def _lane_bias(self, d: Floats) -> Floats:
        from stn_numba.nn.kernels import convolution

        out = np.zeros(d.shape[3:], d.dtype)
        convolution.bias_gradient(d, out)
        return out

    def _pooled_backward(
        self, padded: Floats, dy: Floats, winner: NDArray[np.uint8], wanted: bool
    ) -> tuple[Floats | None, Arrays]:
        from stn_numba.nn.kernels import convolution

        layer, F, count = self.layer, self.layer.filters, padded.shape[-1]
        d = memory.empty((len(padded), *layer.out_size(*padded.shape[1:3]), F, count), padded.dtype)
        d_bias = np.zeros((F, count), padded.dtype)
        chunks = _chunks(F)
        if F % len(chunks):
            convolution.unpool(dy, winner, d, d_bias)
            return self._backward(padded, d, wanted, d_bias)
        dx = memory.empty(padded.shape if wanted else (1,) * 5, padded.dtype)
        d_weight = np.empty(self.weight.shape, padded.dtype)
        tile = (self.lanes, *map(length, _best_tile(self.run, F)), length(F // len(chunks)))
        arrays = (d, d_bias, d_weight.reshape(layer.size, self.run, F), dx)
        flat = self.weight.reshape(-1, F)
        convolution.pooled_gradient(padded, dy, winner, layer.size, layer.stride, flat, *arrays, wanted, *tile)
        gradients = {"weight": d_weight, "bias": d_bias.sum(axis=1)}
        return cropped(dx, layer.padding) if wanted else None, gradients

    def _backward(self, padded: Floats, d: Floats, wanted: bool, d_bias: Floats) -> tuple[Floats | None, Arrays]:
        from stn_numba.nn.kernels import convolution

        layer, F = self.layer, self.layer.filters
        d_weight = np.empty(self.weight.shape, d.dtype)
        taps, filters = _best_tile(self.run, F)
        out = d_weight.reshape(layer.size, self.run, F)
        sizes = (layer.size, layer.stride)
        convolution.weight_gradient(padded, d, *sizes, out, self.lanes, length(taps), length(filters))
        gradients = {"weight": d_weight, "bias": d_bias.sum(axis=1)}
        if not wanted:
            return None, gradients
        dx = memory.empty(padded.shape, d.dtype)
        dx.fill(0)
        flat = self.weight.reshape(-1, F)
        for part in _chunks(F):
            convolution.input_gradient(d, flat, *sizes, part.start, dx, self.lanes, length(part.stop - part.start))
        return cropped(dx, layer.padding), gradients


def length(count: int) -> tuple[int, ...]:
    """A number that kernels know when they are compiled."""
    return (0,) * count


def _padded(x: Floats, p: int) -> Floats:
    if not p:
        return x
    blocks, H, W, C, count = x.shape
    padded = memory.empty((blocks, H + 2 * p, W + 2 * p, C, count), x.dtype)
    padded.fill(0)
    padded[:, p : p + H, p : p + W] = x
    return padded


def cropped(dx: Floats, p: int) -> Floats:
    """Leave the padding out."""
    return np.ascontiguousarray(dx[:, p : dx.shape[1] - p, p : dx.shape[2] - p]) if p else dx


@functools.cache
def _best_tile(length: int, filters: int, only: int | None = None) -> tuple[int, int]:
    """Pixels or taps, and filters, of the tile that covers (length, filters) with the least work; leftovers are done twice."""
    from stn_numba.nn.kernels import machine

    def cost(tile: tuple[int, int]) -> float:
        p, f = tile
        tiles = -(-length // p) * -(-filters // f)
        return tiles * (max(p * f, 4) + 0.5 * (p + f))  # sums, at least as many as one waits for; and loads

    sums = machine.VECTORS - 7
    choices = [
        (p, f)
        for p in ([only] if only else range(1, min(length, 8) + 1))
        for f in range(1, min(filters, 8) + 1)
        if p * f <= sums and p * f + min(p, f) < machine.VECTORS
    ]
    return min(choices, key=cost)


@functools.cache
def _starts(F: int, filters: int) -> NDArray[np.int64]:
    """First filters of the tiles that cover F filters; leftovers are done twice."""
    return np.minimum(np.arange(0, F, filters), F - filters)


def _chunks(filters: int) -> list[slice]:
    """Parts of the filters that fit in registers."""
    from stn_numba.nn.kernels import machine

    pieces = math.ceil(filters / (machine.VECTORS // 2))
    edges = [k * filters // pieces for k in range(pieces + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


def arrays_of(blocks: Floats) -> Any:
    """Blocks (blocks, H, W, C, lanes) as a batch of maps (blocks, H, W, C * lanes), for layers that mix no channels."""
    return blocks.reshape(*blocks.shape[:3], -1)
