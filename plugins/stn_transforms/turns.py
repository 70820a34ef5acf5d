"""Rotations of volumes by rotation vectors: the axis of the turn, as long as its angle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Floats

__all__ = ["rotation_matrices", "turn_in_volume"]

_SMALL = 1e-8  # angles below it, squared: series instead of quotients

# The generators [e_k]x of rotations about x, y and z.
_GENERATORS = np.array(
    [
        [[0, 0, 0], [0, 0, -1], [0, 1, 0]],
        [[0, 0, 1], [0, 0, 0], [-1, 0, 0]],
        [[0, -1, 0], [1, 0, 0], [0, 0, 0]],
    ],
    np.float64,
)


def rotation_matrices(vectors: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the matrices (N, 3, 3) of rotation vectors (N, 3), and their derivatives (N, 3, 3, 3), the vector's axis first.

    Rodrigues' formula, and its derivative by Gallego and Yezzi, "A compact formula for the derivative of a 3-D rotation in
    exponential coordinates", Journal of Mathematical Imaging and Vision 51 (2015), equation 9.

    Examples
    --------
    >>> matrices, _ = rotation_matrices(np.array([[0.0, 0.0, np.pi / 2]]))
    >>> matrices[0].round(9).tolist()
    [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    v = vectors.astype(np.float64)
    squared = np.sum(v * v, axis=1)[:, None, None]
    small = squared < _SMALL
    angle = np.sqrt(np.where(small, 1.0, squared))
    skew = np.einsum("nk,kij->nij", v, _GENERATORS)
    sine = np.where(small, 1 - squared / 6, np.sin(angle) / angle)
    cosine = np.where(small, 0.5 - squared / 24, (1 - np.cos(angle)) / np.where(small, 1.0, squared))
    matrices = np.eye(3) + sine * skew + cosine * (skew @ skew)
    rest = np.eye(3) - matrices
    slopes = np.empty((len(v), 3, 3, 3))
    for k in range(3):
        across = np.einsum("ni,iab->nab", np.cross(v, rest[:, :, k]), _GENERATORS)
        exact = (v[:, k, None, None] * skew + across) / np.where(small, 1.0, squared)
        near = _GENERATORS[k] + 0.5 * (skew @ _GENERATORS[k] - _GENERATORS[k] @ skew)
        slopes[:, k] = np.where(small, near, exact) @ matrices
    return matrices, slopes


def turn_in_volume(
    vectors: Floats, scale: Floats, shift: Floats, units: tuple[float, float, float]
) -> tuple[Floats, Callable[[Floats], tuple[Floats, Floats, Floats]]]:
    """Return matrices that turn and scale about the center of a volume and then shift, and their backprop.

    Parameters
    ----------
    vectors : ndarray, (N, 3)
        Rotation vectors in radians.
    scale : ndarray, (N,)
    shift : ndarray, (N, 3)
    units : (float, float, float)
        Lengths of a normalized unit along x, y and z.

    Returns
    -------
    matrix : ndarray, (N, 4, 4)
        1 / units * scale * R * units, and `shift` in the last column.
    backprop : callable
        ``backprop(d_matrix) -> (d_vectors, d_scale, d_shift)``.
    """
    turned, slopes = rotation_matrices(vectors)
    ratio = np.array(units) / np.array(units)[:, None]
    matrix = np.zeros((len(vectors), 4, 4), vectors.dtype)
    matrix[:, :3, :3] = scale[:, None, None] * turned * ratio
    matrix[:, :3, 3] = shift
    matrix[:, 3, 3] = 1

    def backprop(d: Floats) -> tuple[Floats, Floats, Floats]:
        inner = d[:, :3, :3] * ratio
        d_vectors = np.einsum("nij,nkij->nk", inner, slopes) * scale[:, None]
        d_scale = np.sum(inner * turned, axis=(1, 2))
        return d_vectors.astype(d.dtype), d_scale.astype(d.dtype), d[:, :3, 3]

    return matrix, backprop
