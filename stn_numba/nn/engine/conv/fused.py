"""Convolutions, pooling and ReLUs fused: a few samples at a time pass through all of them while they are in the cache.

Threads take parts of the batch. The parts do not depend on the number of threads, and their gradients are added in order, so
results do not depend on it either, to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from stn_numba.nn.arrays import Arrays, Backprop, Differentiable, Floats, Size, as_gradient
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.address_kernels import lane_count
from stn_numba.nn.engine.conv.block_layout import gather, scatter, with_lanes_as_channels
from stn_numba.nn.engine.conv.blocked import BlockBackprop, BlockedConvolution, PackedWeights, forward_chained
from stn_numba.nn.engine.thread_pool import chunks, parallel_map, summed

__all__ = ["ChannelwiseOp", "FusedConvolutions", "NamedOp", "fills_lanes"]

_WORTH_A_THREAD = 1 << 24  # products, some 300 microseconds; to wake a thread takes 100
_BLOCKS = 2  # in a part: more would divide small batches less evenly, fewer cost more calls and sums over lanes


class ChannelwiseOp:
    """A layer that mixes neither samples nor channels, for blocks; its output has `out_shape` (h, w, C)."""

    def __init__(self, layer: Differentiable, out_shape: Size) -> None:
        self.layer, self.out_shape = layer, out_shape

    def forward(self, x: Floats) -> tuple[Floats, BlockBackprop]:
        """Return the blocks' outputs and their backward."""
        y, layer_backprop = self.layer.forward(with_lanes_as_channels(x))

        def backprop(dy: Floats, input_gradient: bool) -> tuple[Floats | None, Arrays]:
            dx, _ = layer_backprop(with_lanes_as_channels(dy), input_gradient=input_gradient)
            return None if dx is None else dx.reshape(x.shape), {}

        return y.reshape(*y.shape[:3], *x.shape[3:]), backprop


NamedOp = tuple[str, BlockedConvolution | ChannelwiseOp]


def fills_lanes(shape: Size, dtype: DTypeLike) -> bool:
    """Whether a batch (N, H, W, C) has samples for at least half of a vector's lanes."""
    return len(shape) == 4 and 2 * shape[0] >= lane_count(np.dtype(dtype))


class FusedConvolutions:
    """Consecutive operations, at least one a convolution, for batches of one shape (N, H, W, C) and dtype that `fills_lanes`.

    Gradients are named after the operations; errors name the `last` layer.
    """

    def __init__(self, ops: Sequence[NamedOp], last: object, shape: Size, dtype: DTypeLike) -> None:
        self.ops, self.last = ops, last
        self.convolutions = [op for _, op in self.ops if isinstance(op, BlockedConvolution)]
        self.chained = len(self.convolutions) == len(self.ops) and all(op.can_chain for op in self.convolutions)
        self.out_shape = (shape[0], *self.ops[-1][1].out_shape)
        self.parts = chunks(shape[0], _BLOCKS * lane_count(np.dtype(dtype)))
        self.max_threads = max(1, shape[0] * sum(op.products for op in self.convolutions) // _WORTH_A_THREAD)

    def forward(self, x: Floats, _: np.random.Generator | None = None, /) -> tuple[Floats, Backprop]:
        """Return the output (N, h, w, C) and its backward."""
        x = np.ascontiguousarray(x)
        y = buffers.empty(self.out_shape, x.dtype)
        packed = [op.pack() for op in self.convolutions]

        def forward_part(part: slice) -> list[BlockBackprop]:
            return self._forward(x[part], packed, y[part])

        backprops = parallel_map(forward_part, self.parts, max_threads=self.max_threads)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            dy = as_gradient(self.last, dy, y)
            dx = buffers.empty(x.shape, x.dtype) if input_gradient else None
            for op, weights in zip(self.convolutions, packed, strict=True):
                op.pack_for_backward(weights)

            def backward_part(number: int) -> Arrays:
                part = self.parts[number]
                return self._backward(backprops[number], dy[part], None if dx is None else dx[part])

            return dx, summed(parallel_map(backward_part, range(len(self.parts)), max_threads=2 * self.max_threads))

        return y, backprop

    def _forward(self, x: Floats, packed: Sequence[PackedWeights], y: Floats) -> list[BlockBackprop]:
        """Pass a part of a batch through all operations, to y; return the backward of each."""
        if self.chained:
            return forward_chained(x, self.convolutions, packed, y)
        data, backprops, weights = gather(x), [], iter(packed)
        for _, op in self.ops:
            data, backprop = op.forward(data, next(weights)) if isinstance(op, BlockedConvolution) else op.forward(data)
            backprops.append(backprop)
        scatter(data, y)
        return backprops

    def _backward(self, backprops: Sequence[BlockBackprop], dy: Floats, dx: Floats | None) -> Arrays:
        """Pass the gradient of a part back through all operations, to dx if wanted; return the gradients of parameters."""
        first = next(place for place, (_, op) in enumerate(self.ops) if isinstance(op, BlockedConvolution))
        gradients: Arrays = {}
        d: Floats | None = gather(dy)
        for place in reversed(range(len(self.ops))):
            if d is None:
                break
            name = self.ops[place][0]
            d, own = backprops[place](d, dx is not None or place > first)
            gradients.update({f"{name}.{key}" if name else key: array for key, array in own.items()})
        if dx is not None and d is not None:
            scatter(d, dx)
        return gradients
