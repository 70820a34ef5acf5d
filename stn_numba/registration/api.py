"""Find the transform between two images."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.registration.pyramid.planes import as_planes
from stn_numba.registration.pyramid.normalize import locally_normalized
from stn_numba.registration.report import as_registration
from stn_numba.registration.result import Registration
from stn_numba.registration.run import find
from stn_numba.registration.settings import Settings
from stn_numba.transform.base import Transform
from stn_numba.threads import limit_threads
from stn_numba.transform.checked import as_transform, identity_of
from stn_numba.transform.parameters import as_numbers

__all__ = ["as_start", "register"]


def register(
    moving: ArrayLike,
    fixed: ArrayLike,
    transform: str | Transform = "affine",
    *,
    options: Mapping[str, Any] | None = None,
    kernel: str = "cubic",
    measure: str = "correlation",
    robust: str | None = None,
    normalize: str | None = None,
    moving_mask: ArrayLike | None = None,
    fixed_mask: ArrayLike | None = None,
    initial: ArrayLike | None = None,
    search: bool | str = "auto",
    penalty: float = 0.0,
    min_correlation: float = 0.8,
    min_overlap: float = 0.25,
    max_iterations: int = 50,
    align_corners: bool = True,
    seed: int = 0,
    num_threads: int | None = None,
) -> Registration:
    """Find the parameters of a transform that maps one image to another.

    The result maps positions of `fixed` to positions of `moving`, so ``warp(moving, result.theta, transform)`` looks like
    `fixed`. Any transform will do, also one of your own.
    """
    settings = Settings.checked(locals())
    first = as_planes(moving, moving_mask, "moving")
    second = as_planes(fixed, fixed_mask, "fixed")
    if first.values.shape[1] != second.values.shape[1]:
        raise ValueError(
            f"moving: expected as many channels as fixed has, {second.values.shape[1]}, got {first.values.shape[1]}"
        )
    made = as_transform(transform, options).for_image(first.shape, settings.align_corners)
    start = as_start(initial, made, 1)
    with contextlib.nullcontext() if num_threads is None else limit_threads(num_threads):
        if settings.normalize:
            first, second = locally_normalized(first), locally_normalized(second)
        if settings.measure == "squares":
            first = first.with_units_of(second)
        found = find(first, second, made, start, settings)
    return as_registration(found, first, second, made, settings, single=True)


def as_start(initial: ArrayLike | None, transform: Transform, count: int) -> NDArray[np.float64]:
    """Return where to start, (count, P): `initial`, (P,), (1, P) or (count, P), or the identity.

    Raises
    ------
    TypeError, ValueError
        If `initial` has another shape or is not finite.
    """
    given = identity_of(transform) if initial is None else as_numbers(initial, transform.n_params)
    rows = given[None] if given.ndim == 1 else given
    if rows.ndim != 2 or rows.shape[1] != transform.n_params or len(rows) not in (1, count):
        raise ValueError(f"initial: expected ({transform.n_params},) or ({count}, {transform.n_params}), got {given.shape}")
    if not np.isfinite(rows).all():
        raise ValueError("initial: expected finite numbers, got NaN or infinity")
    return np.array(np.broadcast_to(rows, (count, rows.shape[1])), np.float64)
