"""Matrices over the control points of a lattice that couple with near ones only: normal equations, and penalties of bending."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import Entry, kernel

__all__ = ["NearMatrix", "product_entry"]

Array = NDArray[np.float64]

_PRODUCT = kernel("kernels.registration.volumes.near_product", "near_product")
_DIAGONAL = [0, 3, 5]  # of six pairs of axes xx, xy, xz, yy, yz, zz, those of an axis with itself
_DIFFERENCE, _TINY = 0.1, 1e-30
_PAIRS = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])


@functools.cache
def product_entry() -> Entry:
    """Words: sums, lattice, distances, vectors, out."""
    return _PRODUCT.entry(("int", ("int",) * 3, ("int",) * 3, "int", "int"))


@dataclass(frozen=True, eq=False)
class NearMatrix:
    """N symmetric matrices (P, P), P = 3 planes rows columns, without their many zeros.

    An entry depends, along each axis, on how far two control points are from each other and where the first of them is, but
    not on which of both it is. That holds for sums of products of weights along z, y and x.

    Attributes
    ----------
    sums : ndarray, (N, 6, D, D, D, planes, rows, width)
        By pair of axes, distances along z, y and x, and the first control point of a pair; columns have margins of zeros.
    columns : int
    """

    sums: Array
    columns: int

    @classmethod
    def of(cls, sums: Array) -> NearMatrix:
        """Matrices of sums (N, 6, D, D, D, planes, rows, columns)."""
        margin, columns = sums.shape[4] - 1, sums.shape[-1]
        return cls(np.pad(sums, [(0, 0)] * 7 + [(margin, -columns % 8)]), columns)

    @property
    def lattice(self) -> tuple[int, int, int]:
        """(planes, rows, columns)."""
        return self.sums.shape[5], self.sums.shape[6], self.columns

    @property
    def size(self) -> int:
        """P."""
        return 3 * math.prod(self.lattice)

    def take(self, rows: NDArray[np.intp]) -> NearMatrix:
        """Some of the matrices."""
        return dataclasses.replace(self, sums=self.sums[rows])

    def added(self, factors: Array) -> NearMatrix:
        """The sums (N,) of matrices (N * C,) times factors (N, C)."""
        n, channels = factors.shape
        sums = np.einsum("nc,ncm->nm", factors, self.sums.reshape(n, channels, -1))
        return dataclasses.replace(self, sums=sums.reshape(n, *self.sums.shape[1:]))

    def plus(self, other: NearMatrix) -> NearMatrix:
        """The sum with other matrices over the same lattice, N of them or one."""
        mine, its = self._inside, other._inside
        far = [max(sizes) for sizes in zip(mine.shape[2:5], its.shape[2:5], strict=True)]
        total = np.zeros((*mine.shape[:2], *far, *mine.shape[5:]))
        for part in (mine, its):
            z, y, x = part.shape[2:5]
            total[:, :, :z, :y, :x] += part
        return NearMatrix.of(total)

    def diagonal(self) -> Array:
        """(N, P)."""
        return self._inside[:, _DIAGONAL, 0, 0, 0].reshape(len(self.sums), -1)

    def product(self, k: int = 0) -> Callable[[Array], Array]:
        """Return the function of vectors (P,) that multiplies them by matrix k. What it returns changes at the next call."""
        (planes, rows, columns), far, sums = self.lattice, self.sums.shape[2:5], self.sums[k]
        margin = far[2] - 1
        padded = sums.shape[-1] - margin
        vector, out = np.zeros((3, planes, rows, padded + 2 * margin)), np.empty((3, planes, rows, padded))
        inside, result = vector[..., margin : margin + columns], out[..., :columns]
        entry = product_entry()
        job = entry.job((address_of(sums), *(planes, rows, padded), *far, address_of(vector), address_of(out)))

        def multiply(numbers: Array, kept: Array = sums) -> Array:
            inside[:] = numbers.reshape(inside.shape)
            dispatch.run_job(entry, planes, 1, job)
            return result.reshape(-1)

        return multiply

    def couplings(self, scale: Array, k: int = 0) -> list[Array]:
        """Along z, y and x, how control points of a line couple, with rows and columns times scales (P,): means over lines.

        They are (count, count), of matrix k, with a diagonal of a little more than 1, since lines differ.
        """
        sums, by = self._inside[k, _DIAGONAL], scale.reshape(3, *self.lattice)
        return [_coupling(np.moveaxis(sums, axis + 1, 0)[:, :, 0, 0], by, axis) for axis in range(3)]

    def dense(self) -> Array:
        """(N, P, P)."""
        n, wide = len(self.sums), np.moveaxis(self._inside, (5, 6, 7), (1, 2, 3))  # pairs of axes before distances
        wide = np.moveaxis(wide, 4, 7)
        for axis, count in enumerate(self.lattice, 1):
            wide = _by_pair(wide, axis, count)
        result = np.empty((n, 3, *self.lattice, 3, *self.lattice))
        for one in range(3):
            for two in range(3):
                result[:, one, :, :, :, two] = wide[..., _PAIRS[one, two]]
        return result.reshape(n, self.size, self.size)

    @property
    def _inside(self) -> Array:
        """The sums without margins."""
        margin = self.sums.shape[4] - 1
        return self.sums[..., margin : margin + self.columns]


def _by_pair(sums: Array, axis: int, count: int) -> Array:
    """Sums by place and distance along an axis: by both control points; 0 where they are too far from each other."""
    one, two = np.indices((count, count))
    distance = abs(one - two)
    near = distance < sums.shape[axis + 3]
    by_both = np.moveaxis(sums, (axis, axis + 3), (0, 1))[np.minimum(one, two), np.where(near, distance, 0)]
    by_both[~near] = 0
    return np.moveaxis(by_both, (0, 1), (axis, axis + 3))


def _coupling(sums: Array, scale: Array, axis: int) -> Array:
    """As `NearMatrix.couplings` along an axis, of sums (D, 3, planes, rows, columns) by the distance along it."""
    by, count = np.moveaxis(scale, axis + 1, 0), scale.shape[axis + 1]
    result = np.zeros((count, count))
    for distance, part in enumerate(np.moveaxis(sums, axis + 2, 1)[:count]):
        first = np.arange(count - distance)
        mean = (part[first] * by[first] * by[first + distance]).mean(axis=(1, 2, 3))
        result[first, first + distance] = result[first + distance, first] = mean
    root = np.sqrt(np.maximum(np.diag(result), _TINY))
    return np.asarray(result / (root[:, None] * root) + _DIFFERENCE * np.eye(count))
