"""Displacements of a lattice of control points: only those next to a pixel depend on it."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.registration.codes import words_of_cell
from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import Entry, kernel
from stn_numba.registration.models.base import Array, Rows, Sums
from stn_numba.registration.models.kernel_sums import bands_of, threads_for
from stn_numba.registration.models.lattice_tables import Assembly, PixelTables, assembly, pixel_tables, reaches
from stn_numba.registration.models.lighting import Lighting
from stn_numba.registration.models.row_sums import kernel_of, option_words, plane_arguments, scale_of_level
from stn_numba.registration.pyramid.levels import Level
from stn_numba.transform.lattice import LatticeTransform

__all__ = ["LatticeModel"]

_MODULE = "kernels.registration.lattice_sums"
_SUMS, _READ = kernel(_MODULE, "lattice_sums"), kernel(_MODULE, "lattice_read")
_INTS, _FLOATS, _PLANES = ("int",) * 4, ("float",) * 4, ("int", "int")
_LATTICE = ("int",) * 10


@functools.cache
def sums_entry() -> Entry:
    """Words: planes, limits, size, indices, axes, scale, lattice, channels, bounds, options, words, out."""
    start = (_PLANES,) * 4, ("int",) * 3, _INTS, _INTS, _FLOATS, _FLOATS
    return _SUMS.entry((*start, _LATTICE, "int", "int", _INTS, "int", "int"))


@functools.cache
def read_entry() -> Entry:
    """Words: planes, limits, size, index, step, axes, scale, lattice, channels, kernel, out."""
    return _READ.entry((_PLANES, ("int",) * 3, _INTS, "int", "int", _FLOATS, _FLOATS, _LATTICE, "int", "int", "int"))


class LatticeModel:
    """All pairs at once; the cost of a pixel does not grow with the lattice."""

    def __init__(self, transform: LatticeTransform) -> None:
        self.transform = transform
        self._reach = reaches(transform)[0]
        self._tables: dict[tuple[float, ...], PixelTables] = {}

    @staticmethod
    def can_read(transform: LatticeTransform) -> bool:
        """Whether a transform is nothing but its lattice, with as many control points for a point along both axes."""
        down, across = reaches(transform)
        return down == across and transform.maps_point_sets()

    def sums(self, level: Level, theta: Array, pairs: Rows, lighting: Lighting) -> Sums:
        """As `Model.sums`."""
        tables = self.tables(level)
        (h, w), n, tasks = level.shape, len(theta) * level.channels, len(tables.bounds) - 1
        words = 8 + len(tables.cells) * words_of_cell(self._reach)[-1]
        planes, limits, indices, _kept = plane_arguments(level, pairs)
        options, _lighting = option_words(level, lighting)
        control, out = np.ascontiguousarray(theta, np.float64), np.empty((n, tasks, words))
        arguments = (
            *planes,
            *limits,
            *(n, h, w, tasks),
            *indices,
            *level.axes,
            *scale_of_level(level),
            *self._lattice_words(control, tables),
            level.channels,
            address_of(tables.bounds),
            *options,
            words,
            address_of(out),
        )
        dispatch.run(sums_entry(), n * tasks, threads_for(n * h * w), arguments)
        return self._assembled(level, tables, out)

    def values(self, level: Level, theta: Array, pairs: Rows) -> NDArray[np.float32]:
        """As `Model.values`."""
        tables = self.tables(level)
        (h, w), n = level.shape, len(theta) * level.channels
        bands, out = bands_of(h, w), np.empty((n, h, w), np.float32)
        planes, limits, indices, _kept = plane_arguments(level, pairs)
        control = np.ascontiguousarray(theta, np.float64)
        arguments = (
            *planes[:2],
            *limits,
            *(n, h, w, bands),
            *indices[:2],
            *level.axes,
            *scale_of_level(level),
            *self._lattice_words(control, tables),
            level.channels,
            kernel_of(level),
            address_of(out),
        )
        dispatch.run(read_entry(), n * bands, threads_for(n * h * w), arguments)
        return out.reshape(len(theta), level.channels, h, w)

    def tables(self, level: Level) -> PixelTables:
        """Tables of a level, which are kept."""
        key = level.frame
        if key not in self._tables:
            self._tables[key] = pixel_tables(self.transform, level)
        return self._tables[key]

    @functools.cached_property
    def assembly(self) -> Assembly:
        """How the sums of cells make normal equations."""
        rows, columns = self.transform.lattice
        return assembly(rows, columns, self._reach)

    def _lattice_words(self, control: Array, tables: PixelTables) -> tuple[int, ...]:
        """A lattice as the kernels take it."""
        cells, across = tables.cells, tables.across
        weights = address_of(across), across.strides[0], address_of(tables.down), address_of(tables.tops)
        return address_of(control), *self.transform.lattice, self._reach, address_of(cells), len(cells), *weights

    def _assembled(self, level: Level, tables: PixelTables, out: NDArray[Any]) -> Sums:
        """Normal equations from the sums of tasks (N * C, tasks, words)."""
        mapping, count = self.assembly, self.transform.n_params
        n, tops = len(out), tables.tops[tables.bounds[:-1]]
        by_cell = out[:, :, 8:].reshape(n, len(tops), len(tables.cells), -1)
        cells = np.zeros((n, *mapping.cells, by_cell.shape[-1]))
        for task, top in enumerate(tops):
            for k, (*_, column) in enumerate(tables.cells):
                cells[:, top, column] += by_cell[:, task, k]
        found = (mapping.matrix @ cells.reshape(n, -1).T).T
        scale = np.repeat(np.diag(level.to_pixels)[:2], count // 2)
        flat = np.zeros((n, count * count))
        flat[:, mapping.places] = found[:, : len(mapping.places)]
        jj = flat.reshape(n // level.channels, level.channels, count, count)
        jj *= scale[:, None]
        jj *= scale
        jr = found[:, len(mapping.places) :].reshape(*jj.shape[:3], 3) * scale[:, None]
        levels = out[:, :, :8].sum(axis=1)
        rr = levels[:, [[0, 1, 2], [1, 3, 4], [2, 4, 5]]].reshape(*jj.shape[:2], 3, 3)
        return Sums(jj, jr, rr, levels[:: level.channels, 6])
