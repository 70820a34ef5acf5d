"""Functions of theta that are linear: found from their values, whatever their code does."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.transform import Transform
from stn_numba.transform.checked import identity_of

__all__ = ["LinearForm", "linear_in_theta"]

Array = NDArray[np.float64]

_MOST = 1 << 24  # numbers, 64 MB in the file


class LinearForm(NamedTuple):
    """``theta @ slopes + constant``, of arrays (P, K) and (K,)."""

    slopes: Array
    constant: Array


def linear_in_theta(transform: Transform, function: Callable[[Array], NDArray[np.floating]]) -> LinearForm | None:
    """Return the form of a function from theta (N, P) to (N, K) if it is linear, else None.

    Examples
    --------
    >>> from stn_numba import get_transform
    >>> shift = get_transform("translation")
    >>> linear_in_theta(shift, lambda theta: 2 * theta + 1).constant.tolist()
    [1.0, 1.0]
    >>> linear_in_theta(shift, np.exp)
    """
    center = np.asarray(identity_of(transform), np.float64)
    with np.errstate(all="ignore"):
        start = np.asarray(function(center[None]), np.float64)[0]
        if start.size * center.size > _MOST:
            return None
        slopes = np.stack([np.asarray(function((center + unit)[None]), np.float64)[0] - start for unit in np.eye(center.size)])
        noise = np.random.default_rng(0).standard_normal((6, center.size)) * np.array([[0.01, 0.1, 0.3, 1, 1, 3]]).T
        expected = np.asarray(function(center + noise), np.float64)
    if not np.allclose(start + noise @ slopes, expected, rtol=1e-9, atol=1e-9):
        return None
    return LinearForm(slopes, start - center @ slopes)
