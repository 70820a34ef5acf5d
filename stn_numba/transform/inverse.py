"""Map input positions back to output positions, with any transform, by Newton's method."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.grid import Floats, as_floats, base_points
from stn_numba.transform.points import PointMap, apply_each

__all__ = ["as_boxes", "box_outlines", "hulls", "invert"]

Array = NDArray[np.float64]

_STEPS = 60
_FIXED_POINT_STEPS = 4
_LEAST_DAMPING = 1e-5  # a step that is shortened further leads nowhere
_EXACT = 1e-15  # residual, relative to the position, at which a point needs no further step
_CONVERGED = 1e-10  # residual of a solution; most are far more exact, because steps go on as long as they help
_EDGE = 1 + 1e-9
_CANDIDATES = {2: base_points((17, 17)), 3: base_points((7, 7, 7))}  # by the number of coordinates
_AT_ONCE = 2048  # points whose distances to all candidates are in memory at once
_PER_SIDE = 16  # points of an outline on each side of a box


def invert(transform: PointMap, theta: Floats, points: Floats) -> Array:
    """Return output positions (N, M, 2) that read the input positions `points`, (M, 2) or (N, M, 2); NaN if none is found.

    Newton's method starts from some steps of a fixed-point iteration. Where that does not converge, or leads outside the
    output, it starts again from the nearest of some positions of the output.
    """
    at = theta.astype(np.float64)
    target = np.array(np.broadcast_to(points, (len(theta), *points.shape[-2:])), np.float64)
    target[~np.isfinite(target)] = np.nan
    scale = np.maximum(1.0, np.abs(target).max(axis=-1, initial=0.0))
    with np.errstate(all="ignore"):
        found, error = _newton(transform, at, target, _fixed_point(transform, at, target))
        missing = ~(error <= _CONVERGED * scale)
        again = np.flatnonzero((missing | _outside(found)).any(axis=0))
        if again.size:
            goal = target[:, again]
            other, other_error = _newton(transform, at, goal, _nearest(transform, at, goal))
            other_missing = ~(other_error <= _CONVERGED * scale[:, again])
            take = ~other_missing & (missing[:, again] | (_outside(found[:, again]) & ~_outside(other)))
            found[:, again] = np.where(take[..., None], other, found[:, again])
            missing[:, again] &= other_missing
    return np.where(missing[..., None], np.nan, found)


def _newton(transform: PointMap, theta: Array, target: Array, start: Array) -> tuple[Array, Array]:
    """Return the positions with the smallest errors that damped steps reach, and these errors (N, M)."""
    x, damping = start.copy(), np.ones(start.shape[:2])
    residual = apply_each(transform, theta, x) - target
    error = _length(residual)
    enough = _EXACT * np.maximum(1.0, np.abs(target).max(axis=-1, initial=0.0))
    for _ in range(_STEPS):
        active = np.flatnonzero(((error > enough) & (damping >= _LEAST_DAMPING)).any(axis=0))
        if not active.size:
            break
        here = x[:, active]
        step = _solved(transform.points_jacobian(theta, here), residual[:, active])
        trial = here - damping[:, active, None] * step
        trial_residual = apply_each(transform, theta, trial) - target[:, active]
        trial_error = _length(trial_residual)
        better = trial_error < error[:, active]
        x[:, active] = np.where(better[..., None], trial, here)
        residual[:, active] = np.where(better[..., None], trial_residual, residual[:, active])
        error[:, active] = np.where(better, trial_error, error[:, active])
        damping[:, active] *= np.where(better, 2.0, 0.25)
        np.minimum(damping, 1.0, out=damping)
    return x, error


def _solved(jacobian: Array, residual: Array) -> Array:
    """Solutions (N, M, 2) of systems of two equations, or of three; infinite or NaN where there is none."""
    if residual.shape[-1] == 3:
        return _solved_three(jacobian, residual)
    (a, b), (c, d) = np.moveaxis(jacobian, (-2, -1), (0, 1))
    x, y = np.moveaxis(residual, -1, 0)
    result: Array = np.stack([d * x - b * y, a * y - c * x], axis=-1) / (a * d - b * c)[..., None]
    return result


def _solved_three(jacobian: Array, residual: Array) -> Array:
    """As `_solved`, by Cramer's rule."""
    first, second, third = np.moveaxis(jacobian, -1, 0)
    determinant = np.sum(first * np.cross(second, third), axis=-1)
    x, y, z = np.cross(second, third), np.cross(third, first), np.cross(first, second)
    result: Array = np.stack([np.sum(each * residual, axis=-1) for each in (x, y, z)], axis=-1) / determinant[..., None]
    return result


