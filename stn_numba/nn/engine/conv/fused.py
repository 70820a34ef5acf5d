"""Convolutions, pooling and rectifiers, done block by block: a few samples pass through all of them while in cache.

Each thread takes parts of the batch. The parts do not depend on the number of threads, and their gradients are added in
order: so the results do not either, to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike

from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size, as_gradient
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.conv.blocked import BlockBackprop, Convolution, Packed, through
from stn_numba.nn.engine.conv.blocks import arrays_of, gather, scatter
from stn_numba.nn.engine.kernel_calls import lane_count
from stn_numba.nn.engine.thread_pool import each_number, each_part, summed

__all__ = ["ChannelwiseOp", "FusedConvolutions", "Op", "fills_lanes"]

_WORTH_A_THREAD = 1 << 24  # products; some 300 microseconds, and waking a thread takes 100
_BLOCKS = 2  # in a part: with more the threads share small batches less evenly, with fewer calls and sums over lanes cost more


class Forward(Protocol):
    """What passes arrays on, as a layer does."""

    def forward(self, x: Floats, /) -> tuple[Floats, Backprop]:
        """Return the output and its backward."""


class ChannelwiseOp:
    """A layer that mixes neither samples nor channels, on blocks; its output is of `out_shape` (h, w, C)."""

    def __init__(self, layer: Forward, out_shape: Size) -> None:
        self.layer, self.out_shape = layer, out_shape

    def forward(self, x: Floats) -> tuple[Floats, BlockBackprop]:
        """Return the blocks' outputs and their backward."""
        y, backprop_layer = self.layer.forward(arrays_of(x))
        shape = (*y.shape[:3], *x.shape[3:])

        def backprop(dy: Floats, wanted: bool) -> tuple[Floats | None, Arrays]:
            dx, _ = backprop_layer(arrays_of(dy), input_gradient=wanted)
            return None if dx is None else dx.reshape(x.shape), {}

        return y.reshape(shape), backprop


Op = tuple[str, Convolution | ChannelwiseOp]


def fills_lanes(shape: Size, dtype: DTypeLike) -> bool:
    """Whether a batch (N, H, W, C) has samples for at least half of a vector's lanes."""
    return len(shape) == 4 and 2 * shape[0] >= lane_count(np.dtype(dtype))


class FusedConvolutions:
    """Operations that follow each other, a convolution among them, for batches (N, H, W, C) of one shape and dtype.

    Parameters
    ----------
    ops
        (name, operation); gradients are named after them.
    last
        The last layer, which errors name.
    shape, dtype
        Of the batches; they must fill the lanes (`fills_lanes`).
    """

    def __init__(self, ops: Sequence[Op], last: object, shape: Size, dtype: DTypeLike) -> None:
        self.ops, self.last = ops, last
        self.convolutions = [op for _, op in self.ops if isinstance(op, Convolution)]
        self.chained = len(self.convolutions) == len(self.ops) and all(op.chains for op in self.convolutions)
        self.out_shape = (shape[0], *self.ops[-1][1].out_shape)
        width = _BLOCKS * lane_count(np.dtype(dtype))
        self.parts = [slice(start, min(start + width, shape[0])) for start in range(0, shape[0], width)]
        self.most_threads = max(1, shape[0] * sum(op.products for op in self.convolutions) // _WORTH_A_THREAD)

    def forward(self, x: Floats, _: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return the output (N, h, w, C) and its backward."""
        x = np.ascontiguousarray(x)
        y = buffers.empty(self.out_shape, x.dtype)
        weights = [op.pack() for op in self.convolutions]
        backprops = each_part(lambda part, _: self._forward(x[part], weights, y[part]), self.parts, most=self.most_threads)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            dy = as_gradient(self.last, dy, y)
            dx = buffers.empty(x.shape, x.dtype) if input_gradient else None
            for packed in weights:
                packed.patches = None  # the layers' may have changed since the last backward

            def backward_part(number: int) -> Arrays:
                part = self.parts[number]
                return self._backward(backprops[number], dy[part], None if dx is None else dx[part])

            return dx, summed(each_number(backward_part, len(self.parts), most=2 * self.most_threads))

        return y, backprop

    def _forward(self, x: Floats, weights: Sequence[Packed], y: Floats) -> list[BlockBackprop]:
        """Take a part of a batch through all operations, into y; return the backward of each."""
        if self.chained:
            return through(x, self.convolutions, weights, y)
        data, backprops, unused = gather(x), [], iter(weights)
        for _, op in self.ops:
            data, backprop_block = op.forward(data, next(unused)) if isinstance(op, Convolution) else op.forward(data)
            backprops.append(backprop_block)
        scatter(data, y)
        return backprops

    def _backward(self, backprops: Sequence[BlockBackprop], dy: Floats, dx: Floats | None) -> Arrays:
        """Take the gradient of a part back through all operations, into dx if wanted; return the gradients of parameters."""
        first = next(place for place, (_, op) in enumerate(self.ops) if isinstance(op, Convolution))
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
