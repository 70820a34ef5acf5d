"""Least squares by the Levenberg-Marquardt method, for transforms that are not linear in their parameters.

Levenberg, "A method for the solution of certain non-linear problems in least squares", 1944; damping scaled by the columns as
in Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", 1963. All rows take their steps together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stn_numba.transform.fitting.pairs import Pairs
from stn_numba.transform.points import PointMap

__all__ = ["minimize", "search"]

Array = NDArray[np.float64]

_STEPS = 100
_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-3, 1e-14, 1e8
_SMALL_STEP = 1e-15  # relative to the parameters
_ROUNDING = 1e-13  # of sums of squares, relative
_POOR = 1e-3  # root mean square residual above which other starts are tried
_STARTS = 12
_FIRST_STEPS = 8  # for each start; only the best of them goes on


def search(transform: PointMap, pairs: Pairs) -> Array:
    """Return theta (N, P) with the least weighted squares, from the identity and, if that fits badly, from random starts."""
    identity = np.asarray(transform.identity(), np.float64)
    theta, cost = minimize(transform, pairs, np.tile(identity, (len(pairs), 1)))
    poor = np.flatnonzero(~(cost <= _POOR**2 * pairs.weights.sum(axis=1)))
    rng = np.random.default_rng(0)
    for row in poor:
        one = pairs[[row] * _STARTS]
        starts = identity + rng.standard_normal((_STARTS, identity.size))
        starts, costs = minimize(transform, one, starts, _FIRST_STEPS)
        best = int(np.argmin(costs))
        other, other_cost = minimize(transform, pairs[[row]], starts[[best]])
        if not other_cost[0] >= cost[row]:
            theta[row] = other[0]
    return theta


def minimize(transform: PointMap, pairs: Pairs, start: Array, steps: int = _STEPS) -> tuple[Array, Array]:
    """Return theta (N, P) and the sums of weighted squares (N,) that at most so many steps reach from a start (N, P)."""
    theta, damping, last = start.copy(), np.full(len(start), _FIRST_DAMPING), np.full(len(start), np.inf)
    residuals = pairs.residuals(transform, theta)
    cost = _squares(residuals)
    done = (cost == 0) | ~np.isfinite(theta).all(axis=1)
    for _ in range(steps):
        rows = np.flatnonzero(~done)
        if not rows.size:
            break
        part = pairs[rows]
        step = _step(part.design(transform, theta[rows]), residuals[rows], damping[rows])
        trial = theta[rows] - step
        trial_residuals = part.residuals(transform, trial)
        trial_cost = _squares(trial_residuals)
        size = np.abs(step).max(axis=1, initial=0.0)
        # Near the minimum costs differ only by rounding, while steps still bring theta closer: they shrink.
        equal = (trial_cost <= cost[rows] * (1 + _ROUNDING)) & (size < 0.5 * last[rows])
        better = (trial_cost < cost[rows]) | equal
        last[rows[better]] = size[better]
        theta[rows[better]], residuals[rows[better]] = trial[better], trial_residuals[better]
        cost[rows[better]] = trial_cost[better]
        damping[rows] = np.maximum(damping[rows] * np.where(better, 0.1, 10.0), _LEAST_DAMPING)
        small = (np.abs(step) <= _SMALL_STEP * np.maximum(1.0, np.abs(trial))).all(axis=1)
        done[rows] = small | (damping[rows] > _MOST_DAMPING) | (trial_cost == 0)
    return theta, cost


def _step(design: Array, residuals: Array, damping: Array) -> Array:
    """Solutions (N, P) of damped linear least squares, by a QR decomposition of columns of length 1."""
    design = np.where(np.isfinite(design), design, 0.0)
    residuals = np.where(np.isfinite(residuals), residuals, 0.0)
    lengths = np.linalg.norm(design, axis=1)
    lengths = np.where(lengths > 0, lengths, 1.0)
    count = lengths.shape[1]
    diagonal = np.sqrt(damping)[:, None, None] * np.eye(count)
    orthogonal, triangular = np.linalg.qr(np.concatenate([design / lengths[:, None], diagonal], axis=1))
    projected = np.swapaxes(orthogonal[:, : residuals.shape[1]], 1, 2) @ residuals[..., None]
    result: Array = np.linalg.solve(triangular, projected)[..., 0] / lengths
    return result


def _squares(residuals: Array) -> Array:
    """Sums of squares (N,); infinite if a residual is not a number."""
    with np.errstate(over="ignore"):
        sums = np.sum(residuals**2, axis=1)
    return np.where(np.isnan(sums), np.inf, sums)
