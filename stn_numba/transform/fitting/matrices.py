"""Fit homographies: in closed form where the matrix is linear in the parameters.

The direct linear transform (DLT) of points that are centered and scaled first: Hartley, "In defense of the eight-point
algorithm", IEEE TPAMI 19 (1997); Hartley and Zisserman, "Multiple View Geometry", 2nd edition, algorithm 4.2.
"""

from __future__ import annotations

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
    """A matrix that is linear in its parameters: its nine numbers are ``constant + slopes @ theta``."""

    constant: Array
    slopes: Array

    @property
    def is_affine(self) -> bool:
        """Whether the last row is (0, 0, 1) for all parameters."""
        return not self.slopes[6:].any() and bool((self.constant[6:] == (0, 0, 1)).all())

    @property
    def is_full(self) -> bool:
        """Whether theta is a full homography row by row, whose last number is 1."""
        return np.array_equal(self.slopes, np.eye(9, 8)) and np.array_equal(self.constant, np.eye(9)[8])

    def solved(self, matrices: Array) -> Array:
        """Parameters (N, P) of matrices (N, 3, 3), by least squares; exact where each parameter is an entry."""
        difference = matrices.reshape(-1, 9) - self.constant
        gram = self.slopes.T @ self.slopes
        if np.array_equal(gram, np.diag(np.diag(gram))) and np.diag(gram).all():
            return np.asarray(difference @ self.slopes / np.diag(gram), np.float64)
        return np.asarray(linear.solve(self.slopes[None], difference.T[None])[0].T, np.float64)


def linear_form(matrix: Callable[[Array], Array], identity: Array) -> LinearForm | None:
    """Return how ``matrix(theta)`` depends on theta if it does so linearly; None if not."""
    count = identity.size
    probes = np.concatenate([np.zeros((1, count)), np.eye(count), np.random.default_rng(0).normal(0, 1, (3, count))])
    with np.errstate(all="ignore"):
        values = np.asarray(matrix(probes), np.float64).reshape(len(probes), 9)
        form = LinearForm(values[0], (values[1 : count + 1] - values[0]).T)
        expected = form.constant + probes @ form.slopes.T
        fits = np.abs(values - expected) <= _TOLERANCE * np.maximum(1.0, np.abs(values))
    return form if fits.all() else None


def solve_affine(form: LinearForm, pairs: Pairs) -> Array:
    """Return the exact least squares theta (N, P) of affine maps."""
    sources = np.broadcast_to(pairs.source, pairs.target.shape)
    homogeneous = np.concatenate([sources, np.ones((*sources.shape[:-1], 1))], axis=-1)
    rows = form.slopes[:6].reshape(2, 3, -1)
    design = np.einsum("nmk,ikp->nmip", homogeneous, rows)
    target = pairs.target - homogeneous @ form.constant[:6].reshape(2, 3).T
    count = design.shape[-1]
    weighted = (design * pairs.roots[..., None]).reshape(len(pairs), -1, count)
    return linear.solve(weighted, (target * pairs.roots).reshape(len(pairs), -1, 1))[..., 0]


def solve_homography(pairs: Pairs) -> Array:
    """Return full homographies (N, 3, 3) by the normalized DLT; NaN for points that do not determine one."""
    sources = np.broadcast_to(pairs.source, pairs.target.shape)
    from_source, p = _normalized(sources, pairs.weights)
    from_target, q = _normalized(pairs.target, pairs.weights)
    (x, y), (u, v) = np.moveaxis(p, -1, 0), np.moveaxis(q, -1, 0)
    one, zero = np.ones_like(x), np.zeros_like(x)
    first = np.stack([x, y, one, zero, zero, zero, -u * x, -u * y, -u], axis=-1)
    second = np.stack([zero, zero, zero, x, y, one, -v * x, -v * y, -v], axis=-1)
    equations = np.concatenate([first * pairs.roots, second * pairs.roots, np.zeros((len(pairs), 1, 9))], axis=1)
    _, singular, vectors = np.linalg.svd(equations, full_matrices=False)
    with np.errstate(all="ignore"):
        matrix = np.linalg.inv(from_target) @ vectors[:, 8].reshape(-1, 3, 3) @ from_source
        matrix = matrix / matrix[:, 2:, 2:]
    determined = singular[:, 7] > _LEAST_SINGULAR * singular[:, 0]
    return np.where(determined[:, None, None], matrix, np.nan)


def _normalized(points: Array, weights: Array) -> tuple[Array, Array]:
    """The similarity (N, 3, 3) that moves the center of points to 0 and their mean distance to sqrt(2); the moved points."""
    share = (weights / np.maximum(weights.sum(axis=1, keepdims=True), np.finfo(float).tiny))[..., None]
    center = (points * share).sum(axis=1, keepdims=True)
    distance = (np.linalg.norm(points - center, axis=-1, keepdims=True) * share).sum(axis=1, keepdims=True)
    scale = np.sqrt(2) / np.where(distance > 0, distance, 1.0)
    matrix = np.zeros((len(points), 3, 3))
    matrix[:, 0, 0] = matrix[:, 1, 1] = scale[:, 0, 0]
    matrix[:, :2, 2] = -(scale * center)[:, 0]
    matrix[:, 2, 2] = 1
    return matrix, (points - center) * scale
