"""Levenberg and Marquardt's method for many pairs at once, on one level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stn_numba.registration.descent.normal_equations import NormalEquations

__all__ = ["CONVERGED", "NO_IMPROVEMENT", "OUT_OF_STEPS", "OUT_OF_VIEW", "Minimum", "minimize"]

Array = NDArray[np.float64]
Rows = NDArray[np.intp]
Evaluate = Callable[[Array, Rows], NormalEquations]

CONVERGED = "converged"
NO_IMPROVEMENT = "no step improves"
OUT_OF_STEPS = "max_iterations"
OUT_OF_VIEW = "no overlap"

_FIRST_DAMPING, _MOST_DAMPING = 1e-4, 1e6
_SUCCESS = 0.1, 1e-9  # what damping is multiplied by after a step that improves, and the least one then
_FAILURE = 10.0, 1e-3  # the same after one that does not: damping that is smaller hardly changes a step
_ROUNDING = 1e-6  # relative error of a cost, which is summed in float32
_LEAST_OVERLAP = 0.5  # of the overlap at the start; a smaller one may hide bad pixels


@dataclass(frozen=True)
class Minimum:
    """Where N pairs ended.

    Attributes
    ----------
    theta : ndarray, (N, P)
    equations : NormalEquations
        At theta, or at most one short step before it.
    iterations : ndarray of int, (N,)
        Steps that were tried.
    reasons : list of str
        Why each pair stopped.
    """

    theta: Array
    equations: NormalEquations
    iterations: NDArray[np.int64]
    reasons: list[str]


def minimize(
    evaluate: Evaluate,
    motion: Callable[[Array, Rows], Array],
    theta: Array,
    *,
    tolerance: float,
    max_iterations: int,
) -> Minimum:
    """Minimize the cost of N pairs.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(theta, rows)``: the normal equations of some pairs.
    motion : callable
        ``motion(step, rows)``: how far steps of some pairs move any point, in pixels.
    theta : ndarray, (N, P)
        Where to start.
    tolerance : float
        A step that moves no point by more pixels is the last one. It is taken without evaluating the cost again.
    max_iterations : int
        Steps to try at most.
    """
    theta, n = theta.copy(), len(theta)
    state = evaluate(theta, np.arange(n))
    least_overlap = _LEAST_OVERLAP * state.overlap
    damping, iterations = np.full(n, _FIRST_DAMPING), np.zeros(n, np.int64)
    reasons = [OUT_OF_STEPS if np.isfinite(cost) else OUT_OF_VIEW for cost in state.cost]
    active = np.flatnonzero(np.isfinite(state.cost))
    while len(active) and iterations[active[0]] < max_iterations:
        iterations[active] += 1
        step = (state if len(active) == n else state.take(active)).step(damping[active])
        trial, last = theta[active] + step, motion(step, active) <= tolerance
        theta[active[last]] = trial[last]
        for row in active[last]:
            reasons[row] = CONVERGED
        active, trial = active[~last], trial[~last]
        if not len(active):
            break
        found = evaluate(trial, active)
        better = (found.cost <= state.cost[active] * (1 + _ROUNDING)) & (found.overlap >= least_overlap[active])
        rows = active[better]
        theta[rows] = trial[better]
        state = found if len(rows) == n else state.replaced(rows, found.take(np.flatnonzero(better)))
        less, more = (np.maximum(damping[active] * by, at_least) for by, at_least in (_SUCCESS, _FAILURE))
        damping[active] = np.where(better, less, more)
        stuck = damping[active] > _MOST_DAMPING
        for row in active[stuck]:
            reasons[row] = NO_IMPROVEMENT
        active = active[~stuck]
    return Minimum(theta, state, iterations, reasons)
