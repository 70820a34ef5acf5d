"""Fit a transform to pairs of points: checks, the least squares, and what they cannot determine."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_bool
from stn_numba.transform.fitting.degenerate import expect_determined, expect_enough
from stn_numba.transform.fitting.pairs import as_pairs
from stn_numba.transform.fitting.robust import Solver, solve_robustly

__all__ = ["fit"]


def fit(
    transform: Solver, source: ArrayLike, target: ArrayLike, weights: ArrayLike | None, robust: bool
) -> NDArray[np.float64]:
    """Return theta (N, P), see `Transform.fit_points`."""
    pairs = as_pairs(source, target, weights, transform.ndim)
    robust = as_bool(robust, "robust")
    if not len(pairs):
        return np.empty((0, transform.n_params))
    expect_enough(transform, pairs)
    if robust:
        theta, inliers = solve_robustly(transform, pairs)
        pairs = pairs.reweighted(inliers)
        expect_enough(transform, pairs)
    else:
        theta = transform.solve_points(pairs)
    expect_determined(transform, pairs, theta)
    return theta
