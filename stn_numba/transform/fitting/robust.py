"""Fit to points of which up to about half are outliers: random samples, then an M-estimator.

Samples are judged by a quantile of their residuals, so no threshold is needed: Rousseeuw, "Least median of squares regression",
1984. The refinement weighs residuals by Tukey's biweight.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stn_numba.transform.fitting.degenerate import least_count
from stn_numba.transform.fitting.pairs import Pairs
from stn_numba.transform.points import PointMap

__all__ = ["Solver", "solve_robustly"]

Array = NDArray[np.float64]

_CONFIDENCE, _INLIERS = 0.999, 0.5  # of at least one sample without outliers, if this share of points has none
_LEAST_SAMPLES, _MOST_SAMPLES = 30, 500
_AT_ONCE = 1 << 20  # mapped points in memory at once
_MEDIAN = 1.1774  # median length of vectors whose coordinates have a standard deviation of 1
_CUTOFF = 4.685  # standard deviations at which Tukey's weight becomes 0: 95 % as efficient as least squares
_STEPS = 50
_FLOOR = 1e-11  # standard deviation of residuals that are only rounding


class Solver(PointMap, Protocol):
    """What robust fitting needs to know of a transform."""

    def solve_points(self, pairs: Pairs, start: Array | None = None) -> Array:
        """Least squares theta (N, P)."""


def solve_robustly(transform: Solver, pairs: Pairs) -> tuple[Array, Array]:
    """Return theta (N, P) and the weights (N, M) of the refinement, 0 for outliers."""
    rows = [_row(transform, pairs[[row]]) for row in range(len(pairs))]
    return np.concatenate([theta for theta, _ in rows]), np.concatenate([weights for _, weights in rows])


def _row(transform: Solver, pairs: Pairs) -> tuple[Array, Array]:
    """Theta (1, P) and weights (1, M) of one row."""
    kept = np.flatnonzero(pairs.weights[0] > 0)
    least = least_count(transform)
    if len(kept) <= least:
        return transform.solve_points(pairs), pairs.weights
    pairs = Pairs(pairs.source_of(0), pairs.target, pairs.weights)
    rank = (len(kept) + least + 1) // 2  # this many points should fit: least points fit any sample
    theta = np.concatenate([_samples(transform, pairs, kept, least), _absolute_deviations(transform, pairs)])
    lengths = _lengths(transform, pairs, theta, kept)
    spreads = np.partition(lengths, rank - 1, axis=1)[:, rank - 1]
    best = int(np.argmin(spreads))
    if not np.isfinite(spreads[best]):
        return np.full((1, transform.n_params), np.nan), pairs.weights
    spread = float(spreads[best]) * (1 + 5 / (len(kept) - least)) / _MEDIAN
    return _refined(transform, pairs, theta[[best]], spread)


def _samples(transform: Solver, pairs: Pairs, kept: NDArray[np.intp], least: int) -> Array:
    """Theta (T, P) of the smallest samples that determine the transform; NaN where they do not."""
    chance = _INLIERS**least
    needed = math.log(1 - _CONFIDENCE) / math.log1p(-chance)
    count = min(max(math.ceil(needed), _LEAST_SAMPLES), _MOST_SAMPLES)
    rng = np.random.default_rng(0)
    chosen = np.stack([rng.choice(kept, least, replace=False) for _ in range(count)])
    samples = Pairs(pairs.source_of(0)[chosen], pairs.target[0][chosen], np.ones(chosen.shape))
    return transform.solve_points(samples, np.tile(transform.identity(), (count, 1)))


def _absolute_deviations(transform: Solver, pairs: Pairs) -> Array:
    """Theta (1, P) with nearly the least sum of distances: good where a sample needs many points, all of them right."""
    theta = transform.solve_points(pairs)
    for _ in range(_STEPS if least_count(transform) > 4 else 0):
        if not np.isfinite(theta).all():
            break
        lengths = _lengths(transform, pairs, theta, np.arange(pairs.weights.shape[1]))
        floor = max(float(np.median(lengths)) * 1e-3, _FLOOR)
        theta = transform.solve_points(pairs.reweighted(pairs.weights / np.maximum(lengths, floor)), theta)
    return theta


def _lengths(transform: Solver, pairs: Pairs, theta: Array, kept: NDArray[np.intp]) -> Array:
    """Distances (T, M) between mapped points and targets for each theta (T, P); infinite if not a number."""
    source, target, result = pairs.source_of(0)[kept], pairs.target[0][kept], np.full((len(theta), len(kept)), np.inf)
    finite = np.flatnonzero(np.isfinite(theta).all(axis=1))
    size = max(1, _AT_ONCE // max(1, len(kept)))
    with np.errstate(all="ignore"):
        for first in range(0, len(finite), size):
            rows = finite[first : first + size]
            lengths = np.linalg.norm(np.asarray(transform.apply(theta[rows], source), np.float64) - target, axis=-1)
            result[rows] = np.where(np.isnan(lengths), np.inf, lengths)
    return result


def _refined(transform: Solver, pairs: Pairs, theta: Array, spread: float) -> tuple[Array, Array]:
    """Least squares, weighed anew by the residuals of each result until nothing changes."""
    every, weights = np.arange(pairs.weights.shape[1]), pairs.weights
    lengths = _lengths(transform, pairs, theta, every)[0]
    for _ in range(_STEPS):
        cutoff = _CUTOFF * max(spread, _FLOOR)
        weights = pairs.weights * np.maximum(0.0, 1 - (np.minimum(lengths, cutoff) / cutoff) ** 2) ** 2
        if (weights > 0).sum() < least_count(transform):
            break
        fitted = transform.solve_points(pairs.reweighted(weights), theta)
        if not np.isfinite(fitted).all():
            break
        change = float(np.abs(fitted - theta).max(initial=0.0))
        theta, lengths = fitted, _lengths(transform, pairs, fitted, every)[0]
        inside = lengths[(lengths < cutoff) & (pairs.weights[0] > 0)]
        spread = float(np.median(inside)) / _MEDIAN if inside.size else spread
        if change <= 1e-13 * max(1.0, float(np.abs(theta).max(initial=0.0))):
            break
    return theta, weights
