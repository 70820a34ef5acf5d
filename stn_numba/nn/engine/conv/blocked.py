"""The convolution of samples that lie side by side in the lanes of vectors: see `lanes`."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.nn.arrays import Arrays, Floats, Size
from stn_numba.nn.engine import buffers, kernel_calls
from stn_numba.nn.engine.conv import sparse_backward
from stn_numba.nn.engine.conv.blocks import gather_call, scatter_call
from stn_numba.nn.engine.conv.pad import cropped, padded
from stn_numba.nn.engine.conv.spec import ConvSpec, pooled_shape
from stn_numba.nn.engine.kernel_calls import BlockKernel, Call, lane_count
from stn_numba.nn.kernels import cpu

__all__ = ["BlockBackprop", "Convolution", "Packed", "through"]

BlockBackprop = Callable[[Floats, bool], tuple[Floats | None, Arrays]]

_PACK, _FORWARD, _FORWARD_POOL, _UNPOOL, _WEIGHT_GRADIENT, _BIAS_GRADIENT, _INPUT_GRADIENT = (
    BlockKernel("convolution", name)
    for name in ("pack", "forward", "forward_pool", "unpool", "weight_gradient", "bias_gradient", "input_gradient")
)


class Packed:
    """A convolution's weights in the order in which kernels read them; made anew for each batch, for all its parts.

    Attributes
    ----------
    tiles
        (tiles, taps, filters of a tile), for the way forward.
    words
        What kernels of the way forward take of the weights and biases.
    patches
        For the way back by `stn_numba.nn.engine.conv.sparse_backward`, which fills it when it is first needed.
    """

    __slots__ = ("patches", "tiles", "words")

    def __init__(self, tiles: Floats, words: tuple[int, ...]) -> None:
        self.tiles, self.words = tiles, words
        self.patches: tuple[Floats, int, int] | None = None


class Convolution:
    """A convolution on blocks, with the 2 x 2 maximum and the rectifier that follow it done while sums are in registers.

    Parameters
    ----------
    spec, weight, bias
        The convolution; its parameters must be without gaps.
    shape
        (H, W, C) of its input, which must fit: kernels look no more.
    pool, rectify
        Whether a maximum follows, and a rectifier besides.
    """

    def __init__(
        self, spec: ConvSpec, weight: Floats, bias: Floats, shape: Size, pool: bool = False, rectify: bool = False
    ) -> None:
        self.in_shape, self.pool, self.rectify = shape, pool, rectify
        self.filters, self.size, self.stride, self.padding = spec
        self.weight, self.bias = weight, bias
        channels = self.weight.shape[2]
        if len(shape) != 3 or shape[2] != channels:
            raise ValueError(f"Conv2d: expected floats (N, H, W, {channels}), got (N, {', '.join(map(str, shape))})")
        self.padded_shape = (*(length + 2 * self.padding for length in shape[:2]), channels)
        self.whole = spec.out_shape(shape)  # before pooling
        self.out_shape = pooled_shape(self.whole, 2) if pool else self.whole
        self.products = self.whole[0] * self.whole[1] * self.weight.size
        self.run = self.size * channels  # taps of one row of the patch
        self.dtype, self.lanes, many = self.weight.dtype, lane_count(self.weight.dtype), cpu.vectors()
        pixels, only = (4, 4) if pool else (self.whole[1], None)
        self.tile = _best_tile(many, pixels, self.filters, only)  # pixels, filters
        self.weight_tile = _best_tile(many, self.run, self.filters)  # taps, filters
        self.starts = _starts(self.filters, self.tile[1])

    @property
    def chains(self) -> bool:
        """Whether it can be one of several that are done in one call: `through`."""
        return self.pool and not self.padding

    def pack(self) -> Packed:
        """Return the weights as they are now."""
        taps, count = self.size * self.run, len(self.starts)
        tiles = np.empty((count, taps, self.tile[1]), self.dtype)
        starts = address_of(self.starts)
        _PACK(
            self.dtype, address_of(self.weight), taps, self.filters, starts, address_of(tiles), count, self.tile[1], lanes=False
        )
        words = address_of(tiles), starts, count, self.size, self.stride, address_of(self.bias)
        return Packed(tiles, words)

    def forward(self, x: Floats, weights: Packed) -> tuple[Floats, BlockBackprop]:
        """Return the blocks' outputs and the way back."""
        x = padded(x, self.padding)
        y = buffers.empty((len(x), *self.out_shape, self.lanes), x.dtype)
        if self.pool:
            winner = buffers.empty(y.shape, np.uint8)
            kernel_calls.run([self.pooled_call(weights, x, y, winner)])
            return y, functools.partial(self.pooled_back, weights, x, winner)
        _FORWARD(self.dtype, *self._forward_words(weights, x, y), tile=self.tile)
        return y, functools.partial(self._back, x)

    def pooled_call(self, weights: Packed, x: Floats, y: Floats, winner: NDArray[np.uint8]) -> Call:
        """Return the call that fills an output, and says which pixels won, for padded blocks."""
        words = self._forward_words(weights, x, y)
        return _FORWARD_POOL.call(self.dtype, *words, address_of(winner), tile=(self.tile[1], 1 + self.rectify))

    def _forward_words(self, weights: Packed, x: Floats, y: Floats) -> tuple[int, ...]:
        return len(x), address_of(x), *self.padded_shape, *weights.words, address_of(y), *self.out_shape

    def pooled_back(
        self, weights: Packed, x: Floats, winner: NDArray[np.uint8], dy: Floats, wanted: bool
    ) -> tuple[Floats | None, Arrays]:
        """Carry a gradient back to padded blocks x."""
        if sparse_backward.pays(self):
            return sparse_backward.backward(self, weights, x, dy, winner, wanted)
        d, d_bias = buffers.empty((len(x), *self.whole, self.lanes), x.dtype), self._empty_bias()
        words = len(x), address_of(dy), address_of(winner), *dy.shape[1:4], address_of(d), *self.whole[:2], address_of(d_bias)
        return self._gradients(x, d, d_bias, wanted, _UNPOOL.call(self.dtype, *words))

    def _back(self, x: Floats, dy: Floats, wanted: bool) -> tuple[Floats | None, Arrays]:
        """As `pooled_back`, without a maximum."""
        d_bias, pixels = self._empty_bias(), math.prod(dy.shape[:3])
        words = address_of(dy), pixels, self.filters, address_of(d_bias)
        return self._gradients(x, dy, d_bias, wanted, _BIAS_GRADIENT.call(self.dtype, *words))

    def _empty_bias(self) -> Floats:
        return np.empty((self.filters, self.lanes), self.dtype)

    def _gradients(self, x: Floats, d: Floats, d_bias: Floats, wanted: bool, first: Call) -> tuple[Floats | None, Arrays]:
        """Gradients for one by all pixels, which the first call completes, like that by the biases of each lane."""
        d_weight, of_x = np.empty(self.weight.shape, x.dtype), _of_blocks(x)
        dx = buffers.empty(x.shape, x.dtype) if wanted else None
        of_d, sizes = (address_of(d), *d.shape[1:4]), (self.size, self.stride)
        words = *of_x, *of_d, *sizes, address_of(d_weight)
        todo = [first, _WEIGHT_GRADIENT.call(self.dtype, *words, tile=self.weight_tile)]
        if dx is not None:
            target = address_of(dx), *x.shape[1:4]
            for part in _chunks(self.filters):
                words = len(x), *of_d, address_of(self.weight), *sizes, part.start, *target
                todo.append(_INPUT_GRADIENT.call(self.dtype, *words, tile=(part.stop - part.start,)))
        kernel_calls.run(todo)
        gradients = {"weight": d_weight, "bias": d_bias.sum(axis=1)}
        return None if dx is None else cropped(dx, self.padding), gradients


