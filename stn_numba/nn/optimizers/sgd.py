"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stn_numba._util.arguments import as_bool, as_real
from stn_numba.kernels.runtime.calls import kernel
from stn_numba.nn.arrays import Arrays
from stn_numba.nn.optimizers.address_tables import address_tables
from stn_numba.nn.optimizers.base import State

__all__ = ["SGD"]

_MOMENTUM = kernel("nn.kernels.optimizers", "momentum")


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum: v = momentum v + g, parameter -= learning_rate v.

    Parameters
    ----------
    momentum : float, default 0.9
        Share of the velocity v that is kept at each step, in [0, 1).
    nesterov : bool, default False
        Use Nesterov's momentum: step along g + momentum v instead of v.

    Raises
    ------
    TypeError, ValueError
        If an option has the wrong type or is out of its range.

    Examples
    --------
    >>> optimizer, params = SGD(momentum=0.5), {"w": np.zeros(1)}
    >>> state = optimizer.init(params)
    >>> for _ in range(2):
    ...     optimizer.apply(params, {"w": np.ones(1)}, state, {"w": 0.1})
    >>> params["w"].round(6).tolist()
    [-0.25]
    """

    momentum: float = 0.9
    nesterov: bool = False

    def __post_init__(self) -> None:
        as_real(self.momentum, "momentum", "[0, 1)")
        as_bool(self.nesterov, "nesterov")

    def init(self, params: Arrays) -> State:
        """Return zero velocities."""
        return {"velocity": {name: np.zeros_like(array) for name, array in params.items()}}

    def apply(self, params: Arrays, gradients: Arrays, state: State, learning_rates: Mapping[str, float]) -> None:
        """Take one step in place; see `Optimizer`."""
        for table in address_tables(params, gradients, {"velocity": state["velocity"]}, learning_rates):
            rates = np.array(table.learning_rates, table.dtype)
            _MOMENTUM(table.addresses, rates, table.dtype.type(self.momentum), bool(self.nesterov))
