"""Fit homographies: in closed form where the matrix is linear in the parameters.

The direct linear transform (DLT) of points that are centered and scaled first: Hartley, "In defense of the eight-point
algorithm", IEEE TPAMI 19 (1997); Hartley and Zisserman, "Multiple View Geometry", 2nd edition, algorithm 4.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stn_numba.transform.fitting import linear
from stn_numba.transform.fitting.pairs import Pairs

__all__ = ["LinearForm", "linear_form", "solve_affine", "solve_homography"]

Array = NDArray[np.float64]

_TOLERANCE = 1e-12
_LEAST_SINGULAR = 1e-9  # relative; below it four points, or their lines, coincide


class LinearForm(NamedTuple):
    """A matrix that is linear in its parameters: its numbers, nine in images, are ``constant + slopes @ theta``."""

    constant: Array
    slopes: Array

    @property
    def is_affine(self) -> bool:
        """Whether the last row is (0, 0, 1) for all parameters."""
        size = self.size
        return not self.slopes[-size:].any() and np.array_equal(self.constant[-size:], np.eye(size)[-1])

    @property
    def size(self) -> int:
        """Rows of the matrix: 3, or 4 in volumes."""
        return math.isqrt(len(self.constant))

    @property
    def is_full(self) -> bool:
        """Whether theta is a full homography row by row, whose last number is 1."""
        numbers = len(self.constant)
        return np.array_equal(self.slopes, np.eye(numbers, numbers - 1)) and np.array_equal(self.constant, np.eye(numbers)[-1])

    def solved(self, matrices: Array) -> Array:
        """Parameters (N, P) of matrices (N, 3, 3), by least squares; exact where each parameter is an entry."""
        difference = matrices.reshape(-1, self.size**2) - self.constant
        gram = self.slopes.T @ self.slopes
        if np.array_equal(gram, np.diag(np.diag(gram))) and np.diag(gram).all():
            return np.asarray(difference @ self.slopes / np.diag(gram), np.float64)
        return np.asarray(linear.solve(self.slopes[None], difference.T[None])[0].T, np.float64)


def linear_form(matrix: Callable[[Array], Array], identity: Array) -> LinearForm | None:
    """Return how ``matrix(theta)`` depends on theta if it does so linearly; None if not."""
    count = identity.size
    probes = np.concatenate([np.zeros((1, count)), np.eye(count), np.random.default_rng(0).normal(0, 1, (3, count))])
    with np.errstate(all="ignore"):
        values = np.asarray(matrix(probes), np.float64).reshape(len(probes), -1)
        form = LinearForm(values[0], (values[1 : count + 1] - values[0]).T)
        expected = form.constant + probes @ form.slopes.T
        fits = np.abs(values - expected) <= _TOLERANCE * np.maximum(1.0, np.abs(values))
    return form if fits.all() else None


def solve_affine(form: LinearForm, pairs: Pairs) -> Array:
    """Return the exact least squares theta (N, P) of affine maps."""
    sources = np.broadcast_to(pairs.source, pairs.target.shape)
    homogeneous = np.concatenate([sources, np.ones((*sources.shape[:-1], 1))], axis=-1)
    axes = form.size - 1
    rows = form.slopes[: -form.size].reshape(axes, form.size, -1)
    design = np.einsum("nmk,ikp->nmip", homogeneous, rows)
    target = pairs.target - homogeneous @ form.constant[: -form.size].reshape(axes, form.size).T
    count = design.shape[-1]
    weighted = (design * pairs.roots[..., None]).reshape(len(pairs), -1, count)
    return linear.solve(weighted, (target * pairs.roots).reshape(len(pairs), -1, 1))[..., 0]


def solve_homography(pairs: Pairs) -> Array:
    """Return full homographies (N, 3, 3) by the normalized DLT, (N, 4, 4) in volumes; NaN for points that determine none."""
    sources = np.broadcast_to(pairs.source, pairs.target.shape)
    from_source, p = _normalized(sources, pairs.weights)
    from_target, q = _normalized(pairs.target, pairs.weights)
    axes, homogeneous = p.shape[-1], np.concatenate([p, np.ones((*p.shape[:-1], 1))], axis=-1)
    size = axes + 1
    equations = np.zeros((len(pairs), axes * p.shape[1] + 1, size**2))  # with a row more, so that there are enough
    for axis in range(axes):
        rows = equations[:, axis * p.shape[1] : (axis + 1) * p.shape[1]]
        rows[..., axis * size : (axis + 1) * size] = homogeneous * pairs.roots
        rows[..., -size:] = -q[..., axis, None] * homogeneous * pairs.roots
    _, singular, vectors = np.linalg.svd(equations, full_matrices=False)
    with np.errstate(all="ignore"):
        matrix = np.linalg.inv(from_target) @ vectors[:, size**2 - 1].reshape(-1, size, size) @ from_source
        matrix = matrix / matrix[:, -1:, -1:]
    determined = singular[:, size**2 - 2] > _LEAST_SINGULAR * singular[:, 0]
    return np.where(determined[:, None, None], matrix, np.nan)


def _normalized(points: Array, weights: Array) -> tuple[Array, Array]:
    """The similarity that moves the center of points to 0 and their mean distance to sqrt(2), and the moved points."""
    share = (weights / np.maximum(weights.sum(axis=1, keepdims=True), np.finfo(float).tiny))[..., None]
    center = (points * share).sum(axis=1, keepdims=True)
    distance = (np.linalg.norm(points - center, axis=-1, keepdims=True) * share).sum(axis=1, keepdims=True)
    scale, axes = np.sqrt(2) / np.where(distance > 0, distance, 1.0), points.shape[-1]
    matrix = np.tile(np.eye(axes + 1), (len(points), 1, 1))
    matrix[:, :axes] *= scale
    matrix[:, :axes, axes] = -(scale * center)[:, 0]
    return matrix, (points - center) * scale
