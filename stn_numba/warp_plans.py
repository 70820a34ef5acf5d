"""Calls of `warp` that differ in nothing but numbers, by transforms whose grid is theta rearranged.

They are planned once, see `stn_numba.sampler.plans`. Such transforms are matrices, and combinations of a kept basis. What a
plugin's own code returns is looked at in every call; whatever is amiss, the call goes the long way, which says so.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import Grid
from stn_numba.sampler import plans
from stn_numba.transform.base import LinearTransform, MatrixTransform, Transform
from stn_numba.transform.registry import shared

__all__ = ["WarpPlan", "find", "keep"]

Array = NDArray[Any]

_MOST_KEPT = 256

_plans: dict[Any, WarpPlan] = {}


class WarpPlan:
    """A call of `warp` but for the numbers in its image and theta."""

    def __init__(self, plan: plans.Plan, shape: tuple[int, ...], grid: Grid, numbers: Callable[..., Array]) -> None:
        self.plan, self.shape, self.numbers = plan, shape, numbers
        self.of_grid = grid.values.shape, grid.values.dtype

    def read(self, image: Any, theta: Any, transform: str | Transform) -> Array | None:
        """Return the output; None if the call has to go the long way."""
        if type(theta) is not np.ndarray:
            theta = np.asarray(theta)
        try:
            values = self.numbers(shared(transform) if isinstance(transform, str) else transform, theta)
            if type(values) is not np.ndarray or (values.shape, values.dtype) != self.of_grid:
                return None
        except Exception:  # whatever a plugin raises: it raises it again, and is named
            return None
        return self.plan.read_known(image, values, self.shape)


def _matrices(transform: MatrixTransform, theta: Array) -> Array:
    return transform.matrix_vjp(_rows(theta))[0]


def _coefficients(transform: LinearTransform, theta: Array) -> Array:
    theta = _rows(theta)
    if not math.isfinite(sum(theta.ravel().tolist())):
        raise ValueError("theta: a grid of numbers that are not finite is looked at as a whole")
    return theta.reshape(len(theta), 2, theta.shape[1] // 2)


def _rows(theta: Array) -> Array:
    """Theta (N, P) as floats."""
    theta = theta[None] if theta.ndim == 1 else theta
    return theta if theta.dtype.kind == "f" else theta.astype(np.float64)


def _numbers_of(transform: Transform) -> Callable[..., Array] | None:
    """How a transform's grid comes of theta; None if its own code lays the grid."""
    laid = type(transform).forward
    if laid is MatrixTransform.forward:
        return _matrices
    return _coefficients if laid is LinearTransform.forward else None


def find(image: Any, theta: Any, transform: Any, shape: Any, options: tuple[Any, ...]) -> tuple[Any, WarpPlan | None]:
    """Return the key of a call, None if it has none, and the plan that is kept for it, if there is one."""
    if type(image) is not np.ndarray or not (shape is None or (type(shape) is tuple and {*map(type, shape)} == {int})):
        return None, None
    try:
        given = theta if type(theta) is np.ndarray else np.asarray(theta) if type(theta) in (list, tuple) else None
        known = shared(transform) if isinstance(transform, str) else transform
        if given is None or known is None:
            return None, None
        key = (
            image.shape, image.strides, image.dtype, given.shape, given.dtype, weakref.ref(known), shape, options,
            tuple(map(type, options)),
        )  # fmt: skip
        return key, _plans.get(key)
    except (TypeError, ValueError):  # no array, no transform, an option without a hash: the long way says what is wrong
        return None, None


def keep(key: Any, transform: Transform, grid: Grid, image: Array, options: tuple[Any, ...], shape: tuple[int, ...]) -> None:
    """Make a plan of a call that has been checked and of the shape of its output, if `sample` made one as well."""
    numbers = _numbers_of(transform)
    if key is None or numbers is None:
        return
    kernel, padding, _, _, layout, num_threads = options
    plan = plans.find(plans.key_of(image, grid, kernel, padding, None, "normalized", False, False, layout, num_threads))
    if plan is not None:
        if len(_plans) >= _MOST_KEPT:
            _plans.clear()
        _plans[key] = WarpPlan(plan, shape, grid, numbers)
