"""Any transform, by its positions and their derivatives: pair by pair."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.registration.models.base import Array, Rows, Sums
from stn_numba.registration.models.lighting import Lighting
from stn_numba.registration.models.reading import read_with_gradient, row_sums
from stn_numba.registration.pyramid.levels import Level
from stn_numba.transform.base import Transform

__all__ = ["PositionsModel"]


class PositionsModel:
    """Any transform, by positions: pair by pair."""

    def __init__(self, transform: Transform) -> None:
        self.transform = transform

    def sums(self, level: Level, theta: Array, pairs: Rows, lighting: Lighting) -> Sums:
        """As `Model.sums`."""
        parts = [
            self._sums_of_pair(level, row[None], pairs[k : k + 1], lighting.take(np.array([k]))) for k, row in enumerate(theta)
        ]
        return Sums(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("jj", "jr", "rr", "count")))

    def _sums_of_pair(self, level: Level, theta: Array, pair: Rows, lighting: Lighting) -> Sums:
        positions, jacobian = self._pixels(level, theta), self.jacobian(level, theta)
        size, products, count = theta.shape[1], [], 0.0
        for channel, (moving, fixed) in enumerate(zip(*level.planes_of(pair), strict=True)):
            value, slope_x, slope_y = read_with_gradient(level.moving[moving], positions, level.moving_size, cubic=level.cubic)
            weight = self._weights(level, positions, value, moving, fixed)
            count = float(weight.sum(dtype=np.float64))
            value = np.nan_to_num(value)
            weight = weight * lighting.weights(value, level.fixed[fixed], channel)
            products.append(row_sums(jacobian, value, slope_x, slope_y, level.fixed[fixed], weight))
        split = np.array(products)[None]
        return Sums(split[..., :size, :size], split[..., :size, size:], split[..., size:, size:], np.array([count]))

    @staticmethod
    def _weights(level: Level, positions: Array, value: NDArray[Any], moving: int, fixed: int) -> NDArray[Any]:
        """Weights (h, w) of pixels: 0 outside, and where a mask says so."""
        weight = np.isfinite(value).astype(np.float32)
        if level.fixed_weight is not None:
            weight *= level.fixed_weight[fixed]
        if level.moving_weight is not None:
            weight *= np.nan_to_num(read_with_gradient(level.moving_weight[moving], positions, level.moving_size)[0])
        return weight

    def values(self, level: Level, theta: Array, pairs: Rows) -> NDArray[np.float32]:
        """As `Model.values`."""
        result = np.empty((len(theta), level.channels, *level.shape), np.float32)
        for k, row in enumerate(theta):
            positions = self._pixels(level, row[None])
            for channel, plane in enumerate(level.planes_of(pairs[k : k + 1])[0]):
                result[k, channel] = read_with_gradient(level.moving[plane], positions, level.moving_size, cubic=level.cubic)[0]
        return result

    def _pixels(self, level: Level, theta: Array) -> Array:
        """Positions (h, w, 2) in pixels of the moving image at this level."""
        to_pixels = level.to_pixels
        mapped = np.asarray(self._mapped(level, theta), np.float64)[0]
        return (mapped * np.diag(to_pixels)[:2] + to_pixels[:2, 2]).reshape(*level.shape, 2)

    def _mapped(self, level: Level, theta: Array) -> Any:
        return self.transform.apply(theta, level.points())

    def jacobian(self, level: Level, theta: Array) -> Array:
        """(P, h * w, 2): derivatives of positions in pixels of the level."""
        slopes = self.transform.theta_jacobian(theta, level.points())[0]
        return np.moveaxis(slopes, 2, 0) * np.diag(level.to_pixels)[:2]
