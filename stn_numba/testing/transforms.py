"""The plugin contract, check by check; every check raises AssertionError with what was expected and what was got."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.grid import base_points
from stn_numba.testing.vjp import check_vjp
from stn_numba.transform.base import Transform
from stn_numba.transform.checked import as_transform, make_grid
from stn_numba.transform.registry import PluginError

__all__ = ["CHECKS", "Case", "check_transform"]

Array = NDArray[Any]

_SHAPE = (5, 6)
_THREADS = 8


@dataclass(frozen=True)
class Case:
    """A transform with parameters (N, P) at which it is checked, and what it promises."""

    transform: Transform
    theta: NDArray[np.float64]
    exact_identity: bool
    trained: bool
    pickled: bool
    tolerance: float

    @property
    def points(self) -> NDArray[np.float64]:
        """(M, 2) positions, the same each time."""
        return np.random.default_rng(1).uniform(-1, 1, (11, 2))


def check_transform(
    transform: str | Transform | Callable[[], Transform],
    *,
    theta: Array | None = None,
    exact_identity: bool = True,
    trained: bool = True,
    pickled: bool = True,
    tolerance: float = 1e-6,
) -> None:
    """Hold a transform against all of `CHECKS`.

    Parameters
    ----------
    transform
        A `Transform`, a registered name, or a callable without arguments that makes one.
    theta
        (N, P) parameters, N >= 1, at which to check, away from kinks; by default three near the identity.
    exact_identity
        Whether ``identity()`` maps every point to itself; pass False where no parameters do.
    trained
        Whether the transform has a gradient; pass False for one that only warps.
    pickled
        Whether it can be pickled, as worker processes need it.
    tolerance
        Largest relative error of the gradient.

    Raises
    ------
    AssertionError
        At the first check that fails; the message begins with its name.
    PluginError
        If the transform raises, or returns something that is no grid; the message begins with the name of the check.

    Examples
    --------
    >>> from stn_numba import get_transform
    >>> check_transform(get_transform("affine"))
    """
    case = make_case(transform, theta, exact_identity, trained, pickled, tolerance)
    for name, check in CHECKS.items():
        try:
            check(case)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
        except PluginError as error:
            raise PluginError(f"{name}: {error}") from error
        except Exception as error:
            raise PluginError(f"{name}: {type(error).__name__}: {error}") from error


def make_case(
    transform: str | Transform | Callable[[], Transform],
    theta: Array | None,
    exact_identity: bool,
    trained: bool,
    pickled: bool,
    tolerance: float,
) -> Case:
    """Put a case together, with parameters near the identity if none are given."""
    made = as_transform(transform if isinstance(transform, str | Transform) else transform())
    if theta is not None and (np.ndim(theta) != 2 or not len(theta)):
        raise ValueError(f"theta: expected (N, P) with N >= 1, got {np.shape(theta)}")
    if theta is None:
        start = np.asarray(made.identity(), np.float64)
        theta = start + np.random.default_rng(0).normal(0, 0.1, (3, start.size))
    return Case(made, np.array(theta, np.float64), exact_identity, trained, pickled, tolerance)


def n_params_and_identity(case: Case) -> None:
    """``identity()`` holds P finite numbers, new ones each time."""
    first, count = case.transform.identity(), case.transform.n_params
    fits = isinstance(first, np.ndarray) and first.shape == (count,)
    _expect(fits, f"identity: expected an array ({count},), got {type(first).__name__} {np.shape(first)}")
    _expect(bool(np.isfinite(first).all()), f"identity: expected finite numbers, got {first}")
    again = case.transform.identity()
    _expect(not np.shares_memory(first, again), "identity: the array handed out is the transform's own; return a copy")


def identity_maps_points_to_themselves(case: Case) -> None:
    """With the identity's parameters, positions stay where they are."""
    if case.exact_identity:
        mapped = np.asarray(case.transform.apply(case.transform.identity()[None], case.points))[0]
        off = float(np.abs(mapped - case.points).max())
        _expect(off <= 1e-9, f"expected points to stay, one moved by {off:.3g}")


def shapes_and_dtypes(case: Case) -> None:
    """``apply`` gives (N, M, 2), ``forward`` a grid of the shape asked for, for N = 0 and N > 0, in theta's dtype."""
    for dtype in (np.float32, np.float64):
        for rows in (0, len(case.theta)):
            theta = case.theta[:rows].astype(dtype)
            for shape in (_SHAPE, (1, 1)):
                for align_corners in (True, False):
                    grid, _ = make_grid(case.transform, theta, shape, align_corners)  # which checks the rest
                    _expect(grid.values.dtype == dtype, f"expected a grid of {dtype.__name__}, got {grid.values.dtype}")
            mapped = case.transform.apply(theta, case.points.astype(dtype))
            _expect(np.shape(mapped) == (rows, 11, 2), f"apply: expected ({rows}, 11, 2), got {np.shape(mapped)}")


def grid_is_apply_at_the_output_s_positions(case: Case) -> None:
    """``forward`` and ``apply`` agree; near the identity, every position is finite."""
    for align_corners in (True, False):
        grid = make_grid(case.transform, case.theta, _SHAPE, align_corners)[0].dense()
        _expect(bool(np.isfinite(grid).all()), "expected finite positions for the given theta")
        mapped = np.asarray(case.transform.apply(case.theta, base_points(_SHAPE, align_corners))).reshape(grid.shape)
        off = float(np.abs(mapped - grid).max())
        _expect(off <= 1e-6, f"grid and apply differ by {off:.3g} with align_corners={align_corners}")


