"""Rectifier."""

from __future__ import annotations

import numpy as np

from stn_numba.nn.arrays import Arrays, Backprop, Floats
from stn_numba.nn.engine import buffers
from stn_numba.nn.engine.thread_pool import parallel_map, work_parts
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
        y: Floats = buffers.empty(x.shape, x.dtype)
        parts = work_parts(len(x), x.size)
        parallel_map(lambda part: np.maximum(x[part], 0, out=y[part]), parts)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            if not input_gradient:
                return None, {}
            dx = buffers.empty(y.shape, dy.dtype)
            parallel_map(lambda part: np.multiply(dy[part], y[part] > 0, out=dx[part]), parts)
            return dx, {}

        return y, backprop
