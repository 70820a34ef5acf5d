"""Convolution of blocks: samples side by side in the lanes of vectors, see `block_layout`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.nn.arrays import Arrays, Floats, Size
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.address_kernels import AddressKernel, Call, lane_count, run_calls
from stn_numba.nn.engine.conv import sparse_backward
from stn_numba.nn.engine.conv.block_layout import gather_call, scatter_call
from stn_numba.nn.engine.conv.pad import cropped, padded
from stn_numba.nn.engine.conv.sparse_backward import SparseWeights
from stn_numba.nn.engine.conv.spec import ConvSpec, pooled_shape
from stn_numba.nn.engine.thread_pool import split
from stn_numba.nn.kernels import cpu

__all__ = ["BlockBackprop", "BlockedConvolution", "PackedWeights", "forward_chained"]

BlockBackprop = Callable[[Floats, bool], tuple[Floats | None, Arrays]]
"""``backprop(dy, input_gradient) -> (dx, gradients)`` for blocks."""

_PACK, _FORWARD, _FORWARD_POOL, _UNPOOL, _WEIGHT_GRADIENT, _BIAS_GRADIENT, _INPUT_GRADIENT = (
    AddressKernel("convolution", name)
    for name in ("pack", "forward", "forward_pool", "unpool", "weight_gradient", "bias_gradient", "input_gradient")
)


class PackedWeights:
    """The weights as kernels read them, packed once per batch for all its parts."""

    __slots__ = ("arguments", "sparse", "tiles")

    def __init__(self, tiles: Floats, arguments: tuple[int, ...]) -> None:
        self.tiles, self.arguments = tiles, arguments  # (tiles, taps, filters of a tile); what forward kernels are told of them
        self.sparse: SparseWeights | None = None  # packed anew at the start of each backward pass


class BlockedConvolution:
    """A convolution of blocks of maps of `shape` (H, W, C), fused with 2 x 2 max pooling and a ReLU if these follow it.

    Weight and bias must be contiguous.
    """

    def __init__(
        self, spec: ConvSpec, weight: Floats, bias: Floats, shape: Size, pool: bool = False, relu: bool = False
    ) -> None:
        channels = weight.shape[2]
        if len(shape) != 3 or shape[2] != channels:
            raise ValueError(f"Conv2d: expected floats (N, H, W, {channels}), got (N, {', '.join(map(str, shape))})")
        self.spec, self.weight, self.bias = spec, weight, bias
        self.in_shape, self.pool, self.relu = shape, pool, relu
        self.padded_shape = (*(length + 2 * spec.padding for length in shape[:2]), channels)
        self.conv_shape = spec.out_shape(shape)  # before pooling
        self.out_shape = pooled_shape(self.conv_shape, 2) if pool else self.conv_shape
        self.products = self.conv_shape[0] * self.conv_shape[1] * weight.size
        self.dtype, self.lanes, registers = weight.dtype, lane_count(weight.dtype), cpu.vectors()
        pixels, only = (4, 4) if pool else (self.conv_shape[1], None)
        self.tile = _best_tile(registers, pixels, spec.filters, only)  # pixels, filters
        self.weight_tile = _best_tile(registers, spec.kernel_size * channels, spec.filters)  # taps, filters
        self.tile_starts = _tile_starts(spec.filters, self.tile[1])
        self.sparse = pool and sparse_backward.is_faster(weight)

    @property
    def can_chain(self) -> bool:
        """Whether it can be one of several that run in one call, see `forward_chained`."""
        return self.pool and not self.spec.padding

    def pack(self) -> PackedWeights:
        """Pack the current weights for the forward pass."""
        taps, count, width = math.prod(self.weight.shape[:3]), len(self.tile_starts), self.tile[1]
        tiles, filters, starts = np.empty((count, taps, width), self.dtype), self.spec.filters, address_of(self.tile_starts)
        _PACK(self.dtype, address_of(self.weight), taps, filters, starts, address_of(tiles), count, width, lanes=False)
        return PackedWeights(tiles, (address_of(tiles), starts, count, *self.spec[1:3], address_of(self.bias)))

    def pack_for_backward(self, packed: PackedWeights) -> None:
        """Pack the current weights for the backward pass: they may have changed since the last one."""
        packed.sparse = sparse_backward.pack(self.weight) if self.sparse else None

    def forward(self, x: Floats, packed: PackedWeights) -> tuple[Floats, BlockBackprop]:
        """Return the blocks' outputs and their backward."""
        x = padded(x, self.spec.padding)
        y = buffers.empty((len(x), *self.out_shape, self.lanes), x.dtype)
        if self.pool:
            winner = buffers.empty(y.shape, np.uint8)
            run_calls([self.pooled_call(packed, x, y, winner)])
            return y, functools.partial(self.pooled_backward, packed, x, winner)
        _FORWARD(self.dtype, *self._forward_arguments(packed, x, y), tile=self.tile)
        return y, functools.partial(self._backward, x)

    def pooled_call(self, packed: PackedWeights, x: Floats, y: Floats, winner: NDArray[np.uint8]) -> Call:
        """Return the call that computes an output, and which pixel each maximum is from, for padded blocks."""
        arguments = *self._forward_arguments(packed, x, y), address_of(winner)
        return _FORWARD_POOL.call(self.dtype, *arguments, tile=(self.tile[1], 1 + self.relu))

    def _forward_arguments(self, packed: PackedWeights, x: Floats, y: Floats) -> tuple[int, ...]:
        return len(x), address_of(x), *self.padded_shape, *packed.arguments, address_of(y), *self.out_shape

    def pooled_backward(
        self, packed: PackedWeights, x: Floats, winner: NDArray[np.uint8], dy: Floats, input_gradient: bool
    ) -> tuple[Floats | None, Arrays]:
        """Return (dx, gradients) for padded blocks x, through pooling and ReLU."""
        if packed.sparse is not None:
            return sparse_backward.backward(self.spec, packed.sparse, x, dy, winner, input_gradient)
        d = buffers.empty((len(x), *self.conv_shape, self.lanes), x.dtype)
        d_bias = np.empty((self.spec.filters, self.lanes), self.dtype)
        d_arguments = address_of(d), *self.conv_shape[:2], address_of(d_bias)
        unpool = _UNPOOL.call(self.dtype, len(x), address_of(dy), address_of(winner), *dy.shape[1:4], *d_arguments)
        return self._gradients(x, d, d_bias, input_gradient, unpool)

    def _backward(self, x: Floats, dy: Floats, input_gradient: bool) -> tuple[Floats | None, Arrays]:
        """Return (dx, gradients) for padded blocks x, without pooling."""
        d_bias, pixels = np.empty((self.spec.filters, self.lanes), self.dtype), math.prod(dy.shape[:3])
        call = _BIAS_GRADIENT.call(self.dtype, address_of(dy), pixels, self.spec.filters, address_of(d_bias))
        return self._gradients(x, dy, d_bias, input_gradient, call)

    def _gradients(
        self, x: Floats, d: Floats, d_bias: Floats, input_gradient: bool, first: Call
    ) -> tuple[Floats | None, Arrays]:
        """Return (dx, gradients), for d by all pixels; the first call completes d and d_bias (filters, lanes)."""
        d_weight, sizes = np.empty(self.weight.shape, x.dtype), self.spec[1:3]
        x_arguments, d_arguments = (len(x), address_of(x), *x.shape[1:4]), (address_of(d), *d.shape[1:4])
        arguments = *x_arguments, *d_arguments, *sizes, address_of(d_weight)
        calls = [first, _WEIGHT_GRADIENT.call(self.dtype, *arguments, tile=self.weight_tile)]
        dx = buffers.empty(x.shape, x.dtype) if input_gradient else None
        if dx is not None:
            target = address_of(dx), *x.shape[1:4]
            for part in split(self.spec.filters, math.ceil(self.spec.filters / (cpu.vectors() // 2))):  # sums in registers
                arguments = len(x), *d_arguments, address_of(self.weight), *sizes, part.start, *target
                calls.append(_INPUT_GRADIENT.call(self.dtype, *arguments, tile=(part.stop - part.start,)))
        run_calls(calls)
        gradients = {"weight": d_weight, "bias": d_bias.sum(axis=1)}
        return None if dx is None else cropped(dx, self.spec.padding), gradients


def forward_chained(
    x: Floats, convolutions: Sequence[BlockedConvolution], packed: Sequence[PackedWeights], y: Floats
) -> list[BlockBackprop]:
    """Pass samples x (N, H, W, C) through convolutions that `can_chain`, to y (N, h, w, F), in one call; return backprops."""
    lanes = lane_count(x.dtype)
    blocks = -(-len(x) // lanes)
    shapes = [(blocks, *shape, lanes) for shape in (convolutions[0].in_shape, *[each.out_shape for each in convolutions])]
    data, winners = buffers.empty_together(shapes, x.dtype), buffers.empty_together(shapes[1:], np.uint8)
    rows = list(zip(convolutions, packed, data[:-1], data[1:], winners, strict=True))
    calls = [each.pooled_call(weights, source, out, winner) for each, weights, source, out, winner in rows]
    run_calls([gather_call(x, data[0]), *calls, scatter_call(data[-1], y)])
    return [functools.partial(each.pooled_backward, weights, source, winner) for each, weights, source, _, winner in rows]


@functools.cache
def _best_tile(registers: int, length: int, filters: int, only: int | None = None) -> tuple[int, int]:
    """Return the tile (pixels or taps, filters) that covers (length, filters) with the least work; leftovers are done twice."""

    def cost(tile: tuple[int, int]) -> float:
        p, f = tile
        tiles = -(-length // p) * -(-filters // f)
        return tiles * (max(p * f, 4) + 0.5 * (p + f))  # sums, at least as many as their latency hides, and loads

    choices = [
        (p, f)
        for p in ([only] if only else range(1, min(length, 8) + 1))
        for f in range(1, min(filters, 8) + 1)
        if p * f <= registers - 7 and p * f + min(p, f) < registers
    ]
    return min(choices, key=cost)


@functools.cache
def _tile_starts(filters: int, width: int) -> NDArray[np.int64]:
    """Return the first filters of the tiles that cover all filters; leftovers are done twice."""
    return np.minimum(np.arange(0, filters, width), filters - width)
