"""Second derivatives of the cost of N pairs: matrices in full, or those of lattices of volumes by their near control points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stn_numba.registration.descent.conjugate_gradients import conjugate_gradients
from stn_numba.registration.models.volumes.near_matrix import NearMatrix

__all__ = ["FullHessian", "Hessian", "NearHessian"]

Array = NDArray[np.float64]
Rows = NDArray[np.intp]
Linear = Callable[[Array], Array]

_TOLERANCE, _MOST = 1e-2, 300  # of the residual of a step, and iterations for it: other steps follow


@dataclass(frozen=True, eq=False)
class FullHessian:
    """Matrices (N, P, P).

    Attributes
    ----------
    matrices : ndarray, (N, P, P)
    """

    matrices: Array

    def take(self, rows: Rows) -> FullHessian:
        """Those of some pairs."""
        return FullHessian(self.matrices[rows])

    def replaced(self, rows: Rows, others: Any) -> FullHessian:
        """A copy in which some pairs have other matrices."""
        matrices = self.matrices.copy()
        matrices[rows] = others.matrices
        return FullHessian(matrices)

    @classmethod
    def joined(cls, parts: list[Any]) -> FullHessian:
        """Those of several batches of pairs."""
        return cls(np.concatenate([part.matrices for part in parts]))

    def plus(self, more: Array | NearMatrix) -> FullHessian:
        """With blocks (N, B, P / B, P / B) on the diagonal added, or near matrices."""
        blocks = more.dense()[:, None] if isinstance(more, NearMatrix) else more
        matrices, size = self.matrices.copy(), blocks.shape[-1]
        for k in range(blocks.shape[1]):
            part = slice(k * size, (k + 1) * size)
            matrices[:, part, part] += blocks[:, k]
        return FullHessian(matrices)

    def diagonal(self) -> Array:
        """(N, P)."""
        return np.asarray(np.einsum("npp->np", self.matrices))

    def dense(self) -> Array:
        """(N, P, P)."""
        return self.matrices

    def solved(self, right: Array, scale: Array) -> Array:
        """Solutions (N, P) for right sides (N, P), with rows and columns times scales (N, P), and then a diagonal of 1."""
        systems = self.matrices * scale[:, :, None]
        systems *= scale[:, None, :]
        np.einsum("npp->np", systems)[:] = 1.0
        return np.asarray(np.linalg.solve(systems, right[..., None])[..., 0])


@dataclass(frozen=True, eq=False)
class NearHessian:
    """Near matrices less the products of some vectors with themselves, which gain and bias explain.

    Attributes
    ----------
    near : NearMatrix
    vectors : ndarray, (N, V, P)
    """

    near: NearMatrix
    vectors: Array

    def take(self, rows: Rows) -> NearHessian:
        """Those of some pairs."""
        return NearHessian(self.near.take(rows), self.vectors[rows])

    def replaced(self, rows: Rows, others: Any) -> NearHessian:
        """A copy in which some pairs have other matrices."""
        sums, vectors = self.near.sums.copy(), self.vectors.copy()
        sums[rows], vectors[rows] = others.near.sums, others.vectors
        return NearHessian(replace(self.near, sums=sums), vectors)

    @classmethod
    def joined(cls, parts: list[Any]) -> NearHessian:
        """Those of several batches of pairs."""
        near = replace(parts[0].near, sums=np.concatenate([part.near.sums for part in parts]))
        return cls(near, np.concatenate([part.vectors for part in parts]))

    def plus(self, more: Any) -> NearHessian:
        """With near matrices added."""
        return NearHessian(self.near.plus(more), self.vectors)

    def diagonal(self) -> Array:
        """(N, P)."""
        return np.asarray(self.near.diagonal() - np.square(self.vectors).sum(axis=1))

    def dense(self) -> Array:
        """(N, P, P)."""
        return np.asarray(self.near.dense() - np.swapaxes(self.vectors, 1, 2) @ self.vectors)

    def solved(self, right: Array, scale: Array) -> Array:
        """As `FullHessian.solved`, by conjugate gradients: pair by pair."""
        rest = 1 - scale**2 * self.diagonal()  # what makes the diagonal 1
        result = np.empty_like(right)
        for k in range(len(right)):
            multiply = _scaled(self.near.product(k), self.vectors[k], scale[k], rest[k])
            inverses = [np.asarray(np.linalg.inv(matrix), np.float64) for matrix in self.near.couplings(scale[k], k)]
            undo = _along_axes(inverses, self.near.lattice)
            result[k] = conjugate_gradients(multiply, right[k], undo, tolerance=_TOLERANCE, most=_MOST)
        return result


def _scaled(product: Linear, vectors: Array, scale: Array, rest: Array) -> Linear:
    """The function that multiplies by a matrix less products of vectors (V, P), scaled, and with `rest` on the diagonal."""
    along = vectors * scale

    def multiply(x: Array) -> Array:
        return np.asarray(scale * product(scale * x) - (along @ x) @ along + rest * x)

    return multiply


def _along_axes(matrices: list[Array], lattice: tuple[int, int, int]) -> Linear:
    """The function of vectors (P,) that multiplies them by a matrix along each axis of a lattice."""
    (deep, down, across), (planes, rows, columns) = matrices, lattice

    def multiply(vector: Array) -> Array:
        moved = down @ (vector.reshape(3, planes, rows, columns) @ across)
        return np.asarray(deep @ moved.reshape(3, planes, rows * columns)).ravel()

    return multiply


Hessian: TypeAlias = FullHessian | NearHessian
