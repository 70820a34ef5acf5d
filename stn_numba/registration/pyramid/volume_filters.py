"""Filters of images (N, H, W) and volumes (N, D, H, W): those of volumes work along one axis after the other."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import Entry, kernel
from stn_numba.registration.pyramid.filters import (
    BINOMIAL,
    extend,
    gaussian,
    halve,
    smooth,
    solve_columns,
    spline_coefficients,
    threads_of,
)

__all__ = ["halve_axes", "smooth_all", "splines_of"]

Planar = NDArray[np.float32]

_MODULE = "kernels.registration.volumes.filters"
_LINES, _ROWS = kernel(_MODULE, "filter_lines"), kernel(_MODULE, "filter_rows")


def halve_axes(planes: Planar, axes: tuple[bool, ...]) -> Planar:
    """Return images or volumes whose axes are half as long where `axes` says so; images along both. See `filters.halve`."""
    if planes.ndim == 3:
        return halve(planes)
    for axis, chosen in enumerate(axes, 1):
        planes = _filtered(planes, axis, BINOMIAL, 2, False) if chosen else planes
    return planes


def smooth_all(planes: Planar, sigma: float, *, odd: bool = False) -> Planar:
    """Return images or volumes smoothed by a Gaussian of deviation `sigma` pixels, as `filters.smooth`."""
    if planes.ndim == 3:
        return smooth(planes, sigma, odd=odd)
    for axis in (1, 2, 3):
        planes = _filtered(planes, axis, gaussian(sigma), 1, odd)
    return planes


def splines_of(planes: Planar) -> Planar:
    """Return the coefficients of cubic splines through images or volumes, with a margin, as `filters.spline_coefficients`."""
    if planes.ndim == 3:
        return spline_coefficients(planes)
    n, d, h, w = planes.shape
    flat = spline_coefficients(planes.reshape(n * d, h, w))
    out = np.zeros((n, d + 2, *flat.shape[1:]), np.float32)
    out[:, 1:-1] = flat.reshape(n, d, *flat.shape[1:])
    solve_columns(out.reshape(n, d + 2, -1), d)
    extend(np.moveaxis(out, 1, 0), d)
    return out


def _filtered(volumes: Planar, axis: int, weights: NDArray[np.floating[Any]], step: int, odd: bool) -> Planar:
    """Volumes filtered along an axis, of which every `step`-th line is kept."""
    shape = list(volumes.shape)
    shape[axis] = -(-shape[axis] // step)
    volumes, out = np.ascontiguousarray(volumes), np.empty(shape, np.float32)
    filters = step, address_of(weights), len(weights) - 1, odd, address_of(out)
    outer, inner = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    if axis == 3:
        dispatch.run(rows_entry(), outer, threads_of(out), (address_of(volumes), volumes.shape[3], *filters))
    else:
        size = outer, volumes.shape[axis], inner
        dispatch.run(lines_entry(), outer * shape[axis], threads_of(out), (address_of(volumes), *size, *filters))
    return out


@functools.cache
def lines_entry() -> Entry:
    """Words: source, size, step, weights, radius, odd, out."""
    return _LINES.entry(("int", ("int",) * 3, "int", "int", "int", "int", "int"))


@functools.cache
def rows_entry() -> Entry:
    """Words: source, width, step, weights, radius, odd, out."""
    return _ROWS.entry(("int",) * 7)
