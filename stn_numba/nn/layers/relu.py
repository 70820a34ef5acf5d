"""Rectifier."""

from __future__ import annotations

import numpy as np

from stn_numba.nn.arrays import Arrays, Backprop, Floats
from stn_numba.nn.engine import buffers
from stn_numba.nn.layers.base import Layer

__all__ = ["ReLU"]


class ReLU(Layer):
    """y = max(0, x), for inputs of any shape.

    Examples
    --------
    >>> ReLU().forward(np.array([[-1.0, 2.0]]))[0].tolist()
    [[0.0, 2.0]]
    """

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop)."""
        y: Floats = np.maximum(x, 0, out=buffers.empty(x.shape, x.dtype))

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            return np.multiply(dy, y > 0, out=buffers.empty(y.shape, dy.dtype)) if input_gradient else None, {}

        return y, backprop
