"""Check a transform against the plugin contract. Every check raises AssertionError with the expected and the actual result."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import base_points
from stn_numba.testing.case import Case, expect, make_case, run_check
from stn_numba.testing.point_checks import each_row_maps_its_own_points, fitted_points_are_mapped, inverse_undoes_apply
from stn_numba.testing.vjp import check_vjp
from stn_numba.transform.base import Transform
from stn_numba.transform.checked import make_grid
from stn_numba.transform.registry import PluginError

__all__ = ["CHECKS", "check_transform"]

Array = NDArray[Any]

_THREADS = 8


def check_transform(
    transform: str | Transform | Callable[[], Transform],
    *,
    theta: Array | None = None,
    exact_identity: bool = True,
    differentiable: bool = True,
    picklable: bool = True,
    tolerance: float = 1e-6,
    invertible: bool = True,
    fittable: bool = True,
) -> None:
    """Check a transform against the whole plugin contract: run all of `CHECKS`.

    Parameters
    ----------
    transform : Transform, str or callable
        A `Transform`, a registered name, or a callable without arguments that returns one.
    theta : (N, P) array, optional
        Parameters to check at, with N >= 1, away from kinks. By default three rows near the identity.
    exact_identity : bool, default True
        Pass False if no parameters map every point to itself.
    differentiable : bool, default True
        Pass False if the transform is not smooth, so that it has no gradient to check.
    picklable : bool, default True
        Pass False if the transform cannot be pickled. Worker processes need pickling.
    tolerance : float, default 1e-6
        Largest relative error of the gradient.
    invertible : bool, default True
        Pass False to skip the check of `apply_inverse`.
    fittable : bool, default True
        Pass False to skip the check of `fit_points`, which takes long for transforms of many parameters.

    Raises
    ------
    AssertionError
        If a check fails. The message begins with the name of the check.
    PluginError
        If the transform raises or does not return a grid. The message begins with the name of the check.

    Examples
    --------
    >>> from stn_numba import get_transform
    >>> check_transform(get_transform("affine"))
    """
    case = make_case(transform, theta, exact_identity, differentiable, picklable, tolerance, invertible, fittable)
    for name, check in CHECKS.items():
        try:
            run_check(check, case)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
        except PluginError as error:
            raise PluginError(f"{name}: {error}") from error
        except Exception as error:
            raise PluginError(f"{name}: {type(error).__name__}: {error}") from error


def n_params_and_identity(case: Case) -> None:
    """``identity()`` returns P finite numbers, as a new array each time."""
    first, count = case.transform.identity(), case.transform.n_params
    fits = isinstance(first, np.ndarray) and first.shape == (count,)
    expect(fits, f"identity: expected an array ({count},), got {type(first).__name__} {np.shape(first)}")
    expect(bool(np.isfinite(first).all()), f"identity: expected finite numbers, got {first}")
    again = case.transform.identity()
    expect(not np.shares_memory(first, again), "identity: returns the transform's internal array; return a copy")


def identity_maps_points_to_themselves(case: Case) -> None:
    """The identity parameters map every point to itself."""
    if case.exact_identity:
        mapped = np.asarray(case.transform.apply(case.transform.identity()[None], case.points))[0]
        off = float(np.abs(mapped - case.points).max())
        expect(off <= 1e-9, f"expected points to stay in place, one moved by {off:.3g}")


def shapes_and_dtypes(case: Case) -> None:
    """``apply`` returns (N, M, 2) and ``forward`` a grid of the given shape, in theta's dtype, also for N = 0."""
    for dtype in (np.float32, np.float64):
        for rows in (0, len(case.theta)):
            theta = case.theta[:rows].astype(dtype)
            for shape in (case.shape, (1,) * case.transform.ndim):
                for align_corners in (True, False):
                    grid, _ = make_grid(case.transform, theta, shape, align_corners)  # checks shapes
                    expect(grid.values.dtype == dtype, f"expected a grid of {dtype.__name__}, got {grid.values.dtype}")
            mapped = case.transform.apply(theta, case.points.astype(dtype))
            expected = (rows, *case.points.shape)
            expect(np.shape(mapped) == expected, f"apply: expected {expected}, got {np.shape(mapped)}")


def grid_agrees_with_apply(case: Case) -> None:
    """``forward`` and ``apply`` agree, and all positions are finite."""
    for align_corners in (True, False):
        grid = make_grid(case.transform, case.theta, case.shape, align_corners)[0].dense()
        expect(bool(np.isfinite(grid).all()), "expected finite positions for the given theta")
        mapped = np.asarray(case.transform.apply(case.theta, base_points(case.shape, align_corners))).reshape(grid.shape)
        off = float(np.abs(mapped - grid).max())
        expect(off <= 1e-6, f"grid and apply differ by {off:.3g} with align_corners={align_corners}")


