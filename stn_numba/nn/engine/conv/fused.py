"""Runs of convolutions, pooling and rectifiers, done block by block: a few samples pass through all layers while in cache.

Each thread takes parts of the batch. The parts do not depend on the number of threads, and their gradients are added in
order: so the results do not either, to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.conv.blocked import BlockBackprop, Convolution, Packed, through
from stn_numba.nn.engine.conv.blocks import arrays_of, gather, scatter
from stn_numba.nn.engine.kernel_calls import lane_count
from stn_numba.nn.engine.thread_pool import each_number, each_part, summed
from stn_numba.nn.layers.base import Arrays, Backprop, Floats, Layer, Named, Size, as_gradient, kernels_take
from stn_numba.nn.layers.conv2d import Conv2d
from stn_numba.nn.layers.pooling import AvgPool, MaxPool
from stn_numba.nn.layers.relu import ReLU

__all__ = ["ConvolutionRun", "out_shape"]

_WORTH_A_THREAD = 1 << 24  # products; some 300 microseconds, and waking a thread takes 100
_BLOCKS = 2  # in a part: with more the threads share small batches less evenly, with fewer calls and sums over lanes cost more


class ConvolutionRun:
    """Neighbouring layers, a convolution among them, for batches (N, H, W, C) of one shape and dtype for which it `pays`."""

    def __init__(self, layers: Sequence[Named], shape: Size, dtype: DTypeLike) -> None:
        self.layers = layers
        self.steps = _steps(layers, shape[1:])
        self.convolutions = [step for _, step in self.steps if isinstance(step, Convolution)]
        self.chained = len(self.convolutions) == len(self.steps) and all(step.chains for step in self.convolutions)
        self.out_shape = (shape[0], *self.steps[-1][1].out_shape)
        width = _BLOCKS * lane_count(np.dtype(dtype))
        self.parts = [slice(start, min(start + width, shape[0])) for start in range(0, shape[0], width)]
        self.most_threads = max(1, shape[0] * sum(step.products for step in self.convolutions) // _WORTH_A_THREAD)

    @staticmethod
    def pays(layers: Sequence[Named], shape: Size, dtype: DTypeLike) -> bool:
        """Whether a batch fills enough lanes, and parameters are as kernels take them."""
        if len(shape) != 4 or 2 * shape[0] < lane_count(np.dtype(dtype)):
            return False
        return all(_fits(layer, dtype) for _, layer in layers if isinstance(layer, Conv2d))

    def forward(self, x: Floats, _: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return the output (N, h, w, C) and the way back."""
        x = np.ascontiguousarray(x)
        y = buffers.empty(self.out_shape, x.dtype)
        weights = [step.pack() for step in self.convolutions]
        ways_back = each_part(lambda part, _: self._forward(x[part], weights, y[part]), self.parts, most=self.most_threads)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            dy = as_gradient(self.layers[-1][1], dy, y)
            dx = buffers.empty(x.shape, x.dtype) if input_gradient else None
            for packed in weights:
                packed.patches = None  # the layers' may have changed since the last way back

            def backward_part(number: int) -> Arrays:
                part = self.parts[number]
                return self._backward(ways_back[number], dy[part], None if dx is None else dx[part])

            return dx, summed(each_number(backward_part, len(self.parts), most=2 * self.most_threads))

        return y, backprop

    def _forward(self, x: Floats, weights: Sequence[Packed], y: Floats) -> list[BlockBackprop]:
        """Take a part of a batch through all steps, into y; return their ways back."""
        if self.chained:
            return through(x, self.convolutions, weights, y)
        data, ways_back, unused = gather(x), [], iter(weights)
        for _, step in self.steps:
            data, way_back = step.forward(data, next(unused)) if isinstance(step, Convolution) else step.forward(data)
            ways_back.append(way_back)
        scatter(data, y)
        return ways_back

    def _backward(self, ways_back: Sequence[BlockBackprop], dy: Floats, dx: Floats | None) -> Arrays:
        """Take the gradient of a part back through all steps, into dx if it is wanted; return the gradients of parameters."""
        first = next(place for place, (_, step) in enumerate(self.steps) if isinstance(step, Convolution))
        gradients: Arrays = {}
        d: Floats | None = gather(dy)
        for place in reversed(range(len(self.steps))):
            if d is None:
                break
            name = self.steps[place][0]
            d, own = ways_back[place](d, dx is not None or place > first)
            gradients.update({f"{name}.{key}" if name else key: array for key, array in own.items()})
        if dx is not None and d is not None:
            scatter(d, dx)
        return gradients


class _Apart:
    """A layer that mixes neither samples nor channels, on blocks."""

    def __init__(self, layer: Layer, shape: Size) -> None:
        self.layer = layer
        self.out_shape = out_shape(layer, shape)

    def forward(self, x: Floats) -> tuple[Floats, BlockBackprop]:
        """Return the blocks' outputs and the way back."""
        y, way_back = self.layer.forward(arrays_of(x))
        shape = (*y.shape[:3], *x.shape[3:])

        def backprop(dy: Floats, wanted: bool) -> tuple[Floats | None, Arrays]:
            dx, _ = way_back(arrays_of(dy), input_gradient=wanted)
            return None if dx is None else dx.reshape(x.shape), {}

        return y.reshape(shape), backprop


Step = tuple[str, Convolution | _Apart]


def _steps(layers: Sequence[Named], shape: Size) -> list[Step]:
    """Layers as steps on blocks; a convolution takes with it the pooling and the rectifier behind it."""
    steps: list[Step] = []
    place = 0
    while place < len(layers):
        name, layer = layers[place]
        step: Convolution | _Apart
        if isinstance(layer, Conv2d):
            kinds = [_kind(follower) for _, follower in layers[place + 1 : place + 3]]
            rectify = sorted(kinds) == ["pool", "relu"]
            pool = rectify or kinds[:1] == ["pool"]
            step = Convolution(layer, shape, pool, rectify)
            place += 1 + pool + rectify
        else:
            step = _Apart(layer, shape)
            place += 1
        steps.append((name, step))
        shape = step.out_shape
    return steps


def _kind(layer: Layer) -> str:
    if isinstance(layer, MaxPool) and layer.size == 2:
        return "pool"
    return "relu" if isinstance(layer, ReLU) else ""


def _fits(layer: Conv2d, dtype: DTypeLike) -> bool:
    """Whether parameters are what `Conv2d.initialise` makes, of this dtype: kernels look no more."""
    weight, bias = layer.params["weight"], layer.params["bias"]
    sizes = (layer.size, layer.size, *weight.shape[2:3], layer.filters)
    return (weight.shape, bias.shape) == (sizes, sizes[3:]) and kernels_take(dtype, weight, bias)


def out_shape(layer: Layer, shape: Size) -> Size:
    """Return the shape (h, w, C) of a layer's output for an input (H, W, C)."""
    return layer.out_shape(shape) if isinstance(layer, Conv2d | MaxPool | AvgPool) else shape
