"""Sums over pixels for each kind of transform, which normal equations are made of.

Homographies have their own kernel, which reads all pairs at once and computes positions from the matrix. For transforms that
are linear in their parameters, the derivatives of positions are basis functions; those of a lattice touch few control points.
For any other transform they are `theta_jacobian`, central differences if need be.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stn_numba.registration.levels import Level
from stn_numba.registration.normal_equations import Sums
from stn_numba.registration.robust import Lighting
from stn_numba.registration.positions import read_with_gradient, row_sums
from stn_numba.registration.sums import KERNELS, matrix_read, matrix_sums
from stn_numba.transform.base import Transform
from stn_numba.transform.matrix import MatrixTransform

__all__ = ["Model", "model_of"]

Array = NDArray[np.float64]
Rows = NDArray[np.intp]


class Model(Protocol):
    """How a kind of transform is read."""

    def sums(self, level: Level, theta: Array, pairs: Rows, lighting: Lighting) -> Sums:
        """Sums for theta (N, P) of the given pairs."""

    def values(self, level: Level, theta: Array, pairs: Rows) -> NDArray[np.float32]:
        """The moving images as theta reads them, (N, C, h, w); NaN outside."""


def model_of(transform: Transform) -> Model:
    """Return the fastest model for a transform."""
    if isinstance(transform, MatrixTransform):
        return MatrixModel(transform)
    return AnyModel(transform)


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
            kernel=KERNELS["spline" if level.cubic else "bilinear"],
            projective=bool((matrix[:, 2] != (0, 0, 1)).any()),
            mask=level.moving_weight,
            fixed_weight=level.fixed_weight,
            moving_index=moving,
            fixed_index=fixed,
            **lighting.arguments(),
        )
        products = found.products.reshape(len(theta), channels, 12, 12)
        jj = to_theta @ products[..., :9, :9] @ np.swapaxes(to_theta, -1, -2)
        return Sums(jj, to_theta @ products[..., :9, 9:], products[..., 9:, 9:], found.count[::channels])

    def values(self, level: Level, theta: Array, pairs: Rows) -> NDArray[np.float32]:
        """As `Model.values`."""
        matrix = level.to_pixels @ self.transform.matrix(theta)
        values = matrix_read(
            level.moving,
            np.repeat(matrix, level.channels, axis=0),
            level.axes,
            level.moving_size,
            level.shape,
            kernel=KERNELS["spline" if level.cubic else "bilinear"],
            projective=bool((matrix[:, 2] != (0, 0, 1)).any()),
            moving_index=level.planes_of(pairs)[0],
        )
        return values.reshape(len(theta), level.channels, *level.shape)

    def _matrices(self, level: Level, theta: Array) -> tuple[Array, Array]:
        """Matrices to pixels of the level (N, 3, 3), and (N, 1, P, 9): derivatives of their entries by theta."""
        n, count = theta.shape
        matrix, pull_back = self.transform.matrix_vjp(np.repeat(theta, 9, axis=0))
        units = level.unit_gradients if n == 1 else np.tile(level.unit_gradients, (n, 1, 1))
        jacobian = np.swapaxes(pull_back(units).reshape(n, 9, count), 1, 2)
        return level.to_pixels @ matrix[::9], jacobian[:, None]


class AnyModel:
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
