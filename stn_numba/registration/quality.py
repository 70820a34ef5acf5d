"""Judge a registration: by what the images show after warping, not by why the optimizer stopped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stn_numba.registration.models import Model, shown_values
from stn_numba.registration.models.lighting import robust_weights, scale_of
from stn_numba.registration.pyramid.levels import Level
from stn_numba.registration.pyramid.volume_filters import smooth_all

__all__ = ["detail_correlation"]

Array = NDArray[np.float64]
Rows = NDArray[np.intp]
Planar = NDArray[np.float32]

_SIGMA = 3.0  # pixels of a level: what is larger than this is no detail
_SMALLEST = {2: 48, 3: 24}  # shorter side of levels to look at, of images and of volumes: coarser ones have little detail
_LARGEST = 160  # noise hides detail on finer ones
_FAINT = np.float32(1e-6)  # variance of details, in units of that of the image, below which they are rounding
_MOSTLY = 0.6  # weight of a neighborhood that counts, if weights are robust
_ENOUGH = 0.95  # no other level is looked at
_FEW = 16  # pixels that are too few to correlate


def detail_correlation(
    model: Model, levels: list[Level], theta: Array, pairs: Rows, *, gain: Array, bias: Array, robust: int
) -> Array:
    """Return the correlation (N,) of details: of the warped moving image with the fixed one, each without its local mean.

    Wrong maps may correlate well where both images are bright in the middle, or dark at one side; details agree only where
    the map is right. The level where they agree best counts, because noise hides them on fine levels. The sign is that of
    the gain, so it is positive where details agree, also for inverted contrast.
    """
    usable = [level for level in levels if _SMALLEST[level.ndim] <= min(level.shape) < _LARGEST] or levels[:1]
    best = np.full(len(theta), -1.0)
    for level in usable:
        found = _on_level(model, level, theta, pairs, (gain, bias), robust) * np.sign(gain)
        best = np.maximum(best, found.mean(axis=1))
        if (best >= _ENOUGH).all():
            break
    return best


def _on_level(model: Model, level: Level, theta: Array, pairs: Rows, lighting: tuple[Array, Array], robust: int) -> Array:
    """(N, C): on one level."""
    moving = shown_values(model, level, theta, pairs)
    planes = level.planes_of(pairs)[1]
    fixed = level.fixed[planes].reshape(moving.shape)
    weight = np.isfinite(moving).astype(np.float32)
    moving = np.where(weight > 0, moving, np.float32(0))
    if level.fixed_weight is not None:
        weight = weight * level.fixed_weight[planes].reshape(moving.shape)
    if robust:
        gain, bias = (_spread(each, moving) for each in lighting)
        weight *= _agreement(gain * moving + bias - fixed, weight, robust)
    details = _details(np.stack([moving, fixed]), weight)
    return _correlation(details[0], details[1], weight)


def _details(images: Planar, weight: Planar) -> Planar:
    """What two images show besides their local means, fainter where it is strong: one edge must not outweigh all the rest."""

    def around(planes: Planar) -> Planar:
        return smooth_all((planes * weight).reshape(-1, *planes.shape[3:]), _SIGMA).reshape(planes.shape)

    share = np.maximum(around(np.ones_like(weight)[None]), np.float32(1e-6))
    details = images - around(images) / share
    power, axes = np.square(details), tuple(range(-images.ndim + 3, 0))
    mean = np.sum(power * weight, axis=axes, keepdims=True) / np.maximum(np.sum(weight, axis=axes, keepdims=True), 1)
    return np.asarray(details / np.sqrt(around(power) / share + mean + _FAINT))


def _agreement(residual: Planar, weight: Planar, robust: int) -> Planar:
    """Robust weights by the scale of the residuals on this level; 0 where a neighborhood agrees by chance only."""
    scale = scale_of(np.where(weight > 0, residual, np.nan).reshape(*residual.shape[:2], -1))
    weights = robust_weights(residual, robust, scale.reshape(*scale.shape, *(1,) * (residual.ndim - 2))).astype(np.float32)
    around = smooth_all(weights.reshape(-1, *residual.shape[2:]), _SIGMA).reshape(weights.shape)
    return np.where(around > _MOSTLY, weights, np.float32(0))


def _correlation(first: Planar, second: Planar, weight: Planar) -> Array:
    """Weighted correlation of planes (N, C, h, w) or volumes; 0 where too few pixels count or an image is flat."""
    first, second, weight = (each.reshape(*each.shape[:2], -1, each.shape[-1]) for each in (first, second, weight))

    def sums(*factors: Planar) -> Array:
        result: Array = np.einsum(f"{','.join(['nchw'] * len(factors))}->nch", *factors).sum(axis=2, dtype=np.float64)
        return result

    total = sums(weight)
    mean_first, mean_second = (sums(weight, each) / np.maximum(total, 1e-9) for each in (first, second))
    first, second = first - _spread(mean_first, first), second - _spread(mean_second, second)
    covariance, variances = sums(weight, first, second), sums(weight, first, first) * sums(weight, second, second)
    usable = (total >= _FEW) & (variances > (1e-9 * total) ** 2)
    return np.where(usable, covariance / np.sqrt(np.where(usable, variances, 1)), 0.0)


def _spread(numbers: Array, planes: Planar) -> Planar:
    """Numbers (N, C) with axes of length 1, as many as planes have."""
    return numbers.reshape(*numbers.shape, *(1,) * (planes.ndim - 2)).astype(np.float32)
