"""Any transform of volumes, by its positions and their derivatives: pair by pair, some planes at a time."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import Entry, kernel
from stn_numba.registration.models.base import Array, Rows, Sums
from stn_numba.registration.models.lighting import Lighting
from stn_numba.registration.models.row_sums import option_words
from stn_numba.registration.models.volumes.words import limits_of, scale_of, volume_arguments
from stn_numba.registration.pyramid.levels import Level
from stn_numba.transform.base import Transform

__all__ = ["VolumePositionsModel"]

Planar = NDArray[np.float32]

_READ = kernel("kernels.registration.volumes.dense_read", "dense_read")
_PLANES = ("int", "int")
_NUMBERS = 1 << 21  # of the Jacobian of some rows of voxels


@functools.cache
def read_entry() -> Entry:
    """Words: four planes, limits, size, indices, positions, scale, start, options, derivatives, out."""
    start = (_PLANES,) * 4, ("int",) * 5, ("int",) * 3, ("int",) * 4, "int", ("float",) * 6
    return _READ.entry((*start, "int", ("int",) * 4, "int", "int"))


class VolumePositionsModel:
    """Any transform, by positions: pair by pair, without the Jacobian of all voxels in memory."""

    def __init__(self, transform: Transform) -> None:
        self.transform = transform

    def sums(self, level: Level, theta: Array, pairs: Rows, lighting: Lighting) -> Sums:
        """As `Model.sums`."""
        parts = [
            self._of_pair(level, theta[k : k + 1], pairs[k : k + 1], lighting.take(np.array([k]))) for k in range(len(theta))
        ]
        return Sums.joined(parts)

    def values(self, level: Level, theta: Array, pairs: Rows) -> Planar:
        """As `Model.values`."""
        result = np.empty((len(theta), level.channels, *level.shape), np.float32)
        for k, row in enumerate(theta):
            for planes, points in self._blocks(level):
                mapped = self.transform.apply(row[None], points)[0]
                for channel in range(level.channels):
                    found = _read(level, pairs[k : k + 1], Lighting(), channel, planes.start, mapped, False)
                    result[k, channel, planes] = found.reshape(-1, *level.shape[1:])
        return result

    def _blocks(self, level: Level) -> Iterator[tuple[slice, Array]]:
        """Some planes at a time, and the positions (M, 3) of their voxels."""
        d, h, w = level.shape
        together = max(1, _NUMBERS // (3 * self.transform.n_params * h * w))
        for first in range(0, d, together):
            planes = slice(first, min(first + together, d))
            yield planes, level.points(planes)

    def _of_pair(self, level: Level, theta: Array, pairs: Rows, lighting: Lighting) -> Sums:
        """Sums of one pair."""
        count = theta.shape[1]
        products, overlap = np.zeros((1, level.channels, count + 3, count + 3)), 0.0
        for planes, points in self._blocks(level):
            mapped = self.transform.apply(theta, points)[0]
            slopes = self.transform.theta_jacobian(theta, points)[0]  # (M, 3, P)
            slopes = (np.where(np.isfinite(slopes), slopes, 0.0) * level.scale[:, None]).astype(np.float32)
            for channel in range(level.channels):
                found = _read(level, pairs, lighting, channel, planes.start, mapped, True)
                rows = np.empty((count + 3, len(points)), np.float32)
                rows[:count] = np.einsum("am,map->pm", found[:3], slopes)
                rows[count], rows[count + 1], rows[count + 2] = found[3], 1, found[4]
                products[0, channel] += (rows * found[5]) @ rows.T
                overlap += float(found[6].sum(dtype=np.float64)) if channel == 0 else 0.0
        return Sums(
            products[..., :count, :count], products[..., :count, count:], products[..., count:, count:], np.array([overlap])
        )


def _read(level: Level, pairs: Rows, lighting: Lighting, channel: int, first: int, mapped: Array, derivatives: bool) -> Planar:
    """What the kernel `dense_read` writes for one channel of a pair and the planes from `first` on, (7, M) or (M,)."""
    planes, indices, _kept = volume_arguments(level, pairs)
    options, _lighting = option_words(level, lighting)
    positions, w = np.ascontiguousarray(mapped, np.float64), level.shape[2]
    out = np.empty((7, len(positions)) if derivatives else len(positions), np.float32)
    words = (
        *planes,
        *limits_of(level),
        *(channel, len(positions) // w, w),
        *indices,
        address_of(positions),
        *scale_of(level),
        first * level.shape[1],
        *options,
        derivatives,
        address_of(out),
    )
    dispatch.run(read_entry(), len(positions) // w, None, words)
    return out
