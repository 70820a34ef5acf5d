"""Turn what was found into a `Registration`: units of the images, covariance, one pair or many."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from stn_numba.registration.pyramid.planes import Planes
from stn_numba.registration.result import Registration
from stn_numba.registration.run import Found
from stn_numba.registration.settings import Settings
from stn_numba.transform.base import Transform

__all__ = ["as_registration"]

Array = NDArray[np.float64]


def as_registration(
    found: Found, moving: Planes, fixed: Planes, transform: Transform, settings: Settings, *, single: bool
) -> Registration:
    """Return the result; if `single`, with numbers instead of arrays (1,)."""
    fitted = settings.measure == "correlation"
    gain, bias = _lighting(found, moving, fixed) if fitted else (found.equations.gain, found.equations.bias)
    per_pair = found.success, found.equations.correlation, found.detail, found.overlap
    success, correlation, detail, overlap = (each[0].item() for each in per_pair) if single else per_pair
    return Registration(
        found.theta,
        success,
        correlation,
        detail,
        overlap,
        gain,
        bias,
        functools.partial(_covariance, found),
        tuple(found.levels),
        transform,
        moving.shape,
        fixed.shape,
        settings.align_corners,
    )


def _lighting(found: Found, moving: Planes, fixed: Planes) -> tuple[Array, Array]:
    """Gain and bias in the units of the images; both were standardized."""
    with np.errstate(all="ignore"):
        gain = found.equations.gain * fixed.deviation / moving.deviation
    gain = np.where(np.isfinite(gain), gain, 0.0)
    bias = fixed.mean + fixed.deviation * found.equations.bias - gain * moving.mean
    return gain, bias


def _covariance(found: Found) -> Array:
    """(N, P, P): the inverse of the curvature, times the variance of the residuals before smoothing."""
    equations = found.equations
    channels, count = equations.gain.shape[1], found.theta.shape[1]
    if equations.gradient.shape[1] != count:  # of a coarser lattice
        return np.broadcast_to(np.nan, (len(found.theta), count, count))
    result = np.full((len(found.theta), count, count), np.nan)
    for row, hessian in enumerate(equations.hessian.dense()):
        freedom = equations.overlap[row] * channels - count
        if np.isfinite(hessian).all() and np.isfinite(equations.cost[row]) and freedom > 0:
            try:
                result[row] = np.linalg.inv(hessian) * equations.cost[row] / (freedom * found.noise_left[row])
            except np.linalg.LinAlgError:
                continue
    return result
