"""The convolution of samples that lie side by side in the lanes of vectors: see `lanes`."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.nn import memory, patches
from stn_numba.nn.lanes import constant, cropped, lane_count, padded
from stn_numba.nn.layer import Arrays, Floats, Size
from stn_numba.nn.pooling import MaxPool

if TYPE_CHECKING:
    from stn_numba.nn.conv2d import Conv2d

__all__ = ["BlockBackprop", "Convolution", "Packed", "through"]

BlockBackprop = Callable[[Floats, bool], tuple[Floats | None, Arrays]]


class Packed:
    """A convolution's weights in the order in which kernels read them; made anew for each batch, for all its parts.

    Attributes
    ----------
    tiles
        (tiles, taps, filters of a tile), for the way forward.
    patches
        For the way back by `stn_numba.nn.patches`, which fills it when it is first needed.
    """

    __slots__ = ("patches", "tiles")

    def __init__(self, tiles: Floats) -> None:
        self.tiles = tiles
        self.patches: tuple[Floats, tuple[int, ...], tuple[int, ...]] | None = None


class Convolution:
    """A `Conv2d` on blocks, with the 2 x 2 maximum and the rectifier that follow it done while sums are in registers.

    Parameters
    ----------
    layer
        The layer; its parameters must be without gaps.
    shape
        (H, W, C) of its input, which must fit: kernels look no more.
    pool, rectify
        Whether a maximum follows, and a rectifier besides.
    """

    def __init__(self, layer: Conv2d, shape: Size, pool: bool = False, rectify: bool = False) -> None:
        self.in_shape, self.pool, self.rectify = shape, pool, rectify
        self.size, self.stride, self.padding, self.filters = layer.size, layer.stride, layer.padding, layer.filters
        self.weight, self.bias = layer.params["weight"], layer.params["bias"]
        channels = self.weight.shape[2]
        if len(shape) != 3 or shape[2] != channels:
            raise ValueError(f"Conv2d: expected floats (N, H, W, {channels}), got (N, {', '.join(map(str, shape))})")
        self.whole = layer.out_shape(shape)  # before pooling
        self.out_shape = MaxPool(2).out_shape(self.whole) if pool else self.whole
        self.products = self.whole[0] * self.whole[1] * self.weight.size
        self.run = self.size * channels  # taps of one row of the patch
        self.lanes = constant(lane_count(self.weight.dtype))
        self.tile = _best_tile(4, self.filters, 4) if pool else _best_tile(self.whole[1], self.filters)  # pixels, filters
        self.starts = _starts(self.filters, self.tile[1])

    @property
    def chains(self) -> bool:
        """Whether it can be one of several that are done in one call: `through`."""
        return self.pool and not self.padding

    def pack(self) -> Packed:
        """Return the weights as they are now."""
        from stn_numba.nn.kernels import convolution

        flat = self.weight.reshape(-1, self.filters)
        tiles = np.empty((len(self.starts), len(flat), self.tile[1]), flat.dtype)
        convolution.pack(flat, self.starts, tiles)
        return Packed(tiles)

    def forward(self, x: Floats, weights: Packed) -> tuple[Floats, BlockBackprop]:
        """Return the blocks' outputs and the way back."""
        from stn_numba.nn.kernels import convolution

        x = padded(x, self.padding)
        y = memory.empty((len(x), *self.out_shape, x.shape[-1]), x.dtype)
        if self.pool:
            winner = memory.empty(y.shape, np.uint8)
            *given, filters, rectify = self.pooled_options(weights, y, winner)
            convolution.forward_pool(x, *given, self.lanes, filters, rectify)
            return y, functools.partial(self.pooled_back, weights, x, winner)
        options = weights.tiles, self.starts, self.size, self.stride, self.bias
        convolution.forward(x, *options, y, self.lanes, *map(constant, self.tile))
        return y, lambda dy, wanted: self._backward(x, dy, wanted, self._lane_bias(dy))

    def pooled_options(self, weights: Packed, y: Floats, winner: NDArray[np.uint8]) -> tuple[Any, ...]:
        """Return what `forward_pool` takes besides padded blocks, for an output still to be filled."""
        kinds = constant(self.tile[1]), constant(2 if self.rectify else 1)
        return weights.tiles, self.starts, self.size, self.stride, self.bias, y, winner, *kinds

    def pooled_back(
        self, weights: Packed, x: Floats, winner: NDArray[np.uint8], dy: Floats, wanted: bool
    ) -> tuple[Floats | None, Arrays]:
        """Carry a gradient back to padded blocks x."""
        if patches.pays(self):
            return patches.backward(self, weights, x, dy, winner, wanted)
        return self._pooled_backward(x, dy, winner, wanted)

    def _lane_bias(self, d: Floats) -> Floats:
        from stn_numba.nn.kernels import convolution

        out = np.zeros(d.shape[3:], d.dtype)
        convolution.bias_gradient(d, out)
        return out

    def _pooled_backward(self, x: Floats, dy: Floats, winner: NDArray[np.uint8], wanted: bool) -> tuple[Floats | None, Arrays]:
        from stn_numba.nn.kernels import convolution

        F, count = self.filters, x.shape[-1]
        d = memory.empty((len(x), *self.whole, count), x.dtype)
        d_bias = np.zeros((F, count), x.dtype)
        chunks = _chunks(F)
        if F % len(chunks):
            convolution.unpool(dy, winner, d, d_bias)
            return self._backward(x, d, wanted, d_bias)
        dx = memory.empty(x.shape if wanted else (1,) * 5, x.dtype)
        d_weight = np.empty(self.weight.shape, x.dtype)
        tile = (self.lanes, *map(constant, _best_tile(self.run, F)), constant(F // len(chunks)))
        arrays = (d, d_bias, d_weight.reshape(self.size, self.run, F), dx)
        flat = self.weight.reshape(-1, F)
        convolution.pooled_gradient(x, dy, winner, self.size, self.stride, flat, *arrays, wanted, *tile)
        gradients = {"weight": d_weight, "bias": d_bias.sum(axis=1)}
        return cropped(dx, self.padding) if wanted else None, gradients

    def _backward(self, x: Floats, d: Floats, wanted: bool, d_bias: Floats) -> tuple[Floats | None, Arrays]:
        from stn_numba.nn.kernels import convolution

        F, sizes = self.filters, (self.size, self.stride)
        d_weight = np.empty(self.weight.shape, d.dtype)
        taps, filters = _best_tile(self.run, F)
        out = d_weight.reshape(self.size, self.run, F)
        convolution.weight_gradient(x, d, *sizes, out, self.lanes, constant(taps), constant(filters))
        gradients = {"weight": d_weight, "bias": d_bias.sum(axis=1)}
        if not wanted:
            return None, gradients
        dx = memory.empty(x.shape, d.dtype)
        dx.fill(0)
        flat = self.weight.reshape(-1, F)
        for part in _chunks(F):
            convolution.input_gradient(d, flat, *sizes, part.start, dx, self.lanes, constant(part.stop - part.start))
        return cropped(dx, self.padding), gradients


def through(x: Floats, steps: Sequence[Convolution], weights: Sequence[Packed], y: Floats) -> list[BlockBackprop]:
    """Pass samples x (N, H, W, C) through convolutions that chain, to y (N, h, w, F), in one call; return the ways back."""
    from stn_numba.nn.kernels import convolution

    count = lane_count(x.dtype)
    blocks = -(-len(x) // count)
    shapes = [(blocks, *shape, count) for shape in (steps[0].in_shape, *[step.out_shape for step in steps])]
    data, winners = memory.several(shapes, x.dtype), memory.several(shapes[1:], np.uint8)
    places = list(zip(steps, weights, data[:-1], data[1:], winners, strict=True))
    options = tuple([step.pooled_options(own, out, winner) for step, own, _, out, winner in places])
    convolution.forward_chain(x.reshape(len(x), -1), data[0], options, steps[0].lanes, y.reshape(len(y), -1))
    return [functools.partial(step.pooled_back, own, source, winner) for step, own, source, _, winner in places]


@functools.cache
def _best_tile(length: int, filters: int, only: int | None = None) -> tuple[int, int]:
    """Pixels or taps, and filters, of the tile that covers (length, filters) with the least work; leftovers are done twice."""
    from stn_numba.nn.kernels import machine

    def cost(tile: tuple[int, int]) -> float:
        p, f = tile
        tiles = -(-length // p) * -(-filters // f)
        return tiles * (max(p * f, 4) + 0.5 * (p + f))  # sums, at least as many as one waits for; and loads

    sums = machine.vectors() - 7
    choices = [
        (p, f)
        for p in ([only] if only else range(1, min(length, 8) + 1))
        for f in range(1, min(filters, 8) + 1)
        if p * f <= sums and p * f + min(p, f) < machine.vectors()
    ]
    return min(choices, key=cost)


@functools.cache
def _starts(F: int, filters: int) -> NDArray[np.int64]:
    """First filters of the tiles that cover F filters; leftovers are done twice."""
    return np.minimum(np.arange(0, F, filters), F - filters)


def _chunks(filters: int) -> list[slice]:
    """Parts of the filters that fit in registers."""
    from stn_numba.nn.kernels import machine

    pieces = math.ceil(filters / (machine.vectors() // 2))
    edges = [k * filters // pieces for k in range(pieces + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]
