"""What an optimizer is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from stn_numba.nn.arrays import Arrays

__all__ = ["Optimizer", "State"]

State = dict[str, Any]


class Optimizer(Protocol):
    """Any object with these two methods can train a model.

    Arrays come as dicts by the dotted names of parameters. To save checkpoints, keep nothing in the state but nested dicts,
    arrays and what JSON can hold. Give the class a ``__repr__`` with its options: `fit` compares it when it resumes.

    Examples
    --------
    >>> import numpy as np
    >>> class SignDescent:
    ...     def init(self, params):
    ...         return {"steps": 0}
    ...
    ...     def apply(self, params, gradients, state, learning_rates):
    ...         state["steps"] += 1
    ...         for name, gradient in gradients.items():
    ...             params[name] -= learning_rates[name] * np.sign(gradient)
    >>> from stn_numba.nn import fit
    >>> from stn_numba.models import fcn
    >>> model = fcn((4, 4, 1), 2, units=4)
    >>> _ = fit(model, np.ones((8, 4, 4)), np.arange(8) % 2, optimizer=SignDescent(), epochs=1, progress=False)
    """

    def init(self, params: Arrays) -> State:
        """Return the state before the first step, for the parameters to be trained; frozen ones are left out."""

    def apply(self, params: Arrays, gradients: Arrays, state: State, learning_rates: Mapping[str, float]) -> None:
        """Take one step: change parameters and state in place. Gradients must only be read.

        The optimizers of this library raise a ValueError, before they write anything, if an array does not fit its gradient or
        cannot be written to.
        """
