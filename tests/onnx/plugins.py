"""Transforms of strangers, written in the ways in which people write NumPy; none knows of ONNX."""

import math
from math import sin

import numpy as np

from stn_numba.grid import as_floats
from stn_numba.transform import LatticeTransform, LinearTransform, MatrixTransform, Transform
from stn_numba.transform.points import as_points


class TwoNumbers(Transform):
    n_params = 2

    def identity(self):
        return np.array([0.1, 0.2])


class FishEye(TwoNumbers):
    """Linear in theta, from plain arrays."""

    def apply(self, theta, points):
        theta, points = np.asarray(theta), np.asarray(points)
        return points + theta[:, None, :1] * points * np.sum(points**2, axis=-1, keepdims=True)


class Swirl(TwoNumbers):
    """With the library's checks, and functions of NumPy."""

    def apply(self, theta, points):
        theta, points = as_floats(theta, "theta", ("N", 2)), as_floats(points, "points", ("M", 2))
        radius = np.hypot(points[:, 0], points[:, 1])
        angle = theta[:, :1] * np.exp(-radius * (2 + theta[:, 1:])) * 3
        (cosine, sine), (x, y) = (np.cos(angle), np.sin(angle)), points.T
        return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=-1)


class FloatSwirl(TwoNumbers):
    """Everything is made float64 first."""

    def apply(self, theta, points):
        theta, points = np.asarray(theta, float), np.asarray(points, dtype=np.float64)
        angle = theta[:, :1] * np.exp(-np.linalg.norm(points, axis=-1)) * turns(theta[:, 1:])
        (cosine, sine), (x, y) = (np.cos(angle), np.sin(angle)), points.T
        out = np.zeros((len(theta), len(points), 2))
        out[..., 0] = cosine * x - sine * y
        out[..., 1] = sine * x
        out[..., 1] += cosine * y
        return out


def turns(number):
    """A helper of the plugin, which makes an array of floats."""
    result = np.ones(number.shape)
    result[:] = 3 + number
    return result * 1.0


class Limited(TwoNumbers):
    """Conditions, masks and limits, in a result of theta's dtype."""

    def apply(self, theta, points):
        theta, points = self._check_theta(theta), as_points(points, len(theta))
        out = np.empty((len(theta), points.shape[-2], 2), theta.dtype)
        radius = np.linalg.norm(points - theta[:, None], axis=-1)
        out[..., 0] = np.where((radius < 0.5) & ~(radius < 0.1), points[..., 0] * radius, points[..., 0])
        out[..., 1] = np.minimum(points[..., 1], np.maximum(theta[:, 1:], 0.3))
        return out


class PlainLimited(TwoNumbers):
    """The same from plain arrays, whose comparisons NumPy makes of Python's."""

    def apply(self, theta, points):
        theta, points = np.asarray(theta), np.asarray(points)
        out = np.zeros((len(theta), len(points), 2))
        radius = np.sqrt(((points - theta[:, None]) ** 2).sum(-1))
        out[..., 0] = np.where(radius < 0.5, points[:, 0] * radius, points[:, 0])
        out[..., 1] = np.clip(points[:, 1], theta[:, 1:] - 1, 0.3)
        return out


class Polar(TwoNumbers):
    def apply(self, theta, points):
        theta, points = np.asarray(theta), np.asarray(points)
        x, y = points[:, 0] - theta[:, :1], points[:, 1] - theta[:, 1:]
        return np.stack([np.hypot(x, y) - 1, np.arctan2(y, x) / np.pi], axis=-1)


class Bump(TwoNumbers):
    """Assignment by a mask, and an ``if``."""

    def apply_vjp(self, theta, points):
        offset = points[None] - theta[:, None]
        radius = np.linalg.norm(offset, axis=-1)
        radius[radius > 1] = 1
        strength = np.zeros(len(theta), theta.dtype)
        if np.all(np.isfinite(theta)):
            strength = strength + 0.3
        return points + (1 - radius[..., None]) ** 2 * offset * strength[:, None, None], None

    def apply(self, theta, points):
        return self.apply_vjp(np.asarray(theta), np.asarray(points))[0]


class Tables(TwoNumbers):
    """A table, which NumPy cannot read with objects, but linear in theta."""

    def apply(self, theta, points):
        theta, points = np.asarray(theta), np.asarray(points)
        table = np.sin(np.arange(9))[np.searchsorted(np.linspace(-1, 1, 9), points[:, 0].clip(-1, 1))]
        return points + theta[:, None] * table[:, None]


class Steps(TwoNumbers):
    """A search in a table, which asks for many conditions."""

    def apply(self, theta, points):
        theta, points = np.asarray(theta), np.asarray(points)
        place = np.searchsorted(np.linspace(-1, 1, 9), np.sin(theta[:, 0]))
        return points + 0.1 * np.sin(theta[:, None]) * place[:, None, None]


class RowByRow(MatrixTransform):
    """Python's own functions of single numbers."""

    n_params = 2

    def identity(self):
        return np.zeros(2)

    def matrix(self, theta):
        rows = []
        for angle, shift in theta:
            cosine, sine = math.cos(angle), sin(angle)
            rows.append([[cosine, -sine, math.atan2(shift, 2.0)], [sine, cosine, math.pi * shift], [0, 0, 1]])
        return np.array(rows, np.float64).reshape(-1, 3, 3)


class Zoom(MatrixTransform):
    """Not linear, written into a matrix of floats."""

    n_params = 3

    def identity(self):
        return np.zeros(3)

    def matrix(self, theta):
        matrix = np.tile(np.eye(3), (len(theta), 1, 1))
        matrix[:, 0, 0] = matrix[:, 1, 1] = np.exp(theta[:, 0])
        matrix[:, :2, 2] = theta[:, 1:]
        return matrix


class Turn(Zoom):
    """A product of matrices of floats."""

    def matrix(self, theta):
        turn, shift = (np.tile(np.eye(3), (len(theta), 1, 1)) for _ in range(2))
        turn[:, 0, 0] = turn[:, 1, 1] = np.cos(theta[:, 0])
        turn[:, 0, 1] = -np.sin(theta[:, 0])
        turn[:, 1, 0] = -turn[:, 0, 1]
        shift[:, :2, 2] = theta[:, 1:]
        return turn @ shift


class Inverse(Zoom):
    def matrix_vjp(self, theta):
        matrix = np.zeros((len(theta), 3, 3), theta.dtype)
        matrix[:, 0, 0] = matrix[:, 1, 1] = matrix[:, 2, 2] = 1
        matrix[:, 0, :] += 0.3 * theta
        return np.linalg.inv(matrix), lambda d: d[:, 0]


class Mesh(LatticeTransform):
    lattice = (5, 4)

    def axis_weights(self, x, count):
        first = np.minimum(np.floor((x + 1) / 2 * (count - 1)), count - 2)
        behind = (x + 1) / 2 * (count - 1) - first
        return first.astype(int), np.stack([1 - behind, behind], axis=1)


class Quadratic(LinearTransform):
    def basis(self, points):
        x, y = points.T
        return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


PLUGINS = (
    FishEye, RowByRow, Swirl, FloatSwirl, Limited, PlainLimited, Polar, Bump, Tables, Steps, Zoom, Turn, Inverse, Mesh,
    Quadratic,
)  # fmt: skip
