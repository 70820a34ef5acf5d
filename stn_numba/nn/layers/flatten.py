"""Feature map to vector."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size
from stn_numba.nn.layers.base import Layer

__all__ = ["Flatten"]


class Flatten(Layer):
    """Reshape (N, ...) to (N, D).

    Examples
    --------
    >>> Flatten().forward(np.zeros((2, 3, 4, 1)))[0].shape
    (2, 12)
    """

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Return (D,)."""
        return (math.prod(input_shape),)

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop), with y (N, D)."""

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            return dy.reshape(x.shape) if input_gradient else None, {}

        return x.reshape(len(x), math.prod(x.shape[1:])), backprop
