"""One transform to check, and the parameters and options to check it with."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.transform.base import Transform
from stn_numba.transform.checked import as_transform

__all__ = ["Case", "expect", "make_case", "run_check"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Case:
    """A transform, parameters (N, P) to check it at, and the options of `check_transform`."""

    transform: Transform
    theta: NDArray[np.float64]
    exact_identity: bool
    differentiable: bool
    picklable: bool
    tolerance: float
    invertible: bool
    fittable: bool

    @property
    def points(self) -> NDArray[np.float64]:
        """(M, 2) positions, or (M, 3) in volumes, always the same."""
        return np.random.default_rng(1).uniform(-1, 1, (11, self.transform.ndim))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the outputs of the checks."""
        return (5, 6) if self.transform.ndim == 2 else (3, 5, 4)


def make_case(
    transform: str | Transform | Callable[[], Transform],
    theta: Array | None = None,
    exact_identity: bool = True,
    differentiable: bool = True,
    picklable: bool = True,
    tolerance: float = 1e-6,
    invertible: bool = True,
    fittable: bool = True,
) -> Case:
    """Make a `Case`, with parameters near the identity if none are given."""
    made = as_transform(transform if isinstance(transform, str | Transform) else transform())
    if theta is not None and (np.ndim(theta) != 2 or not len(theta)):
        raise ValueError(f"theta: expected (N, P) with N >= 1, got {np.shape(theta)}")
    if theta is None:
        start = np.asarray(made.identity(), np.float64)
        theta = start + np.random.default_rng(0).normal(0, 0.1, (3, start.size))
    return Case(made, np.array(theta, np.float64), exact_identity, differentiable, picklable, tolerance, invertible, fittable)


def run_check(check: Callable[[Case], None], case: Case) -> None:
    """Run one check without the warning that gradients by central differences are slow."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* has no apply_vjp")
        check(case)


def expect(holds: bool, message: str) -> None:
    """Raise an AssertionError unless a condition holds."""
    if not holds:
        raise AssertionError(message)
