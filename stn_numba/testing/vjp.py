"""Check hand-written gradients against central differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.arrays import as_array

__all__ = ["check_vjp"]


def check_vjp(
    function: Callable[..., tuple[NDArray[Any], Callable[..., Any]]],
    *arguments: NDArray[np.float64],
    seed: int = 0,
    step: float = 1e-6,
    tolerance: float = 1e-6,
) -> float:
    """Compare a hand-written backward pass with central differences, by random projection.

    For a random direction v of the arguments and a random cotangent u of the output, <u, J v> from central differences must
    equal <J^T u, v> from the backward pass. One projection tests every entry of the gradient at once.

    Parameters
    ----------
    function : callable
        ``function(*arguments) -> (y, backprop)``. ``backprop(u)`` returns the gradient, or a tuple with one gradient per
        argument, each of its argument's shape.
    *arguments : arrays of float
        Where to differentiate, away from kinks of the function. They are converted to float64 and not modified.
    seed : int, default 0
        Seed of the random directions.
    step : float, default 1e-6
        Half-width of the central difference.
    tolerance : float, default 1e-6
        Largest error relative to the larger of the two values.

    Returns
    -------
    float
        The relative error.

    Raises
    ------
    TypeError
        If an argument is not an array of floats.
    AssertionError
        If a gradient does not have its argument's shape, or the two values differ by more than `tolerance`.

    Examples
    --------
    >>> import numpy as np
    >>> def square(x):
    ...     return x**2, lambda d_y: 2 * x * d_y
    >>> check_vjp(square, np.linspace(1.0, 2.0, 5)) < 1e-6
    True
    """
    arguments = tuple(_checked(array, f"argument {number}") for number, array in enumerate(arguments))
    rng = np.random.default_rng(seed)
    directions = [rng.standard_normal(a.shape) for a in arguments]
    y, backprop = function(*arguments)
    cotangent = rng.standard_normal(y.shape)
    gradients = backprop(cotangent)
    if not isinstance(gradients, tuple):
        gradients = (gradients,)
    shapes = [np.shape(g) for g in gradients], [a.shape for a in arguments]
    if shapes[0] != shapes[1]:
        raise AssertionError(f"gradients: expected shapes {shapes[1]}, got {shapes[0]}")

    def shifted(sign: int) -> NDArray[Any]:
        return function(*(a + sign * step * v for a, v in zip(arguments, directions, strict=True)))[0]

    by_differences = float(np.sum(cotangent * ((shifted(+1) - shifted(-1)) / (2 * step))))
    by_backprop = float(sum(np.sum(g * v) for g, v in zip(gradients, directions, strict=True)))
    error = abs(by_differences - by_backprop) / max(abs(by_differences), abs(by_backprop), 1e-12)
    if not error <= tolerance:
        raise AssertionError(
            f"gradient: differences give {by_differences:.12g}, backprop gives {by_backprop:.12g}, "
            f"relative error {error:.2e} exceeds {tolerance:.0e}"
        )
    return error


def _checked(array: NDArray[Any], name: str) -> NDArray[np.float64]:
    result = as_array(array, name)
    if result.dtype.kind != "f":
        raise TypeError(f"{name}: expected float64, got {result.dtype}")
    return result.astype(np.float64, copy=False)