def _fixed_point(transform: PointMap, theta: Array, target: Array) -> Array:
    """Steps of x <- x - (f(x) - target) from the target itself; the best position of each point."""
    best, x = target.copy(), target.copy()
    least = np.full(target.shape[:2], np.inf)
    for _ in range(_FIXED_POINT_STEPS):
        residual = apply_each(transform, theta, x) - target
        error = _length(residual)
        better = error < least
        best, least = np.where(better[..., None], x, best), np.where(better, error, least)
        x = x - residual
    return best


def _nearest(transform: PointMap, theta: Array, target: Array) -> Array:
    """The candidate of each point that is mapped nearest to it."""
    candidates = _CANDIDATES[transform.ndim]
    mapped = apply_each(transform, theta, candidates)
    result = np.empty(target.shape)
    for first in range(0, target.shape[1], _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        for row in range(len(theta)):
            distance = _length(mapped[row] - target[row, part, None])
            result[row, part] = candidates[distance.argmin(axis=-1)]
    return result


def _length(vectors: Array) -> Array:
    """Lengths of vectors (..., 2) or (..., 3); infinite for those that are not numbers."""
    lengths = np.hypot(vectors[..., 0], vectors[..., 1])
    if vectors.shape[-1] == 3:
        lengths = np.hypot(lengths, vectors[..., 2])
    return np.where(np.isnan(lengths), np.inf, lengths)


def _outside(points: Array) -> NDArray[np.bool_]:
    return np.asarray((np.abs(points) > _EDGE).any(axis=-1))


def as_boxes(boxes: ArrayLike, rows: int) -> Floats:
    """Return boxes (K, 4) or (N, K, 4) whose first corner is not beyond the second one."""
    given = as_floats(boxes, "boxes", ("N", "K", 4) if np.ndim(boxes) == 3 else ("K", 4))
    if given.ndim == 3 and len(given) != rows:
        raise ValueError(f"boxes: expected (K, 4) or ({rows}, K, 4), got {given.shape}")
    if (given[..., :2] > given[..., 2:]).any():
        raise ValueError("boxes: expected (x0, y0, x1, y1) with x0 <= x1 and y0 <= y1")
    return given


def box_outlines(boxes: Floats) -> Array:
    """Points (..., K * S, 2) along the sides of boxes (..., K, 4), corners included."""
    along = np.linspace(0.0, 1.0, _PER_SIDE, endpoint=False)
    zeros, ones = np.zeros(_PER_SIDE), np.ones(_PER_SIDE)
    x = np.concatenate([along, ones, 1 - along, zeros])  # clockwise from the first corner
    y = np.concatenate([zeros, along, ones, 1 - along])
    unit = np.stack([x, y], axis=-1)
    points = boxes[..., None, :2] * (1 - unit) + boxes[..., None, 2:] * unit
    return np.asarray(points.reshape(*boxes.shape[:-2], boxes.shape[-2] * len(unit), 2), np.float64)


def hulls(points: Floats, count: int) -> Floats:
    """Smallest boxes (N, count, 4) around the outlines that `box_outlines` returned; NaN points do not count."""
    outlines = points.reshape(len(points), count, 4 * _PER_SIDE, 2)
    missing = np.isnan(outlines)
    low = np.where(missing, np.inf, outlines).min(axis=2)
    high = np.where(missing, -np.inf, outlines).max(axis=2)
    result: Floats = np.concatenate([low, high], axis=-1)
    result[np.isinf(result)] = np.nan
    return result.astype(points.dtype)
