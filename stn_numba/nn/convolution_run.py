"""Runs of convolutions, pooling and rectifiers, done block by block: a few samples pass through all layers while in cache.

Each thread takes parts of the batch. The parts do not depend on the number of threads, and their gradients are added in
order: so the results do not either, to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stn_numba.nn import lanes, memory
from stn_numba.nn.conv2d import Conv2d
from stn_numba.nn.layer import Arrays, Backprop, Floats, Layer, Named, as_gradient
from stn_numba.nn.pooling import AvgPool, MaxPool
from stn_numba.nn.relu import ReLU
from stn_numba.nn.workers import each_number, each_part, summed

__all__ = ["out_shape", "pays", "run"]

_WORTH_A_THREAD = 1 << 24  # products; some 300 microseconds, and waking a thread takes 100
_BLOCKS = 2  # in a part: with more the threads share small batches less evenly, with fewer calls and sums over lanes cost more


def pays(layers: Sequence[Named], x: Floats) -> bool:
    """Whether a batch fills enough lanes."""
    fits = all(array.dtype == x.dtype for _, layer in layers for array in layer.params.values())
    return x.ndim == 4 and fits and 2 * len(x) >= lanes.lanes(x.dtype)


def run(layers: Sequence[Named], x: Floats) -> tuple[Floats, Backprop]:
    """Return the output (N, h, w, C) of a run of layers for x (N, H, W, C), and the way back."""
    x = np.ascontiguousarray(x)
    steps = _steps(layers)
    width = _BLOCKS * lanes.lanes(x.dtype)
    parts = [slice(start, min(start + width, len(x))) for start in range(0, len(x), width)]
    shape, products = x.shape[1:], 0
    for _, step in steps:
        products += step.products(shape)
        shape = step.out_shape(shape)
    y = memory.empty((len(x), *shape), x.dtype)
    most = max(1, len(x) * products // _WORTH_A_THREAD)
    ways_back = each_part(lambda part, _: _forward(steps, x[part], y[part]), parts, most=most)

    def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
        dy = as_gradient(layers[-1][1], dy, y)
        dx = memory.empty(x.shape, x.dtype) if input_gradient else None

        def backward_part(number: int) -> Arrays:
            part = parts[number]
            return _backward(steps, ways_back[number], dy[part], None if dx is None else dx[part])

        return dx, summed(each_number(backward_part, len(parts), most=2 * most))

    return y, backprop


def _forward(steps: Sequence[Step], x: Floats, y: Floats) -> list[lanes.BlockBackprop]:
    """Take a part of a batch through all steps, into y; return their ways back."""
    chain = [step for _, step in steps if isinstance(step, lanes.Convolution) and step.chains]
    if len(chain) == len(steps):
        return lanes.through(x, chain, y)
    data, ways_back = lanes.gather(x), []
    for _, step in steps:
        data, way_back = step.forward(data)
        ways_back.append(way_back)
    lanes.scatter(data, y)
    return ways_back


def _backward(steps: Sequence[Step], ways_back: Sequence[lanes.BlockBackprop], dy: Floats, dx: Floats | None) -> Arrays:
    """Take the gradient of a part back through all steps, into dx if it is wanted; return the gradients of parameters."""
    first = next(place for place, (_, step) in enumerate(steps) if isinstance(step, lanes.Convolution))
    gradients: Arrays = {}
    d: Floats | None = lanes.gather(dy)
    for place in reversed(range(len(steps))):
        if d is None:
            break
        name = steps[place][0]
        d, own = ways_back[place](d, dx is not None or place > first)
        gradients.update({f"{name}.{key}" if name else key: array for key, array in own.items()})
    if dx is not None and d is not None:
        lanes.scatter(d, dx)
    return gradients


class _Apart:
    """A layer that mixes neither samples nor channels, on blocks."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return out_shape(self.layer, shape)

    def products(self, _: tuple[int, ...]) -> int:
        return 0

    def forward(self, x: Floats) -> tuple[Floats, lanes.BlockBackprop]:
        y, way_back = self.layer.forward(lanes.arrays_of(x))
        shape = (*y.shape[:3], *x.shape[3:])

        def backprop(dy: Floats, wanted: bool) -> tuple[Floats | None, Arrays]:
            dx, _ = way_back(lanes.arrays_of(dy), input_gradient=wanted)
            return None if dx is None else dx.reshape(x.shape), {}

        return y.reshape(shape), backprop


Step = tuple[str, lanes.Convolution | _Apart]


def _steps(layers: Sequence[Named]) -> list[Step]:
    """Layers as steps on blocks; a convolution takes with it the pooling and the rectifier behind it."""
    steps: list[Step] = []
    place = 0
    while place < len(layers):
        name, layer = layers[place]
        if isinstance(layer, Conv2d):
            kinds = [_kind(follower) for _, follower in layers[place + 1 : place + 3]]
            rectify = sorted(kinds) == ["pool", "relu"]
            pool = rectify or kinds[:1] == ["pool"]
            steps.append((name, lanes.Convolution(layer, pool, rectify)))
            place += 1 + pool + rectify
        else:
            steps.append((name, _Apart(layer)))
            place += 1
    return steps


def _kind(layer: Layer) -> str:
    if isinstance(layer, MaxPool) and layer.size == 2:
        return "pool"
    return "relu" if isinstance(layer, ReLU) else ""


def out_shape(layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape (h, w, C) of a layer's output for an input (H, W, C)."""
    if isinstance(layer, Conv2d):
        return layer.out_shape(shape)
    if isinstance(layer, MaxPool | AvgPool):
        return (shape[0] // layer.size, shape[1] // layer.size, shape[2])
    return shape
