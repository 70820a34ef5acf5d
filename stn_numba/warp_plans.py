"""Plans of `warp`, see `stn_numba.sampler.plans`: for calls that differ only in the numbers in their arrays.

There is a plan if the transform can compute the values of its grid without validation. What a plugin returns is examined in
every call; if anything is wrong, the call is repeated without a plan, which raises the error.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import KernelGrid
from stn_numba.sampler import plans
from stn_numba.transform.base import Transform
from stn_numba.transform.registry import shared

__all__ = ["WarpPlan", "add", "find"]

Array = NDArray[Any]

_MAX_PLANS = 256

_plans: dict[Any, WarpPlan] = {}


class WarpPlan:
    """A call of `warp` without its arrays, and the transform for its image if that is not the one that was passed."""

    def __init__(self, plan: plans.Plan, shape: tuple[int, ...], grid: KernelGrid, bound: Transform | None) -> None:
        self.plan, self.shape, self.bound = plan, shape, bound
        self.values = grid.values.shape, grid.values.dtype

    def read(self, image: Any, theta: Any, transform: str | Transform, out: Array | None) -> Array | None:
        """Return the output; None if the call needs validation."""
        if type(theta) is not np.ndarray:
            theta = np.asarray(theta)
        try:
            known: Any = self.bound or (shared(transform) if isinstance(transform, str) else transform)
            values = known.grid_values(theta)
            if type(values) is not np.ndarray or (values.shape, values.dtype) != self.values:
                return None
        except Exception:  # a plugin may raise anything: it raises it again, and is named
            return None
        return self.plan.read_values(image, values, self.shape, out)


def find(image: Any, theta: Any, transform: Any, shape: Any, options: tuple[Any, ...]) -> tuple[Any, WarpPlan | None]:
    """Return the key of a call, None if it can have no plan, and the plan that is stored for it."""
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
    except (TypeError, ValueError):  # no array, no transform, an option without a hash: validation will say so
        return None, None


def add(
    key: Any,
    transform: Transform,
    bound: Transform,
    grid: KernelGrid,
    image: Array,
    options: tuple[Any, ...],
    shape: tuple[int, ...],
) -> None:
    """Store a plan of a validated call and the shape of its output, if `sample` has one as well.

    `bound` is what the transform's `for_image` returned; the key contains the shape of the image.
    """
    if key is None or not bound.has_grid_values():
        return
    kernel, padding, _, _, layout, num_threads = options
    plan = plans.find(plans.key_of(image, grid, kernel, padding, None, "normalized", False, False, layout, num_threads))
    if plan is not None:
        if len(_plans) >= _MAX_PLANS:
            _plans.clear()
        _plans[key] = WarpPlan(plan, shape, grid, None if bound is transform else bound)
