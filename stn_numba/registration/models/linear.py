"""Transforms that are linear in theta: by basis functions at the pixels of a level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stn_numba.registration.models.base import Array, Rows, Sums, split
from stn_numba.registration.models.lighting import Lighting
from stn_numba.registration.models.row_sums import Source, row_read, row_sums
from stn_numba.registration.pyramid.levels import Level
from stn_numba.transform.linear import LinearTransform

__all__ = ["LinearModel"]

_POINTS = 4096  # at which functions are evaluated at a time
_PADDING = 16  # numbers behind the last, which kernels may load


class LinearModel:
    """All pairs at once; the functions of each level are kept."""

    def __init__(self, transform: LinearTransform) -> None:
        self.transform = transform
        self._known: dict[tuple[float, ...], NDArray[np.float32]] = {}

    def sums(self, level: Level, theta: Array, pairs: Rows, lighting: Lighting) -> Sums:
        """As `Model.sums`."""
        source = self._source(level, theta)
        jacobian = np.repeat(np.diag(level.to_pixels)[:2], source.count // 2)
        return split(row_sums(level, pairs, source, lighting), level.channels, jacobian)

    def values(self, level: Level, theta: Array, pairs: Rows) -> NDArray[np.float32]:
        """As `Model.values`."""
        return row_read(level, pairs, self._source(level, theta)).reshape(len(theta), level.channels, *level.shape)

    def _source(self, level: Level, theta: Array) -> Source:
        return Source(basis=self.basis(level), coefficients=np.ascontiguousarray(theta, np.float64))

    def basis(self, level: Level) -> NDArray[np.float32]:
        """Functions (B, h * w + padding) at the pixels of a level."""
        key = level.frame
        if key not in self._known:
            points = level.points()
            found = np.zeros((self.transform.n_params // 2, len(points) + _PADDING), np.float32)
            for first in range(0, len(points), _POINTS):
                part = points[first : first + _POINTS]
                found[:, first : first + len(part)] = self.transform.basis(part).T
            self._known[key] = found
        return self._known[key]
