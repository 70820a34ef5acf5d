"""Dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from stn_numba._util.arguments import as_real
from stn_numba.nn.arrays import Arrays, Backprop, Floats
from stn_numba.nn.layers.base import Layer

__all__ = ["Dropout"]


class Dropout(Layer):
    """In training, set each value to zero with probability `rate` and scale the others by 1 / (1 - rate).

    Parameters
    ----------
    rate : float
        In [0, 1).

    Raises
    ------
    TypeError, ValueError
        If the rate is no number, or out of its range.

    Examples
    --------
    >>> x = np.ones((1, 4))
    >>> Dropout(0.5).forward(x)[0].tolist()
    [[1.0, 1.0, 1.0, 1.0]]
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = as_real(rate, "rate", "[0, 1)")

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop); y is x itself without a generator."""
        if rng is None or not self.rate:
            return x, lambda dy, *, input_gradient=True: (dy if input_gradient else None, {})
        mask = (rng.random(x.shape, np.float32) >= self.rate) * x.dtype.type(1 / (1 - self.rate))

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            return dy * mask if input_gradient else None, {}

        return x * mask, backprop

    def config(self) -> dict[str, Any]:
        """Return the options."""
        return {"rate": self.rate}
