"""Solve systems of normal equations by the method of conjugate gradients (Hestenes and Stiefel, 1952)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["conjugate_gradients"]

Array = NDArray[np.float64]
Linear = Callable[[Array], Array]


def conjugate_gradients(multiply: Linear, right: Array, precondition: Linear, *, tolerance: float, most: int) -> Array:
    """Return the solution (P,) of a positive definite system, nearly.

    Parameters
    ----------
    multiply : callable
        Multiplies a vector (P,) by the matrix. It may return the same memory each time.
    right : ndarray, (P,)
        The right side.
    precondition : callable
        Multiplies a vector by a positive definite matrix near the inverse.
    tolerance : float
        The norm of the residual, as `precondition` measures it, over that of the right side.
    most : int
        Iterations at most.
    """
    solution, residual = np.zeros_like(right), right.copy()
    direction = precondition(residual)
    size = float(residual @ direction)
    enough = tolerance**2 * size
    for _ in range(most):
        if not size > enough:
            break
        product = multiply(direction)
        curvature = float(direction @ product)
        if not curvature > 0:  # by rounding, or because a number is not finite
            break
        length = size / curvature
        solution += length * direction
        residual -= length * product
        preconditioned = precondition(residual)
        before, size = size, float(residual @ preconditioned)
        direction = preconditioned + size / before * direction
    return solution
