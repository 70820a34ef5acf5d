"""Carry the state of an optimizer over from one training to the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["carried_over"]


def carried_over(fresh: Any, old: Any) -> Any:
    """Return `fresh`, the state before a first step, with whatever fits it from an older state.

    Arrays are taken where their names and shapes are the same: parameters of a new head start without a past.

    Examples
    --------
    >>> carried_over({"step": 0, "mean": {"w": np.zeros(1), "b": np.zeros(2)}}, {"step": 7, "mean": {"w": np.ones(1)}})
    {'step': 7, 'mean': {'w': array([1.]), 'b': array([0., 0.])}}
    """
    if isinstance(fresh, Mapping):
        known = old if isinstance(old, Mapping) else {}
        return {name: carried_over(value, known[name]) if name in known else value for name, value in fresh.items()}
    if isinstance(fresh, np.ndarray):
        fits = isinstance(old, np.ndarray) and (old.shape, old.dtype) == (fresh.shape, fresh.dtype)
        return old.copy() if fits else fresh
    return old if type(old) is type(fresh) else fresh