def through(x: Floats, steps: Sequence[Convolution], weights: Sequence[Packed], y: Floats) -> list[BlockBackprop]:
    """Pass samples x (N, H, W, C) through convolutions that chain, to y (N, h, w, F), in one call; return the ways back."""
    count = lane_count(x.dtype)
    blocks = -(-len(x) // count)
    shapes = [(blocks, *shape, count) for shape in (steps[0].in_shape, *[step.out_shape for step in steps])]
    data, winners = buffers.several(shapes, x.dtype), buffers.several(shapes[1:], np.uint8)
    places = list(zip(steps, weights, data[:-1], data[1:], winners, strict=True))
    todo = [step.pooled_call(own, source, out, winner) for step, own, source, out, winner in places]
    kernel_calls.run([gather_call(x, data[0]), *todo, scatter_call(data[-1], y)])
    return [functools.partial(step.pooled_back, own, source, winner) for step, own, source, _, winner in places]


def _of_blocks(x: Floats) -> tuple[int, ...]:
    """How many there are, where they begin, and their (H, W, C)."""
    return len(x), address_of(x), *x.shape[1:4]


@functools.cache
def _best_tile(many: int, length: int, filters: int, only: int | None = None) -> tuple[int, int]:
    """Pixels or taps, and filters, of the tile that covers (length, filters) with the least work; leftovers are done twice.

    The CPU has registers for so `many` vectors.
    """

    def cost(tile: tuple[int, int]) -> float:
        p, f = tile
        tiles = -(-length // p) * -(-filters // f)
        return tiles * (max(p * f, 4) + 0.5 * (p + f))  # sums, at least as many as one waits for; and loads

    sums = many - 7
    choices = [
        (p, f)
        for p in ([only] if only else range(1, min(length, 8) + 1))
        for f in range(1, min(filters, 8) + 1)
        if p * f <= sums and p * f + min(p, f) < many
    ]
    return min(choices, key=cost)


@functools.cache
def _starts(F: int, filters: int) -> NDArray[np.int64]:
    """First filters of the tiles that cover F filters; leftovers are done twice."""
    return np.minimum(np.arange(0, F, filters), F - filters)


def _chunks(filters: int) -> list[slice]:
    """Parts of the filters that fit in registers."""
    pieces = math.ceil(filters / (cpu.vectors() // 2))
    edges = [k * filters // pieces for k in range(pieces + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]
