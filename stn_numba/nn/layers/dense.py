"""Fully connected layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from stn_numba._util.arguments import as_int
from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size, as_gradient
from stn_numba.nn.layers.base import Layer, expect_shape, he_normal

__all__ = ["Dense"]


class Dense(Layer):
    """Fully connected layer: y = x @ weight + bias, from x (N, D) to y (N, units).

    The parameters are ``weight`` (D, units), with He-normal initial values, and ``bias`` (units,), with initial zeros.

    Parameters
    ----------
    units : int
        Length of the output, at least 1.

    Raises
    ------
    TypeError, ValueError
        If `units` is no integer, or less than 1.

    Examples
    --------
    >>> layer = Dense(3)
    >>> layer.initialize((5,), np.random.default_rng(0))
    (3,)
    >>> layer.forward(np.zeros((2, 5), np.float32))[0].shape
    (2, 3)
    """

    fixed_options = ("units",)

    def __init__(self, units: int) -> None:
        super().__init__()
        self.units = as_int(units, "units", least=1)

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Draw weights for inputs (D,), set biases to zero, and return (units,)."""
        expect_shape(self, input_shape, 1, "(D,)")
        weight = he_normal(rng, (input_shape[0], self.units), input_shape[0], dtype)
        self.params = {"weight": weight, "bias": np.zeros(self.units, dtype)}
        return (self.units,)

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop), with y (N, units)."""
        weight, bias = self.params["weight"], self.params["bias"]
        y: Floats = x @ weight + bias

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            dy = as_gradient(self, dy, y)
            return dy @ weight.T if input_gradient else None, {"weight": x.T @ dy, "bias": dy.sum(axis=0)}

        return y, backprop
