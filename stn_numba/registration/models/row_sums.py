"""Sums over pixels where positions depend on parameters in any way: thin calls of the kernels, which validate nothing."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.registration import codes
from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import Entry, kernel
from stn_numba.registration.models.kernel_sums import MatrixSums, bands_of, index_words, plane_words, threads_for
from stn_numba.registration.models.lighting import Lighting
from stn_numba.registration.pyramid.levels import Level

__all__ = ["Source", "kernel_of", "option_words", "plane_arguments", "row_read", "row_sums", "scale_of_level"]

Array = NDArray[Any]
Rows = NDArray[np.intp]

_MODULE = "kernels.registration.row_sums"
_SUMS, _READ = kernel(_MODULE, "row_sums"), kernel(_MODULE, "row_read")
_NUMBERS = 1 << 21  # of sums that the tasks of a pair may hold

_INTS, _FLOATS, _PLANES = ("int",) * 4, ("float",) * 4, ("int", "int")
_SOURCE = ("int", _INTS, _FLOATS, "int")


@dataclass(frozen=True)
class Source:
    """Where N pairs read the moving images, and the derivatives of that.

    Attributes
    ----------
    positions : ndarray, (h * w, 2), float64
        Normalized positions, of one pair; or None: then by basis functions.
    slopes : ndarray, (P, 2, rows, columns), float32
        Derivatives in pixels, with eight columns behind the last pixel.
    every : int, default 1
        They are those of all pixels, or for 4 of every fourth pixel of every fourth row, with one row behind the last pixel.
    basis : ndarray, (B, h * w + 16), float32
    coefficients : ndarray, (N, 2, B), float64
    """

    positions: Array | None = None
    slopes: Array | None = None
    every: int = 1
    basis: Array | None = None
    coefficients: Array | None = None

    @property
    def count(self) -> int:
        """P."""
        if self.slopes is not None:
            return len(self.slopes)
        return 0 if self.basis is None else 2 * len(self.basis)

    def words(self, level: Level) -> tuple[Any, ...]:
        """As the kernels take it."""
        positions = 0 if self.positions is None else address_of(self.positions)
        basis: tuple[int, ...] = (0, 0, 0, 0)
        if self.basis is not None and self.coefficients is not None:
            basis = address_of(self.basis), self.basis.strides[0], len(self.basis), address_of(self.coefficients)
        return positions, *basis, *scale_of_level(level), level.channels


@functools.cache
def sums_entry() -> Entry:
    """Words: four planes, limits, size, indices, source, slopes, number, options, words, out."""
    limits = ("int",) * 3
    return _SUMS.entry(((_PLANES,) * 4, limits, _INTS, _INTS, _SOURCE, _INTS, "int", _INTS, "int", "int"))


@functools.cache
def read_entry() -> Entry:
    """Words: planes, limits, size, index, step, source, kernel, out."""
    return _READ.entry((_PLANES, ("int",) * 3, _INTS, "int", "int", _SOURCE, "int", "int"))


def scale_of_level(level: Level) -> tuple[float, float, float, float]:
    """From normalized positions to pixels: factor and offset of x, then of y."""
    matrix = level.to_pixels
    return matrix[0, 0], matrix[0, 2], matrix[1, 1], matrix[1, 2]


def plane_arguments(level: Level, pairs: Rows) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], Any]:
    """Words for planes, limits and indices; and what they are addresses of."""
    moving, fixed = level.planes_of(pairs)
    planes = (level.moving, level.moving_weight, level.fixed, level.fixed_weight)
    limits = level.moving_size[1], level.moving_size[0], level.moving.shape[2]
    indices = *index_words(moving, level.moving), *index_words(fixed, level.fixed)
    return tuple(word for each in planes for word in plane_words(each)), limits, indices, (moving, fixed)


def option_words(level: Level, lighting: Lighting) -> tuple[tuple[int, ...], Any]:
    """Words for options; and what they are addresses of."""
    given = lighting.arguments()
    numbers = given.get("lighting")
    robust = given.get("robust", codes.NOT_ROBUST)
    return (kernel_of(level), 0, robust, 0 if numbers is None else address_of(numbers)), numbers


def kernel_of(level: Level) -> int:
    """How a level is read."""
    return codes.B_SPLINE if level.cubic else codes.LINEAR


def row_sums(level: Level, pairs: Rows, source: Source, lighting: Lighting) -> MatrixSums:
    """Return sums of w q q^T of N * C planes, q = (derivatives of m by P parameters, m, 1, f): products (N * C, P + 3, P + 3).

    The bits of the result do not depend on the number of threads.
    """
    (h, w), n, number = level.shape, len(pairs) * level.channels, source.count
    block = (number + 6) // 4
    words = 8 + 8 * block * (block + 1)
    bands = min(bands_of(h, w), max(8, _NUMBERS // words))
    planes, limits, indices, _kept = plane_arguments(level, pairs)
    options, _lighting = option_words(level, lighting)
    slopes = source.slopes
    found = np.empty((n, bands, words))
    arguments = (
        *planes,
        *limits,
        *(n, h, w, bands),
        *indices,
        *source.words(level),
        *((0, 0, 0, 1) if slopes is None else (address_of(slopes), *slopes.shape[2:], source.every)),
        number,
        *options,
        words,
        address_of(found),
    )
    dispatch.run(sums_entry(), n * bands, threads_for(n * h * w), arguments)
    total = found[:, 0] if bands == 1 else found.sum(axis=1)
    return MatrixSums(total.take(_places(number + 3), axis=1), total[:, 0].copy())


def row_read(level: Level, pairs: Rows, source: Source) -> Array:
    """Return the values (N * C, h, w) that `row_sums` compares with the fixed pixels; NaN outside."""
    (h, w), n = level.shape, len(pairs) * level.channels
    bands, out = bands_of(h, w), np.empty((n, h, w), np.float32)
    planes, limits, indices, _kept = plane_arguments(level, pairs)
    arguments = (
        *planes[:2],
        *limits,
        *(n, h, w, bands),
        *indices[:2],
        *source.words(level),
        kernel_of(level),
        address_of(out),
    )
    dispatch.run(read_entry(), n * bands, threads_for(n * h * w), arguments)
    return out


@functools.lru_cache(16)
def _places(size: int) -> Array:
    """Where each of size x size products is among the sums of a task."""
    low, high = np.sort(np.indices((size, size)), axis=0)
    block = high // 4
    places: Array = 8 + 8 * (block * (block + 1) + low // 2) + high % 4 * 2 + low % 2
    return places
