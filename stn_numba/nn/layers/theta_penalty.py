"""Penalties of transform parameters, which training adds to the loss."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from stn_numba.nn.arrays import Floats

__all__ = ["ThetaPenalty", "active_penalty", "penalizing"]

ThetaPenalty = Callable[[Floats, Any], tuple[float, Floats]]
"""``penalty(theta, transformer) -> (value, d_theta)``: the mean over the images of theta (N, P) of a `SpatialTransformer`, and
its gradient."""


class _ActivePenalty:
    """A penalty of the theta of a part of a batch, which holds `share` of its images."""

    def __init__(self, function: ThetaPenalty, share: float) -> None:
        self.function, self.share, self.value = function, share, 0.0

    def add(self, theta: Floats, transformer: Any) -> Floats:
        """Add the penalty of theta to the value, and return its gradient."""
        result = self.function(theta, transformer)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise TypeError(f"theta_penalty: expected (value, d_theta), got {type(result).__name__}")
        value, gradient = result
        if np.shape(gradient) != theta.shape:
            raise ValueError(f"theta_penalty: expected the gradient {theta.shape}, shaped as theta, got {np.shape(gradient)}")
        self.value += self.share * float(value)
        return np.asarray(gradient, theta.dtype) * theta.dtype.type(self.share)


# A context variable, and no argument of `forward`: transformers stand anywhere in a network, and a stranger's layer
# that contains one would have to hand it on.
_active: contextvars.ContextVar[_ActivePenalty | None] = contextvars.ContextVar("stn_numba_theta_penalty", default=None)


def active_penalty() -> _ActivePenalty | None:
    """Return the penalty that counts in this forward pass, None if there is none."""
    return _active.get()


@contextlib.contextmanager
def penalizing(function: ThetaPenalty, share: float) -> Iterator[_ActivePenalty]:
    """Let all transformers in a forward pass of this block add a penalty."""
    penalty = _ActivePenalty(function, share)
    token = _active.set(penalty)
    try:
        yield penalty
    finally:
        _active.reset(token)
