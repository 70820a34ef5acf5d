"""Derivatives by central differences, for transforms whose authors give none. All are computed in float64."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Floats

__all__ = ["by_parameter", "by_position", "warn_of_cost"]

Array = NDArray[np.float64]

_STEP = float(np.cbrt(np.finfo(np.float64).eps))  # makes the errors of truncation and of rounding about equal

_warned: weakref.WeakSet[type] = weakref.WeakSet()


def by_parameter(function: Callable[[Array], Floats], theta: Floats) -> Iterator[Array]:
    """Yield the derivative of ``function(theta) -> (N, ...)`` with respect to each of the P parameters.

    Where a derivative is not a finite number, because a position is NaN or infinite, it is 0.

    Examples
    --------
    >>> [slope.round(6).tolist() for slope in by_parameter(lambda theta: theta**2, np.array([[1.0, 3.0]]))]
    [[[2.0, 0.0]], [[0.0, 6.0]]]
    """
    center = np.array(theta, np.float64)
    for k in range(center.shape[1]):
        above, below = center.copy(), center.copy()
        with np.errstate(all="ignore"):
            step = _STEP * np.maximum(1.0, np.abs(center[:, k]))
            above[:, k] += step
            below[:, k] -= step
            difference = np.asarray(function(above), np.float64) - np.asarray(function(below), np.float64)
            width = (above[:, k] - below[:, k]).reshape(-1, *[1] * (difference.ndim - 1))
            slope = difference / width
        yield np.where(np.isfinite(slope), slope, 0.0)


def by_position(function: Callable[[Array], Floats], points: Floats) -> tuple[Array, Array]:
    """Return ``function(points) -> (N, M, 2)`` and its derivatives (N, M, 2, 2) with respect to the points.

    The function is called once, with five times as many points (seven in volumes), each of which it must map on its own.

    Examples
    --------
    >>> _, jacobian = by_position(lambda points: points[None] ** 2, np.array([[1.0, 3.0]]))
    >>> jacobian.round(6).tolist()
    [[[[2.0, 0.0], [0.0, 6.0]]]]
    """
    center = np.array(points, np.float64)
    count = center.shape[-2]
    step = _STEP * np.maximum(1.0, np.abs(center))
    axes = center.shape[-1]
    sets = [center, *(center + sign * step * unit for unit in np.eye(axes) for sign in (1, -1))]
    with np.errstate(all="ignore"):
        mapped = np.asarray(function(np.concatenate(sets, axis=-2)), np.float64)
        middle, *moved = (mapped[:, k * count : (k + 1) * count] for k in range(len(sets)))
        slopes = [(moved[2 * k] - moved[2 * k + 1]) / (sets[1 + 2 * k] - sets[2 + 2 * k])[..., k : k + 1] for k in range(axes)]
        return middle, np.stack(slopes, axis=-1)


def warn_of_cost(kind: type, count: int) -> None:
    """Warn, once for each class, that its gradients with respect to `count` parameters are taken by differences."""
    if kind not in _warned:
        _warned.add(kind)
        warnings.warn(
            f"{kind.__name__} has no apply_vjp: its gradients are taken by central differences, which calls apply "
            f"{2 * count} times for each batch. To train faster, write apply_vjp(theta, points) -> (mapped, backprop)",
            RuntimeWarning,
            stacklevel=3,
        )
