"""Filters of planes: thin calls of the kernels, which validate nothing."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.runtime import dispatch
from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import Entry, kernel

__all__ = [
    "BINOMIAL",
    "extend",
    "gaussian",
    "halve",
    "noise_left",
    "smooth",
    "solve_columns",
    "spline_coefficients",
    "threads_of",
    "weighted",
    "with_two_lines",
]

Planar = NDArray[np.float32]

_PIXELS = 1 << 14  # of a task
_FEW = 1 << 16  # pixels of a call, up to which one thread is as fast, and steadier on a busy machine
_COLUMNS = 64  # of a task that works along columns: rows of four cache lines
BINOMIAL: Planar = np.array([6, 4, 1], np.float32) / np.float32(16)
_MODULE = "kernels.registration.filters"
_KERNELS = {name: kernel(_MODULE, name) for name in ("halve", "smooth", "solve_columns", "solve_rows")}


def halve(planes: Planar) -> Planar:
    """Return planes (N, H, W) of half the size, (N, ceil(H / 2), ceil(W / 2)): pixel j lies at pixel 2 j.

    They are smoothed before by the binomial weights (1, 4, 6, 4, 1) / 16, which leave little that aliases.
    """
    n, h, w = planes.shape
    out = np.empty((n, (h + 1) // 2, (w + 1) // 2), np.float32)
    bands = _bands(h, w)
    words = (address_of(planes), h, w, bands, address_of(BINOMIAL), address_of(out))
    dispatch.run(halve_entry(), n * bands, threads_of(out), words)
    return out


def smooth(planes: Planar, sigma: float, *, odd: bool = False) -> Planar:
    """Return planes (N, H, W) smoothed by a Gaussian of deviation `sigma` pixels, at most 12.

    Beyond their edges they are mirrored, or, if `odd`, mirrored with the opposite sign, so that slopes go on.
    """
    n, h, w = planes.shape
    out, bands, weights = np.empty_like(planes), _bands(h, w), gaussian(sigma)
    words = (address_of(planes), h, w, bands, address_of(weights), len(weights) - 1, odd, address_of(out))
    dispatch.run(smooth_entry(), n * bands, threads_of(out), words)
    return out


def weighted(function: Any, planes: Planar, weight: Planar, *arguments: Any) -> tuple[Planar, Planar]:
    """Filter planes in which pixels have weights: (planes, weights), where pixels without weight take no part."""
    around = function(weight, *arguments)
    total = function(planes * weight, *arguments)
    return np.divide(total, around, out=np.zeros_like(total), where=around > 0), around


def spline_coefficients(planes: Planar) -> Planar:
    """Return the coefficients of the natural cubic splines through planes (N, H, W), with a margin.

    Coefficient (i, j) is in row i + 1 and column j + 1. Natural splines have no curvature at the edges, so they do not
    mirror the image there, as is usual, and bend (Unser, 1999, for the method).
    """
    n, h, w = planes.shape
    out = np.zeros((n, (h + 9) // 8 * 8, (w + 9) // 8 * 8), np.float32)
    out[:, 1 : h + 1, 1 : w + 1] = planes
    size = out.shape[1:]
    across = _factors(w, size[1])
    solve_columns(out, h)
    dispatch.run(rows_entry(), n * size[0] // 8, threads_of(out), (address_of(out), *size, address_of(across)))
    for axis, length in ((1, h), (2, w)):
        extend(np.moveaxis(out, axis, 0), length)
    return out


def solve_columns(planes: Planar, count: int) -> None:
    """Solve the equations of splines along the columns of planes (N, H, W) with `count` pixels from row 1 on, in place."""
    n, *size = planes.shape
    down = _factors(count, size[0])
    tasks = n * (-(-size[1] // _COLUMNS))
    dispatch.run(columns_entry(), tasks, threads_of(planes), (address_of(planes), *size, _COLUMNS, address_of(down)))


def with_two_lines(planes: Planar) -> Planar:
    """Repeat the row or the column of planes (N, H, W) that have a single one, since kernels read two; so in volumes."""
    short = [(0, 0), *((0, int(size < 2)) for size in planes.shape[1:])]
    return np.pad(planes, short, "edge") if 1 in planes.shape[1:] else planes


def extend(lines: Planar, count: int) -> None:
    """Continue coefficients in straight lines beyond the first and the last of `count`, from line 1 on."""
    if count < 2:
        lines[:] = lines[1]
        return
    lines[0], lines[count + 1] = 2 * lines[1] - lines[2], 2 * lines[count] - lines[count - 1]


@functools.lru_cache(64)
def _factors(count: int, length: int) -> Planar:
    """The factors (2, length) of both sweeps for `count` pixels from line 1 on: c_-1 + 4 c_0 + c_1 = 6 f_0 between the ends."""
    result = np.zeros((2, length))
    result[0] = 1
    for line in range(2, count):
        result[1, line] = 1 / (4 - result[1, line - 1])
        result[0, line] = 6 * result[1, line]
    return result.astype(np.float32)


def noise_left(sigma: float, ndim: int = 2) -> float:
    """The share of the variance of noise, independent from pixel to pixel, that is left after `smooth`."""
    weights = gaussian(sigma).astype(np.float64)
    return float(2 * np.sum(weights**2) - weights[0] ** 2) ** ndim


@functools.lru_cache(16)
def gaussian(sigma: float) -> Planar:
    """Weights of distances 0, 1, ... that sum to 1 on both sides."""
    distances = np.arange(int(4 * sigma + 0.5) + 1)
    weights = np.exp(-0.5 * (distances / sigma) ** 2)
    return np.asarray(weights / (2 * weights.sum() - weights[0]), np.float32)


def threads_of(out: Planar) -> int | None:
    """Threads for a call that writes planes: one if it is small, else as many as are allowed."""
    return 1 if out.size <= _FEW else None


def _bands(h: int, w: int) -> int:
    """Tasks of a plane, fixed by its shape."""
    return max(1, min(h, h * w // _PIXELS))


@functools.cache
def halve_entry() -> Entry:
    """Words: source, size, bands, weights, out."""
    return _KERNELS["halve"].entry(("int", ("int", "int"), "int", "int", "int"))


@functools.cache
def smooth_entry() -> Entry:
    """Words: source, size, bands, weights, radius, odd, out."""
    return _KERNELS["smooth"].entry(("int", ("int", "int"), "int", "int", "int", "int", "int"))


@functools.cache
def columns_entry() -> Entry:
    """Words: planes, size, columns, factors."""
    return _KERNELS["solve_columns"].entry(("int", ("int", "int"), "int", "int"))


@functools.cache
def rows_entry() -> Entry:
    """Words: planes, size, factors."""
    return _KERNELS["solve_rows"].entry(("int", ("int", "int"), "int"))
