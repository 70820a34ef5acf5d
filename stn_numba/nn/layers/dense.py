"""Fully connected layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from stn_numba._util.arguments import as_int
from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size, as_gradient
from stn_numba.nn.layers.base import Layer, expect_shape, he_normal

__all__ = ["Dense"]


class Dense(Layer):
    """y = x @ weight + bias, for x (N, D).

    The parameters are ``weight`` (D, units), drawn He-normal, and ``bias`` (units,), zero at first.

    Parameters
    ----------
    units
        Length of the output.

    Examples
    --------
    >>> layer = Dense(3)
    >>> layer.initialize((5,), np.random.default_rng(0))
    (3,)
    """

    fixed_options = ("units",)

    def __init__(self, units: int) -> None:
        super().__init__()
        self.units = as_int(units, "units", least=1)

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Draw He-normal weights and zero biases."""
        expect_shape(self, input_shape, 1, "(D,)")
        weight = he_normal(rng, (input_shape[0], self.units), input_shape[0], dtype)
        self.params = {"weight": weight, "bias": np.zeros(self.units, dtype)}
        return (self.units,)

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (N, units) and the way back."""
        weight, bias = self.params["weight"], self.params["bias"]
        y: Floats = x @ weight + bias

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            dy = as_gradient(self, dy, y)
            return dy @ weight.T if input_gradient else None, {"weight": x.T @ dy, "bias": dy.sum(axis=0)}

        return y, backprop
