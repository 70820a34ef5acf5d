"""Any transform, by its positions and their derivatives: pair by pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stn_numba.registration.models.base import Array, Rows, Sums, split
from stn_numba.registration.models.lighting import Lighting
from stn_numba.registration.models.row_sums import Source, row_read, row_sums
from stn_numba.registration.pyramid.levels import Level
from stn_numba.transform.base import Transform

__all__ = ["PositionsModel"]

_POINTS = 1 << 13  # that a transform maps at a time: what it computes then stays in the cache
_FEW = 1 << 14  # pixels of a level whose derivatives are all evaluated
_BEHIND = 8  # columns of derivatives behind the last pixel, which kernels may load


class PositionsModel:
    """Any transform, by positions: pair by pair.

    Positions are exact. Derivatives by theta, on levels of more pixels than a few, are evaluated at every fourth pixel of every
    fourth row, and linear in between: they are smooth, and what they decide is the way to the minimum.
    """

    def __init__(self, transform: Transform) -> None:
        self.transform = transform
        self._points: dict[tuple[float, ...], Array] = {}

    def sums(self, level: Level, theta: Array, pairs: Rows, lighting: Lighting) -> Sums:
        """As `Model.sums`."""
        parts = []
        for k in range(len(theta)):
            row = theta[k : k + 1]
            every = 1 if level.shape[0] * level.shape[1] <= _FEW else 4
            source = Source(self._mapped(level, row), self.slopes(level, row, every), every)
            found = row_sums(level, pairs[k : k + 1], source, lighting.take(np.array([k])))
            parts.append(split(found, level.channels))
        return Sums.joined(parts)

    def sums_of_values(self, level: Level, theta: Array, pairs: Rows) -> Sums:
        """`sums` of no parameters: enough for the cost, at a fraction of the time."""
        parts = []
        for k in range(len(theta)):
            found = row_sums(level, pairs[k : k + 1], Source(self._mapped(level, theta[k : k + 1])), Lighting())
            parts.append(split(found, level.channels))
        return Sums.joined(parts)

    def values(self, level: Level, theta: Array, pairs: Rows) -> NDArray[np.float32]:
        """As `Model.values`."""
        result = np.empty((len(theta), level.channels, *level.shape), np.float32)
        for k in range(len(theta)):
            result[k] = row_read(level, pairs[k : k + 1], Source(self._mapped(level, theta[k : k + 1])))
        return result

    def _mapped(self, level: Level, theta: Array) -> Array:
        """Normalized positions (h * w, 2) that the pixels of a level read."""
        key = level.frame
        if key not in self._points:
            self._points[key] = level.points()
        points = self._points[key]
        mapped = np.empty(points.shape)
        for first in range(0, len(points), _POINTS):
            mapped[first : first + _POINTS] = self.transform.apply(theta, points[first : first + _POINTS])[0]
        return mapped

    def slopes(self, level: Level, theta: Array, every: int) -> NDArray[np.float32]:
        """Derivatives (P, 2, rows, columns) by theta, in pixels of the level; see `Source`."""
        step_x, start_x, step_y, start_y = level.axes
        rows, columns = ((size - 1) // every + 2 for size in level.shape)
        x, y = start_x + every * step_x * np.arange(columns), start_y + every * step_y * np.arange(rows)
        points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        found = self.transform.theta_jacobian(theta, points)[0].reshape(rows, columns, 2, -1)
        found = np.where(np.isfinite(found), found, 0.0) * np.diag(level.to_pixels)[:2, None]
        result = np.zeros((found.shape[3], 2, rows, columns + _BEHIND), np.float32)
        result[..., :columns] = found.transpose(3, 2, 0, 1)
        return result
