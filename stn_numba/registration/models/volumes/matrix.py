"""Homographies of volumes: all pairs at once, without positions in memory."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.registration.volumes.codes import CROSS, DEPTH, LEVELS, LINE, LINES, PAIRS
from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import Entry, kernel
from stn_numba.registration.models.base import Array, Rows, Sums
from stn_numba.registration.models.lighting import Lighting
from stn_numba.registration.models.matrix import MatrixModel
from stn_numba.registration.models.row_sums import kernel_of, option_words
from stn_numba.registration.models.volumes.words import bands_of_volume, limits_of, volume_arguments
from stn_numba.registration.pyramid.levels import Level

__all__ = ["VolumeMatrixModel"]

_MODULE = "kernels.registration.volumes.matrix_sums"
_SUMS, _READ = kernel(_MODULE, "matrix_sums"), kernel(_MODULE, "matrix_read")
_INTS, _AXES, _PLANES = ("int",) * 5, ("float",) * 6, ("int", "int")


@functools.cache
def sums_entry() -> Entry:
    """Words: four planes, limits, size, indices, matrix, axes, options, out."""
    return _SUMS.entry(((_PLANES,) * 4, _INTS, _INTS, ("int",) * 4, "int", _AXES, ("int",) * 4, "int"))


@functools.cache
def read_entry() -> Entry:
    """Words: planes, limits, size, index, step, matrix, axes, kernel, projective, out."""
    return _READ.entry((_PLANES, _INTS, _INTS, "int", "int", "int", _AXES, "int", "int", "int"))


class VolumeMatrixModel(MatrixModel):
    """As `MatrixModel`, with an axis more."""

    def sums(self, level: Level, theta: Array, pairs: Rows, lighting: Lighting) -> Sums:
        """As `Model.sums`."""
        matrix, to_theta = self._matrices(level, theta)
        matrix = np.ascontiguousarray(np.repeat(matrix, level.channels, axis=0), np.float64)
        n, bands = len(matrix), bands_of_volume(level)
        planes, indices, _kept = volume_arguments(level, pairs)
        (reader, _, robust, numbers), _lighting = option_words(level, lighting)
        out = np.empty((n, bands, LINES * LINE))
        words = (
            *planes,
            *limits_of(level),
            *(n, *level.shape, bands),
            *indices,
            address_of(matrix),
            *level.axes,
            *(reader, _is_projective(matrix), robust, numbers),
            address_of(out),
        )
        dispatch.run(sums_entry(), n * bands, None, words)
        total = out.sum(axis=1)
        products = total.take(_places(), axis=1).reshape(len(theta), level.channels, 19, 19)
        jj = to_theta @ products[..., :16, :16] @ np.swapaxes(to_theta, -1, -2)
        jr = np.asarray(to_theta @ products[..., :16, 16:], np.float64)
        return Sums(np.asarray(jj, np.float64), jr, products[..., 16:, 16:], total[:: level.channels, LEVELS + 6].copy())

    def values(self, level: Level, theta: Array, pairs: Rows) -> NDArray[np.float32]:
        """As `Model.values`."""
        matrix = level.to_pixels @ self.transform.matrix(theta)
        matrix = np.ascontiguousarray(np.repeat(matrix, level.channels, axis=0), np.float64)
        n, bands = len(matrix), bands_of_volume(level)
        planes, indices, _kept = volume_arguments(level, pairs)
        out = np.empty((n, *level.shape), np.float32)
        words = (
            *planes[:2],
            *limits_of(level),
            *(n, *level.shape, bands),
            *indices[:2],
            address_of(matrix),
            *level.axes,
            *(kernel_of(level), _is_projective(matrix)),
            address_of(out),
        )
        dispatch.run(read_entry(), n * bands, None, words)
        return out.reshape(len(theta), level.channels, *level.shape)


def _is_projective(matrix: Array) -> bool:
    return bool((matrix[:, 3] != (0, 0, 0, 1)).any())


@functools.cache
def _places() -> NDArray[Any]:
    """Where each of the 19 x 19 products is in the lines of sums; zeros are in the last place."""
    places = np.full((19, 19), LINES * LINE - 1)
    pairs = {pair: PAIRS + 3 * k for k, pair in enumerate(((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)))}
    pairs |= {(axis, 3): DEPTH + 3 * axis for axis in range(4)}
    cross = CROSS, CROSS + 6, CROSS + 12, DEPTH + 18
    lines = {(0, 0): 0, (1, 0): 1, (0, 1): 2, (2, 0): 3, (1, 1): 4, (0, 2): 5}  # by powers of v and w
    powers = (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0)  # of u, v, w
    for a, (i, (u, v, w)) in itertools.product(range(4), enumerate(powers)):
        for b, (j, other) in itertools.product(range(a, 4), enumerate(powers)):
            line = lines[v + other[1], w + other[2]]
            places[4 * a + i, 4 * b + j] = line * LINE + pairs[a, b] + u + other[0]
        places[4 * a + i, 16:] = lines[v, w] * LINE + cross[a] + u + np.array([0, 2, 4])
    places[16:, 16:] = LEVELS + np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])
    return np.where(np.tri(19, k=-1, dtype=bool), places.T, places)
