"""Adam."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stn_numba._util.arguments import as_real
from stn_numba.kernels.runtime.calls import kernel
from stn_numba.nn.arrays import Arrays
from stn_numba.nn.optimizers.address_tables import address_tables
from stn_numba.nn.optimizers.base import State

__all__ = ["Adam"]

_ADAM = kernel("nn.kernels.optimizers", "adam")


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba, arXiv 1412.6980, algorithm 1).

    Parameters
    ----------
    beta1, beta2 : float, default 0.9 and 0.999
        Decay rates of the running means of gradients and of squared gradients, in [0, 1).
    epsilon : float, default 1e-8
        Added to the root of the mean square, more than 0.

    Raises
    ------
    TypeError, ValueError
        If an option has the wrong type or is out of its range.

    Examples
    --------
    >>> optimizer, params = Adam(), {"w": np.zeros(1)}
    >>> optimizer.apply(params, {"w": np.full(1, 7.0)}, optimizer.init(params), {"w": 0.1})
    >>> params["w"].round(6).tolist()
    [-0.1]
    """

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        as_real(self.beta1, "beta1", "[0, 1)")
        as_real(self.beta2, "beta2", "[0, 1)")
        as_real(self.epsilon, "epsilon", "(0, inf)")

    def init(self, params: Arrays) -> State:
        """Return zero means, and no step taken."""
        mean, square = ({name: np.zeros_like(array) for name, array in params.items()} for _ in range(2))
        return {"step": 0, "mean": mean, "square": square}

    def apply(self, params: Arrays, gradients: Arrays, state: State, learning_rates: Mapping[str, float]) -> None:
        """Take one step in place; see `Optimizer`."""
        tables = address_tables(params, gradients, {"mean": state["mean"], "square": state["square"]}, learning_rates)
        state["step"] += 1
        correction, root = 1 / (1 - self.beta1 ** state["step"]), 1 / math.sqrt(1 - self.beta2 ** state["step"])
        numbers = (self.beta1, 1 - self.beta1, self.beta2, 1 - self.beta2, root, self.epsilon)
        for table in tables:
            rates = np.array([rate * correction for rate in table.learning_rates], table.dtype)
            _ADAM(table.addresses, rates, *map(table.dtype.type, numbers))
