"""Homographies: all pairs at once, without positions in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Floats
from stn_numba.registration.models.base import Array, Rows, Sums
from stn_numba.registration.models.kernel_sums import matrix_read, matrix_sums
from stn_numba.registration.models.lighting import Lighting
from stn_numba.registration.models.row_sums import kernel_of
from stn_numba.registration.pyramid.levels import Level
from stn_numba.transform.matrix import MatrixTransform

__all__ = ["MatrixModel"]


class MatrixModel:
    """Homographies: all pairs at once, without positions in memory."""

    def __init__(self, transform: MatrixTransform) -> None:
        self.transform = transform

    def sums(self, level: Level, theta: Array, pairs: Rows, lighting: Lighting) -> Sums:
        """As `Model.sums`."""
        matrix, to_theta = self._matrices(level, theta)
        channels = level.channels
        moving, fixed = level.planes_of(pairs)
        found = matrix_sums(
            level.moving,
            level.fixed,
            np.repeat(matrix, channels, axis=0),
            level.axes,
            level.moving_size,
            kernel=kernel_of(level),
            projective=bool((matrix[:, 2] != (0, 0, 1)).any()),
            mask=level.moving_weight,
            fixed_weight=level.fixed_weight,
            moving_index=moving,
            fixed_index=fixed,
            **lighting.arguments(),
        )
        products = found.products.reshape(len(theta), channels, 12, 12)
        jj = to_theta @ products[..., :9, :9] @ np.swapaxes(to_theta, -1, -2)
        jr = np.asarray(to_theta @ products[..., :9, 9:], np.float64)
        return Sums(np.asarray(jj, np.float64), jr, products[..., 9:, 9:], found.counts[::channels])

    def values(self, level: Level, theta: Array, pairs: Rows) -> NDArray[np.float32]:
        """As `Model.values`."""
        matrix = level.to_pixels @ self.transform.matrix(theta)
        values = matrix_read(
            level.moving,
            np.repeat(matrix, level.channels, axis=0),
            level.axes,
            level.moving_size,
            level.shape,
            kernel=kernel_of(level),
            projective=bool((matrix[:, 2] != (0, 0, 1)).any()),
            moving_index=level.planes_of(pairs)[0],
        )
        return values.reshape(len(theta), level.channels, *level.shape)

    def _matrices(self, level: Level, theta: Array) -> tuple[Array, Floats]:
        """Matrices to pixels of the level (N, 3, 3), and (N, 1, P, 9): derivatives of their entries by theta."""
        (n, count), numbers = theta.shape, len(level.unit_gradients)
        matrix, pull_back = self.transform.matrix_vjp(np.repeat(theta, numbers, axis=0))
        units = level.unit_gradients if n == 1 else np.tile(level.unit_gradients, (n, 1, 1))
        jacobian = np.swapaxes(pull_back(units).reshape(n, numbers, count), 1, 2)
        return level.to_pixels @ matrix[::numbers], jacobian[:, None]