def each_point_stands_for_itself(case: Case) -> None:
    """Where a point is mapped does not depend on those beside it, which the library is free to choose."""
    together = np.asarray(case.transform.apply(case.theta, case.points))
    apart = [np.asarray(case.transform.apply(case.theta, part)) for part in (case.points[:4], case.points[4:])]
    off = float(np.abs(np.concatenate(apart, axis=1) - together).max())
    _expect(off <= 1e-9, f"a point is mapped otherwise among other points, by {off:.3g}")


def gradient(case: Case) -> None:
    """The gradient agrees with central differences, for positions and through the grid."""
    if not case.trained:
        return
    check_vjp(lambda theta: case.transform.apply_vjp(theta, case.points), case.theta, tolerance=case.tolerance)
    for align_corners in (True, False):

        def laid(theta: Array, align_corners: bool = align_corners) -> tuple[Array, Callable[..., Any]]:
            grid, backprop = make_grid(case.transform, theta, _SHAPE, align_corners)
            return grid.dense(), backprop

        check_vjp(laid, case.theta, tolerance=case.tolerance)


def no_argument_is_changed(case: Case) -> None:
    """Parameters, positions and gradients handed in are left as they are; results do not depend on calls before."""
    theta, points = case.theta.copy(), case.points
    first = np.array(case.transform.apply(theta, points))
    grid, backprop = make_grid(case.transform, theta, _SHAPE)
    d_grid = np.ones((len(theta), *_SHAPE, 2))
    if case.trained:
        backprop(d_grid)
    _expect(np.array_equal(theta, case.theta), "theta was changed")
    _expect(np.array_equal(points, case.points), "points were changed")
    _expect(bool((d_grid == 1).all()), "d_grid was changed")
    before = np.array(grid.dense())
    make_grid(case.transform, theta + 0.1, _SHAPE)
    _expect(np.array_equal(grid.dense(), before), "a grid changed when another one was laid")
    _expect(np.array_equal(case.transform.apply(theta, points), first), "a second call gave another result")


def each_way_back_is_of_its_own_call(case: Case) -> None:
    """A gradient is that of the call that handed it out, whatever was called since."""
    if not case.trained:
        return
    rng = np.random.default_rng(2)

    def between() -> None:
        case.transform.apply_vjp(case.theta + 0.1, case.points[:5])
        make_grid(case.transform, case.theta[:1] + 0.1, (4, 3), False)

    def grid_backprop() -> tuple[tuple[int, ...], Callable[[Array], Any]]:
        grid, backprop = make_grid(case.transform, case.theta, _SHAPE)
        return grid.dense().shape, backprop

    def points_backprop() -> tuple[tuple[int, ...], Callable[[Array], Any]]:
        mapped, backprop = case.transform.apply_vjp(case.theta, case.points)
        return mapped.shape, backprop

    for name, begin in (("forward", grid_backprop), ("apply_vjp", points_backprop)):
        shape, backprop = begin()
        d = rng.standard_normal(shape)
        alone = np.array(backprop(d))
        between()
        same = np.array_equal(backprop(d), alone)
        _expect(same, f"{name}: a gradient changed with a later call: does the transform keep something between calls?")


def many_threads_at_once(case: Case) -> None:
    """Calls side by side, with different parameters, give what they give one after another."""
    thetas = [case.theta + k * 1e-3 for k in range(_THREADS)]

    def work(theta: Array) -> list[Array]:
        results = []
        for turn in range(4):
            grid, backprop = make_grid(case.transform, theta, (_SHAPE[0] + turn, _SHAPE[1]))
            results.append(np.array(grid.dense()))
            if case.trained:
                results.append(np.array(backprop(np.ones_like(results[-1]))))
        return results

    expected = [work(theta) for theta in thetas]
    with ThreadPoolExecutor(_THREADS) as pool:
        got = list(pool.map(work, thetas))
    same = all(np.array_equal(a, b) for x, y in zip(got, expected, strict=True) for a, b in zip(x, y, strict=True))
    _expect(same, "results differ when several threads call at once: does the transform keep something between calls?")


def pickling(case: Case) -> None:
    """A copy by pickle, after use, maps as the original does."""
    if case.pickled:
        make_grid(case.transform, case.theta, _SHAPE)
        try:
            copy = pickle.loads(pickle.dumps(case.transform))
        except Exception as error:
            raise AssertionError(f"cannot be pickled: {type(error).__name__}: {error}") from error
        same = np.array_equal(copy.apply(case.theta, case.points), case.transform.apply(case.theta, case.points))
        _expect(same, "a copy by pickle maps otherwise")


CHECKS: dict[str, Callable[[Case], None]] = {
    check.__name__: check
    for check in (
        n_params_and_identity,
        shapes_and_dtypes,
        identity_maps_points_to_themselves,
        grid_is_apply_at_the_output_s_positions,
        each_point_stands_for_itself,
        gradient,
        no_argument_is_changed,
        each_way_back_is_of_its_own_call,
        many_threads_at_once,
        pickling,
    )
}


def _expect(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)
