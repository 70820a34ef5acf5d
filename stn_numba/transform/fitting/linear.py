"""Weighted linear least squares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["solve"]

Array = NDArray[np.float64]

_RANK = 1e-13  # singular values that are smaller, relative to the largest one, count as 0


def solve(design: Array, target: Array) -> Array:
    """Return x (N, P, R) that minimizes |design x - target|^2, for a design (N, M, P) and targets (N, M, R).

    Columns are scaled to length 1, so that their units do not matter. What is not determined is as small as possible.

    Examples
    --------
    >>> solve(np.array([[[1.0, 0], [1, 1], [1, 2]]]), np.array([[[1.0], [3], [5]]])).round(9).tolist()
    [[[1.0], [2.0]]]
    """
    lengths = np.linalg.norm(design, axis=1)
    lengths = np.where(lengths > 0, lengths, 1.0)[..., None]
    inverse = np.linalg.pinv(design / np.swapaxes(lengths, 1, 2), rcond=_RANK)
    x = inverse @ target
    x = x + inverse @ (target - design @ (x / lengths))  # one refinement makes up for the rounding of the pseudoinverse
    result: Array = x / lengths
    return result
