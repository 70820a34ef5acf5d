"""Layers side by side."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size
from stn_numba.nn.layers.base import Layer
from stn_numba.nn.layers.container import Container, joined, numbered

__all__ = ["Parallel"]


class Parallel(Container):
    """Feed one input to several layers and concatenate their outputs along the last axis.

    Spatial transformers side by side are ``Parallel(SpatialTransformer(...), SpatialTransformer(...))``: images (N, H, W, C)
    become (N, h, w, 2 C). Layers are named as in a `Chain`.

    Parameters
    ----------
    *layers : Layer
        At least one layer.

    Raises
    ------
    TypeError, ValueError
        If there is no layer, or one is none; in `initialize`, if the outputs differ in any axis but the last.

    Examples
    --------
    >>> from stn_numba.nn import Dense
    >>> layer = Parallel(Dense(4), Dense(2))
    >>> layer.initialize((3,), np.random.default_rng(0))
    (6,)
    >>> list(layer.params)
    ['dense1.weight', 'dense1.bias', 'dense2.weight', 'dense2.bias']
    """

    def __init__(self, *layers: Layer) -> None:
        super().__init__()
        if not layers:
            raise ValueError("layers: expected at least one layer side by side, got none")
        self.layers = numbered(layers)

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Initialize each layer for the same input, and return the shape of the joined output."""
        shapes = [self._initialize_inner(name, input_shape, rng, dtype) for name in self.layers]
        if len({shape[:-1] for shape in shapes}) > 1 or len({len(shape) for shape in shapes}) > 1:
            raise ValueError(f"Parallel: expected outputs alike in all axes but the last, got {', '.join(map(str, shapes))}")
        self._ends = np.cumsum([shape[-1] for shape in shapes])
        return (*shapes[0][:-1], int(self._ends[-1]))

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop), with y the joined outputs."""
        outputs, backprops = zip(*(layer.forward(x, rng) for layer in self.layers.values()), strict=True)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            dx: Floats | None = None
            gradients: Arrays = {}
            for name, layer_backprop, part in zip(self.layers, backprops, np.split(dy, self._ends[:-1], axis=-1), strict=True):
                d, own = layer_backprop(np.ascontiguousarray(part), input_gradient=input_gradient)
                dx = d if dx is None else dx + d
                gradients.update({f"{name}.{key}": array for key, array in own.items()})
            return dx, gradients

        return np.concatenate(outputs, axis=-1), backprop

    def trace(self, x: Floats) -> Iterator[tuple[str, Layer, Floats]]:
        """Yield from each layer in turn, then the joined outputs."""
        outputs = []
        for name, layer in self.layers.items():
            for inner, which, y in layer.trace(x):
                yield joined(name, inner), which, y
            outputs.append(y)
        yield "", self, np.concatenate(outputs, axis=-1)
