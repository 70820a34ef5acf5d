"""Displacements of a lattice of control points in a volume: only those next to a voxel depend on it."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.registration.volumes.codes import cell_size
from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import Entry, kernel
from stn_numba.registration.models.base import Array, Rows, Sums
from stn_numba.registration.models.lighting import Lighting
from stn_numba.registration.models.row_sums import kernel_of, option_words
from stn_numba.registration.models.volumes.assembly import assembled
from stn_numba.registration.models.volumes.lattice_tables import VoxelTables, reaches, voxel_tables
from stn_numba.registration.models.volumes.words import bands_of_volume, limits_of, scale_of, volume_arguments
from stn_numba.registration.pyramid.levels import Level
from stn_numba.transform.lattice import LatticeTransform

__all__ = ["VolumeLatticeModel"]

_MODULE = "kernels.registration.volumes.lattice_sums"
_SUMS, _READ = kernel(_MODULE, "lattice_sums"), kernel(_MODULE, "lattice_read")
_INTS, _FLOATS, _PLANES, _LATTICE = ("int",) * 5, ("float",) * 6, ("int", "int"), ("int",) * 13


@functools.cache
def sums_entry() -> Entry:
    """Words: planes, limits, size, indices, axes, scale, lattice, channels, bounds, options, words, out."""
    start = (_PLANES,) * 4, _INTS, _INTS, ("int",) * 4, _FLOATS, _FLOATS
    return _SUMS.entry((*start, _LATTICE, "int", "int", ("int",) * 4, "int", "int"))


@functools.cache
def read_entry() -> Entry:
    """Words: planes, limits, size, index, step, axes, scale, lattice, channels, kernel, out."""
    return _READ.entry((_PLANES, _INTS, _INTS, "int", "int", _FLOATS, _FLOATS, _LATTICE, "int", "int", "int"))


class VolumeLatticeModel:
    """All pairs at once; the cost of a voxel does not grow with the lattice."""

    def __init__(self, transform: LatticeTransform) -> None:
        self.transform = transform
        self._reach = reaches(transform)[0]
        self._tables: dict[tuple[float, ...], VoxelTables] = {}

    @staticmethod
    def can_read(transform: LatticeTransform) -> bool:
        """Whether a transform is nothing but its lattice, with as many control points for a point along all axes."""
        return len(set(reaches(transform))) == 1 and transform.maps_point_sets()

    def sums(self, level: Level, theta: Array, pairs: Rows, lighting: Lighting) -> Sums:
        """As `Model.sums`."""
        tables, n = self.tables(level), len(theta) * level.channels
        tasks, words = len(tables.bounds), 8 + len(tables.cells) * cell_size(self._reach)
        planes, indices, _kept = volume_arguments(level, pairs)
        options, _lighting = option_words(level, lighting)
        control, out = np.ascontiguousarray(theta, np.float64), np.empty((n, tasks, words))
        arguments = (
            *planes,
            *limits_of(level),
            *(n, *level.shape, tasks),
            *indices,
            *level.axes,
            *scale_of(level),
            *self._lattice_words(control, tables),
            level.channels,
            address_of(tables.bounds),
            *options,
            words,
            address_of(out),
        )
        dispatch.run(sums_entry(), n * tasks, None, arguments)
        return self._assembled(level, tables, out)

    def values(self, level: Level, theta: Array, pairs: Rows) -> NDArray[np.float32]:
        """As `Model.values`."""
        tables, n, bands = self.tables(level), len(theta) * level.channels, bands_of_volume(level)
        planes, indices, _kept = volume_arguments(level, pairs)
        control, out = np.ascontiguousarray(theta, np.float64), np.empty((n, *level.shape), np.float32)
        arguments = (
            *planes[:2],
            *limits_of(level),
            *(n, *level.shape, bands),
            *indices[:2],
            *level.axes,
            *scale_of(level),
            *self._lattice_words(control, tables),
            level.channels,
            kernel_of(level),
            address_of(out),
        )
        dispatch.run(read_entry(), n * bands, None, arguments)
        return out.reshape(len(theta), level.channels, *level.shape)

    def tables(self, level: Level) -> VoxelTables:
        """Tables of a level, which are kept."""
        key = level.frame
        if key not in self._tables:
            self._tables[key] = voxel_tables(self.transform, level)
        return self._tables[key]

    def _lattice_words(self, control: Array, tables: VoxelTables) -> tuple[int, ...]:
        """A lattice as the kernels take it."""
        cells, across = tables.cells, tables.across
        weights = address_of(across), across.strides[0], address_of(tables.down), address_of(tables.deep)
        firsts = address_of(tables.fronts), address_of(tables.tops)
        return address_of(control), *self.transform.lattice, self._reach, address_of(cells), len(cells), *weights, *firsts

    def _assembled(self, level: Level, tables: VoxelTables, out: NDArray[Any]) -> Sums:
        """Normal equations from the sums of tasks (N * C, tasks, words)."""
        n, reach, columns = len(out), self._reach, tables.cells[:, 2]
        cells = np.zeros((n, *(count - reach + 1 for count in self.transform.lattice), cell_size(reach)))
        for (front, top), tasks in tables.corners.items():
            cells[:, front, top, columns] = out[:, tasks, 8:].sum(axis=1).reshape(n, len(columns), -1)
        jj, jr = assembled(cells, reach, level.scale)
        levels, shape = out[:, :, :8].sum(axis=1), (n // level.channels, level.channels)
        rr = levels[:, [[0, 1, 2], [1, 3, 4], [2, 4, 5]]].reshape(*shape, 3, 3)
        return Sums(jj, jr.reshape(*shape, *jr.shape[1:]), rr, levels[:: level.channels, 6])