def points_are_independent(case: Case) -> None:
    """The mapping of a point does not depend on the other points of the call."""
    together = np.asarray(case.transform.apply(case.theta, case.points))
    apart = [np.asarray(case.transform.apply(case.theta, part)) for part in (case.points[:4], case.points[4:])]
    off = float(np.abs(np.concatenate(apart, axis=1) - together).max())
    expect(off <= 1e-9, f"a point is mapped differently among other points, by {off:.3g}")


def gradient(case: Case) -> None:
    """The gradients of ``apply_vjp`` and of ``forward`` agree with central differences."""
    if not case.differentiable:
        return
    check_vjp(lambda theta: case.transform.apply_vjp(theta, case.points), case.theta, tolerance=case.tolerance)
    for align_corners in (True, False):

        def dense_grid(theta: Array, align_corners: bool = align_corners) -> tuple[Array, Callable[..., Any]]:
            grid, backprop = make_grid(case.transform, theta, case.shape, align_corners)
            return grid.dense(), backprop

        check_vjp(dense_grid, case.theta, tolerance=case.tolerance)


def arguments_are_not_modified(case: Case) -> None:
    """theta, points and gradients are not modified, and earlier results stay valid after later calls."""
    theta, points = case.theta.copy(), case.points
    first = np.array(case.transform.apply(theta, points))
    grid, backprop = make_grid(case.transform, theta, case.shape)
    d_grid = np.ones((len(theta), *case.shape, case.transform.ndim))
    if case.differentiable:
        backprop(d_grid)
    expect(np.array_equal(theta, case.theta), "theta was modified")
    expect(np.array_equal(points, case.points), "points were modified")
    expect(bool((d_grid == 1).all()), "d_grid was modified")
    before = np.array(grid.dense())
    make_grid(case.transform, theta + 0.1, case.shape)
    expect(np.array_equal(grid.dense(), before), "a grid changed when another one was made")
    expect(np.array_equal(case.transform.apply(theta, points), first), "a second call returned a different result")


def backprop_belongs_to_its_call(case: Case) -> None:
    """``backprop`` returns the gradient of the call that returned it, also after other calls."""
    if not case.differentiable:
        return
    rng = np.random.default_rng(2)

    def call_again() -> None:
        case.transform.apply_vjp(case.theta + 0.1, case.points[:5])
        make_grid(case.transform, case.theta[:1] + 0.1, (4, 3, 2)[: case.transform.ndim], False)

    def grid_backprop() -> tuple[tuple[int, ...], Callable[[Array], Any]]:
        grid, backprop = make_grid(case.transform, case.theta, case.shape)
        return grid.dense().shape, backprop

    def points_backprop() -> tuple[tuple[int, ...], Callable[[Array], Any]]:
        mapped, backprop = case.transform.apply_vjp(case.theta, case.points)
        return mapped.shape, backprop

    for name, begin in (("forward", grid_backprop), ("apply_vjp", points_backprop)):
        shape, backprop = begin()
        d = rng.standard_normal(shape)
        expected = np.array(backprop(d))
        call_again()
        same = np.array_equal(backprop(d), expected)
        expect(same, f"{name}: a gradient changed after a later call: does the transform keep state between calls?")


def calls_are_thread_safe(case: Case) -> None:
    """Concurrent calls with different parameters return the same as sequential ones."""
    thetas = [case.theta + k * 1e-3 for k in range(_THREADS)]

    def work(theta: Array) -> list[Array]:
        results = []
        for turn in range(4):
            grid, backprop = make_grid(case.transform, theta, (case.shape[0] + turn, *case.shape[1:]))
            results.append(np.array(grid.dense()))
            if case.differentiable:
                results.append(np.array(backprop(np.ones_like(results[-1]))))
        return results

    expected = [work(theta) for theta in thetas]
    with ThreadPoolExecutor(_THREADS) as pool:
        got = list(pool.map(work, thetas))
    same = all(np.array_equal(a, b) for x, y in zip(got, expected, strict=True) for a, b in zip(x, y, strict=True))
    expect(same, "results differ when several threads call at once: does the transform keep state between calls?")


def pickling(case: Case) -> None:
    """A pickled copy maps points as the original does, also after use."""
    if case.picklable:
        make_grid(case.transform, case.theta, case.shape)
        try:
            copy = pickle.loads(pickle.dumps(case.transform))
        except Exception as error:
            raise AssertionError(f"cannot be pickled: {type(error).__name__}: {error}") from error
        same = np.array_equal(copy.apply(case.theta, case.points), case.transform.apply(case.theta, case.points))
        expect(same, "a pickled copy maps points differently")


CHECKS: dict[str, Callable[[Case], None]] = {
    check.__name__: check
    for check in (
        n_params_and_identity,
        shapes_and_dtypes,
        identity_maps_points_to_themselves,
        grid_agrees_with_apply,
        points_are_independent,
        each_row_maps_its_own_points,
        gradient,
        arguments_are_not_modified,
        backprop_belongs_to_its_call,
        calls_are_thread_safe,
        inverse_undoes_apply,
        fitted_points_are_mapped,
        pickling,
    )
}
"""The checks by name. Each takes a `Case`."""
