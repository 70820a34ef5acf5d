"""Validate what plugins return, and name the plugin in every error.

Positions may be infinite or NaN, which the sampler treats as outside the image. But if finite parameters lead to no position
that is a number, that is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stn_numba._util.arguments import as_bool
from stn_numba.grid import Floats, KernelGrid, Shape, check_shape
from stn_numba.transform.base import Transform
from stn_numba.transform.parameters import as_theta
from stn_numba.transform.registry import PluginError, get_transform, name_of

__all__ = [
    "TransformLike",
    "as_transform",
    "expect_transform",
    "identity_of",
    "make_grid",
    "n_params_of",
    "transform_for_image",
    "transform_from",
]

Backprop = Callable[[ArrayLike], Floats]
TransformLike = str | Transform | tuple[str, Mapping[str, Any]] | list[Any]  # a name, a transform, or a pair (name, options)


def expect_transform(value: Any) -> Transform:
    """Return `value` if it is a transform."""
    if not isinstance(value, Transform):
        got = type(value).__name__
        if isinstance(value, type) and issubclass(value, Transform):
            got = f"the class {value.__name__}; an instance is {value.__name__}()"
        raise TypeError(f"transform: expected a registered name or a Transform, got {got}")
    return value


def as_transform(transform: str | Transform, options: Mapping[str, Any] | None = None) -> Transform:
    """Return the transform of a registered name, made with `options`, or the transform itself, which takes no options."""
    if isinstance(transform, str):
        return get_transform(transform, **(options or {}))
    if options:
        raise ValueError(f"options: expected none with a Transform, which has its own, got {', '.join(options)}")
    return expect_transform(transform)


def transform_from(value: TransformLike) -> Transform:
    """Return the transform that a name, a pair (name, options) or a transform stands for.

    Examples
    --------
    >>> transform_from(["tps", {"control_points": [2, 3]}]).n_params
    12
    """
    if isinstance(value, tuple | list):
        if len(value) != 2 or not isinstance(value[0], str) or not isinstance(value[1], Mapping):
            raise TypeError(f"transform: expected a pair (name, options), got {value!r:.60}")
        return get_transform(value[0], **value[1])
    return as_transform(value)


def n_params_of(transform: Transform) -> int:
    """``transform.n_params``, validated."""
    with _Named(transform, "n_params"):
        return int(transform.n_params)


def identity_of(transform: Transform) -> Floats:
    """``transform.identity()``, validated.

    Raises
    ------
    PluginError
        If the transform raises an error, or does not return P finite numbers.

    Examples
    --------
    >>> from stn_numba.transform.registry import get_transform
    >>> identity_of(get_transform("affine")).tolist()
    [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    """
    count = n_params_of(transform)
    with _Named(transform, "identity"):
        theta = np.asarray(transform.identity(), np.float64)
    if theta.shape != (count,) or not np.isfinite(theta).all():
        raise PluginError(f"{name_of(transform)}: identity: expected ({count},) finite numbers, got {theta!r:.80}")
    return theta


def transform_for_image(transform: Transform, in_shape: Shape, align_corners: bool = True) -> Transform:
    """``transform.for_image(in_shape, align_corners)``, validated.

    Raises
    ------
    PluginError
        If the transform raises an error, or does not return a transform with the same number of parameters.
    """
    if type(transform).for_image is Transform.for_image:
        return transform
    with _Named(transform, "for_image"):
        result = transform.for_image(in_shape, align_corners)
    if not isinstance(result, Transform):
        raise PluginError(f"{name_of(transform)}: for_image: expected a Transform, got {_short(result)}")
    if n_params_of(result) != n_params_of(transform):
        raise PluginError(
            f"{name_of(transform)}: for_image: expected {transform.n_params} parameters, as before, got {result.n_params}"
        )
    return result


def make_grid(transform: Transform, theta: ArrayLike, shape: Shape, align_corners: bool = True) -> tuple[KernelGrid, Backprop]:
    """``transform.forward(theta, shape, align_corners)``, validated.

    Raises
    ------
    TypeError, ValueError
        If arguments do not fit the transform.
    PluginError
        If the transform raises an error, or does not return a grid of the requested shape, gradients (N, P), or numbers.

    Examples
    --------
    >>> from stn_numba.transform.registry import get_transform
    >>> make_grid(get_transform("affine"), [[1, 0, 0, 0, 1, 0]], (4, 5))[0].shape
    (4, 5)
    """
    theta = as_theta(theta, n_params_of(expect_transform(transform)), transform)
    shape, align_corners = check_shape(shape, ndim=transform.ndim), as_bool(align_corners, "align_corners")
    with _Named(transform, "forward"):
        grid, pull_back = transform.forward(theta, shape, align_corners)
    problem = _problem(grid, theta, shape, align_corners)
    if problem:
        raise PluginError(f"{name_of(transform)}: forward: {problem}")
    assert isinstance(grid, KernelGrid)

    def backprop(d_grid: ArrayLike) -> Floats:
        with _Named(transform, "backprop"):
            d_theta = pull_back(d_grid)
        if not isinstance(d_theta, np.ndarray) or d_theta.shape != theta.shape or d_theta.dtype.kind != "f":
            raise PluginError(f"{name_of(transform)}: backprop: expected floats {theta.shape}, got {_short(d_theta)}")
        return d_theta

    return grid, backprop


class _Named:
    """Name the plugin in any error that it raises, except MemoryError.

    Entered for every batch: a context manager made of a generator would take longer than many plugins do.
    """

    def __init__(self, transform: Transform, part: str) -> None:
        self.transform, self.part = transform, part

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        if isinstance(error, Exception) and not isinstance(error, MemoryError):
            raise PluginError(f"{name_of(self.transform)}: {self.part}: {type(error).__name__}: {error}") from error


def _problem(grid: Any, theta: Floats, shape: Shape, align_corners: bool) -> str:
    """What is wrong with a grid; empty if nothing."""
    if not isinstance(grid, KernelGrid):
        return f"expected a DenseGrid, MatrixGrid or BasisGrid, got {type(grid).__name__}"
    if grid.values.dtype not in (np.float32, np.float64):
        return f"expected a grid of float32 or float64, got {grid.values.dtype}"
    if (len(grid), grid.shape, grid.align_corners) != (len(theta), shape, align_corners):
        return (
            f"expected a grid for N = {len(theta)}, shape {shape}, align_corners={align_corners}, "
            f"got N = {len(grid)}, shape {grid.shape}, align_corners={grid.align_corners}"
        )
    for row in np.flatnonzero(grid.all_nan()):
        if np.isfinite(theta[row]).all():
            return f"not one position is a number for finite theta {theta[row]!r:.80} (row {row})"
    return ""


def _short(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
