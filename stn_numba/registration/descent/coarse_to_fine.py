"""Register from the coarsest level to the finest."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import base_points
from stn_numba.registration.descent.minimize import Minimum, minimize
from stn_numba.registration.descent.normal_equations import NormalEquations, normal_equations
from stn_numba.registration.descent.penalty import BendingPenalty
from stn_numba.registration.descent.volume_penalty import VolumePenalty
from stn_numba.registration.models import Model, PositionsModel, shown_values
from stn_numba.registration.models.lighting import Lighting, scale_of
from stn_numba.registration.pyramid.levels import Level
from stn_numba.transform.base import Transform

__all__ = ["Registrar"]

Array = NDArray[np.float64]
Rows = NDArray[np.intp]
Motion = Callable[[Array, Rows], Array]

_PROBES = {ndim: base_points((3,) * ndim) for ndim in (2, 3)}
_COARSE, _FINE = 0.1, 0.02  # pixels of a level: steps that end it, and the finest one
_ROUNDS = 3  # of robust weights on a level


@dataclass(frozen=True)
class Registrar:
    """Minimizes the cost of pairs of images level by level.

    Attributes
    ----------
    transform : Transform
    model : Model
        How it is read.
    free_gain : bool
        Whether gain and bias are fitted.
    robust : int
        Kind of robust weights, see `Lighting`.
    max_iterations : int
        Steps on each level at most.
    penalty : BendingPenalty, VolumePenalty or None
        What is added to the cost.
    """

    transform: Transform
    model: Model
    free_gain: bool
    robust: int
    max_iterations: int
    penalty: BendingPenalty | VolumePenalty | None = None

    def descend(self, levels: list[Level], theta: Array, pairs: Rows, motion: Motion | None = None) -> list[Minimum]:
        """Return where the pairs ended on each level, given from the finest to the coarsest; coarsest first."""
        found: list[Minimum] = []
        for level in reversed(levels):
            found.append(self.minimize(level, theta, pairs, motion))
            theta = found[-1].theta
        return found

    def minimize(self, level: Level, theta: Array, pairs: Rows, motion: Motion | None = None) -> Minimum:
        """Minimize on one level; `motion` measures steps, by default to first order at theta."""
        motion = motion or self.motion(level, theta)
        tolerance = (_COARSE if level.depth else _FINE) * 2.0**level.depth
        lighting, iterations = Lighting(), np.zeros(len(theta), np.int64)
        for _ in range(_ROUNDS if self.robust else 1):
            if self.robust:
                lighting = self.lighting(level, theta, pairs, lighting)

            def evaluate(theta: Array, rows: Rows, lighting: Lighting = lighting) -> NormalEquations:
                return self.equations(level, theta, pairs[rows], lighting.take(rows))

            found = minimize(evaluate, motion, theta, tolerance=tolerance, max_iterations=self.max_iterations)
            theta, iterations = found.theta, iterations + found.iterations
        return Minimum(theta, found.equations, iterations, found.reasons)

    def equations(self, level: Level, theta: Array, pairs: Rows, lighting: Lighting) -> NormalEquations:
        """Normal equations at theta."""
        found = normal_equations(self.model.sums(level, theta, pairs, lighting), self.free_gain)
        return found if self.penalty is None else found.plus(*self.penalty.terms(theta, math.prod(level.steps)))

    def scores(self, level: Level, theta: Array, pairs: Rows) -> NormalEquations:
        """Equations for comparing starts by their cost: without derivatives where these take time."""
        if isinstance(self.model, PositionsModel) and self.penalty is None:
            return normal_equations(self.model.sums_of_values(level, theta, pairs), self.free_gain)
        return self.equations(level, theta, pairs, Lighting())

    def lighting(self, level: Level, theta: Array, pairs: Rows, known: Lighting | None = None) -> Lighting:
        """Gain, bias and scale of the residuals at theta."""
        at = self.equations(level, theta, pairs, known or Lighting())
        moving, fixed = shown_values(self.model, level, theta, pairs), level.fixed[level.planes_of(pairs)[1]]
        axes = (...,) + (None,) * level.ndim
        predicted = moving * at.gain[axes] + at.bias[axes]
        residuals = predicted - fixed.reshape(-1, *moving.shape[1:])
        return Lighting(self.robust, at.gain, at.bias, scale_of(residuals.reshape(*moving.shape[:2], -1)))

    def full_overlap(self, level: Level, pair: int) -> float:
        """Sum of the weights of a fixed image: what an overlap is compared with."""
        if level.fixed_weight is None:
            return float(math.prod(level.shape))
        return float(level.fixed_weight[level.planes_of(np.array([pair]))[1][0]].sum())

    def motion(self, level: Level, theta: Array) -> Motion:
        """How far a step moves a point of the fixed image in pixels of the moving one, to first order at theta."""
        scale = level.scale * level.steps[::-1]
        slopes = self.transform.theta_jacobian(theta, _PROBES[level.ndim]) * scale[:, None]

        def motion(step: Array, rows: Rows) -> Array:
            moved = slopes[rows] @ step[:, None, :, None]
            return np.asarray(np.sqrt(np.square(moved).sum(axis=(2, 3)).max(axis=1)))

        return motion
