"""Layers one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import DTypeLike

from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size
from stn_numba.nn.layers.base import Layer
from stn_numba.nn.layers.container import Container, joined, numbered
from stn_numba.nn.layers.fusion.segments import FusedSegment

__all__ = ["Chain", "forward_through"]


def forward_through(
    segments: Iterable[FusedSegment], x: Floats, rng: np.random.Generator | None = None
) -> tuple[Floats, Backprop]:
    """Feed each layer's output to the next; return the last output and the backward through all of them.

    The layers of a segment are computed together if that is faster. Gradients are named after their layers.
    """
    backprops: list[tuple[str, Backprop]] = []
    first: int | None = None  # with parameters
    for segment in segments:
        for planned in segment.ops(x):
            x, op_backprop = planned.op.forward(x, rng)
            first = len(backprops) if first is None and planned.has_parameters else first
            backprops.append((planned.prefix, op_backprop))
    needed = len(backprops) if first is None else first

    def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
        gradients: Arrays = {}
        d: Floats | None = dy
        for place, (prefix, op_backprop) in reversed(list(enumerate(backprops))):
            if d is None:  # nothing before this layer has parameters
                break
            d, own = op_backprop(d, input_gradient=input_gradient or place > needed)
            if d is None and place > needed:
                raise TypeError(f"layer {prefix[:-1]!r}: backprop: expected the gradient by its input, got None")
            gradients.update({prefix + key: array for key, array in own.items()})
        return d, gradients

    return x, backprop


class Chain(Container):
    """Feed each layer's output to the next.

    Layers are named by their class and a running number: ``conv2d1``, ``dense2``. Parameters are named after them:
    ``conv2d1.weight``.

    Parameters
    ----------
    *layers : Layer
        The layers, in the order of the data.

    Raises
    ------
    TypeError
        If one of them is no layer.

    Examples
    --------
    >>> from stn_numba.nn import Dense, ReLU
    >>> chain = Chain(Dense(4), ReLU(), Dense(2))
    >>> chain.initialize((3,), np.random.default_rng(0))
    (2,)
    >>> list(chain.params)
    ['dense1.weight', 'dense1.bias', 'dense2.weight', 'dense2.bias']
    """

    def __init__(self, *layers: Layer) -> None:
        super().__init__()
        self.layers = numbered(layers)

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Initialize each layer for the output of the one before it, and return the shape of the last output."""
        for name in self.layers:
            input_shape = self._initialize_inner(name, input_shape, rng, dtype)
        return input_shape

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop), with y the last layer's output."""
        return forward_through(self._segments, x, rng)

    @property
    def _segments(self) -> list[FusedSegment]:
        return self._segments_of(list(self.layers.items()))

    def trace(self, x: Floats) -> Iterator[tuple[str, Layer, Floats]]:
        """Yield from each layer in turn."""
        if not self.layers:
            yield "", self, x
        for name, layer in self.layers.items():
            for inner, which, y in layer.trace(x):
                yield joined(name, inner), which, y
            x = y
