"""Register pairs of images: pyramid, start, descent, refinement, judgement."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import base_points
from stn_numba.registration.descent.coarse_to_fine import Registrar
from stn_numba.registration.descent.minimize import Minimum
from stn_numba.registration.descent.normal_equations import NormalEquations
from stn_numba.registration.descent.volume_penalty import penalty_of
from stn_numba.registration.models import Model, PositionsModel, model_of
from stn_numba.registration.models.lighting import ROBUST
from stn_numba.registration.pyramid.levels import Level, make_levels
from stn_numba.registration.pyramid.planes import Planes
from stn_numba.registration.quality import detail_correlation
from stn_numba.registration.result import LevelReport
from stn_numba.registration.settings import Settings
from stn_numba.registration.starts import best_start, random_starts, similarity_starts
from stn_numba.transform.base import Transform
from stn_numba.transform.points import apply_each

__all__ = ["Found", "find", "joined"]

Array = NDArray[np.float64]

_STARTS, _NUMBERS = 2000, 20_000_000  # random starts; numbers of their normal equations
_SLOW_STARTS = 500  # of transforms that map positions pair by pair
_BLUR, _BLUR_OF_SHIFTS = 0.45, 0.7  # pixels
_PROBES = {ndim: base_points((5,) * ndim) for ndim in (2, 3)}


@dataclass
class Found:
    """What was found for N pairs, before it is put into a `Registration`."""

    theta: Array
    equations: NormalEquations
    detail: Array
    overlap: Array
    success: NDArray[np.bool_]
    levels: list[LevelReport]
    noise_left: NDArray[np.float64]  # (N,): share of the variance of noise after smoothing


def find(moving: Planes, fixed: Planes, transform: Transform, initial: Array, settings: Settings) -> Found:
    """Register N pairs from `initial` (N, P); moving and fixed are N images each, or one for all pairs."""
    if settings.measure == "squares":
        moving = moving.with_units_of(fixed)
    levels = make_levels(moving, fixed, settings.align_corners)
    registrar = Registrar(
        transform,
        model_of(transform, math.prod(levels[0].shape)),
        settings.measure == "correlation",
        ROBUST[settings.robust],
        settings.max_iterations,
        penalty_of(transform, settings.penalty),
    )
    pairs = np.arange(len(initial))
    if settings.search is True:
        found = _searched(registrar, levels, initial, pairs, settings)
    else:
        found = _descended(registrar, levels, initial, pairs, settings)
    if settings.search == "auto" and levels[0].ndim == 2:
        for row in np.flatnonzero(~found.success & np.isfinite(found.equations.cost)):
            again = _searched(registrar, levels, initial[row : row + 1], pairs[row : row + 1], settings)
            if again.detail[0] > found.detail[row]:
                _replace(found, int(row), again)
    return found


def _descended(
    registrar: Registrar,
    levels: list[Level],
    theta: Array,
    pairs: NDArray[np.intp],
    settings: Settings,
    count: int | None = None,
) -> Found:
    """Descend through all levels, or the `count` finest, and judge."""
    coarse, motion = levels[1:count], registrar.motion(levels[0], theta)
    minima = registrar.descend(coarse, theta, pairs, motion)
    start = minima[-1].theta if minima else theta
    finest = levels[0].smoothed(_blur(registrar, levels[0], start))
    if settings.kernel == "cubic":
        finest = finest.with_splines()
    finest = finest.without_margin()
    minima.append(registrar.minimize(finest, start, pairs, motion))
    reports = [
        LevelReport(level.shape, minimum.iterations, minimum.reasons)
        for level, minimum in zip([*reversed(coarse), levels[0]], minima, strict=True)
    ]
    return _judged(registrar, levels, finest, minima[-1], pairs, reports, settings)


def _starts(model: Model, count: int) -> int:
    """Random starts for transforms of `count` parameters: fewer if there are many, whose normal equations take memory."""
    most = _SLOW_STARTS if isinstance(model, PositionsModel) else _STARTS
    return min(most, _NUMBERS // count**2)


def _blur(registrar: Registrar, level: Level, theta: Array) -> float:
    """The deviation in pixels of the Gaussian that smooths the finest level.

    Interpolation changes noise, most halfway between pixels: so noise pulls shifts towards whole pixels, or away from them.
    Smoothing prevents that, but costs accuracy where positions between pixels vary over the image anyway.
    """
    probes = _PROBES[level.ndim]
    moved = np.asarray(apply_each(registrar.transform, theta, probes)) - probes
    with np.errstate(all="ignore"):
        spread = np.ptp(moved * level.scale, axis=1).max(axis=1)
    return _BLUR_OF_SHIFTS if np.median(spread) < 1 else _BLUR


def _searched(registrar: Registrar, levels: list[Level], initial: Array, pairs: NDArray[np.intp], settings: Settings) -> Found:
    """Search starts for each pair, then descend from the best of each."""
    thetas, left = [], levels
    for start, pair in zip(initial, pairs, strict=True):
        rng = np.random.default_rng([settings.seed, int(pair)])
        starts = np.concatenate(
            [
                start[None],
                similarity_starts(registrar.transform, levels[-1], int(pair)),
                random_starts(registrar.transform, start, _starts(registrar.model, start.size), rng),
            ]
        )
        theta, left = best_start(registrar, levels, int(pair), starts)
        thetas.append(theta)
    return _descended(registrar, levels, np.concatenate(thetas), pairs, settings, len(left))


def _judged(
    registrar: Registrar,
    levels: list[Level],
    finest: Level,
    last: Minimum,
    pairs: NDArray[np.intp],
    reports: list[LevelReport],
    settings: Settings,
) -> Found:
    """Add what tells whether the result is right."""
    equations = last.equations
    detail = detail_correlation(
        registrar.model, levels, last.theta, pairs, gain=equations.gain, bias=equations.bias, robust=registrar.robust
    )
    full = np.array([registrar.full_overlap(finest, int(pair)) for pair in pairs])
    overlap = equations.overlap / np.maximum(full, 1)
    success = (detail >= settings.min_correlation) & (overlap >= settings.min_overlap)
    success &= np.isfinite(last.theta).all(axis=1) & np.isfinite(equations.cost)
    noise_left = np.full(len(pairs), finest.noise_left)
    return Found(last.theta, equations, detail, overlap, success, reports, noise_left)


def joined(parts: list[Found]) -> Found:
    """Join the results of batches of pairs, which have the same levels."""
    if len(parts) == 1:
        return parts[0]
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("theta", "detail", "overlap", "success", "noise_left")
    }
    reports = []
    for levels in zip(*(part.levels for part in parts), strict=True):
        iterations = np.concatenate([level.iterations for level in levels])
        reports.append(LevelReport(levels[0].shape, iterations, [reason for level in levels for reason in level.reasons]))
    return Found(**arrays, equations=NormalEquations.joined([part.equations for part in parts]), levels=reports)


def _replace(found: Found, row: int, other: Found) -> None:
    """Put the only pair of `other` into a row."""
    for name in ("theta", "detail", "overlap", "success", "noise_left"):
        getattr(found, name)[row] = getattr(other, name)[0]
    found.equations = found.equations.replaced(np.array([row]), other.equations)
    for report in found.levels:
        for again in other.levels:
            if again.shape == report.shape:
                report.iterations[row] = again.iterations[0]
                report.reasons[row] = again.reasons[0]
