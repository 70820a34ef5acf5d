"""Warps of volumes: the cases, and our call."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import stn_numba as stn
from benchmarks import rivals, timing
from benchmarks.case import Call, Case
from benchmarks.volumes.problem import VolumeProblem, make_volume

SCAN = (1, 128, 128, 128, 1)
LARGE = (1, 256, 256, 256, 1)
FEATURES = (4, 64, 64, 64, 4)


def our_call(problem: VolumeProblem) -> Call:
    return Call("stn-numba", _solver(problem), list)


def _solver(problem: VolumeProblem) -> Callable[[], list[Any]]:
    volume, theta, transform, kernel, shape = problem.volume, problem.theta, problem.map, problem.kernel, problem.shape
    if problem.dense_grid:
        grid = problem.grid
        return lambda: [stn.sample(volume, grid, kernel=kernel)]
    if not problem.gradients:
        return lambda: [stn.sample(volume, transform.forward(theta, shape)[0], kernel=kernel)]
    d_out = problem.d_out

    def solve() -> list[Any]:
        grid, theta_backprop = transform.forward(theta, shape)
        out, backprop = stn.sample_vjp(volume, grid)
        d_volume, d_grid = backprop(d_out)
        return [out, d_volume, theta_backprop(d_grid)]

    return solve


def _copy(problem: VolumeProblem) -> dict[str, float]:
    return {"copy_seconds": timing.copy_seconds(problem.bytes_moved)}


def _case(what: str, size: tuple[int, ...], at_least: dict[str, float], **options: Any) -> Case:
    name = f"{what}, {'x'.join(map(str, size))}" + (f" {options['dtype']}" if "dtype" in options else "")
    return Case(name, partial(make_volume, size, **options), our_call, rivals.calls, at_least=at_least, more=_copy)


CASES = [
    _case("affine", SCAN, {"torch": 4, "SciPy": 4, "SimpleITK": 1.2}),
    _case("affine", SCAN, {"SimpleITK": 1.2}, dtype="uint8"),
    _case("affine nearest, labels", SCAN, {"SimpleITK": 1.2}, dtype="uint8", kernel="nearest"),
    _case("affine", LARGE, {"torch": 4}),
    _case("dense displacements", SCAN, {"torch": 2}, dense_grid=True),
    _case("forward and backward", SCAN, {"torch": 4}, gradients=True),
    _case("forward and backward", FEATURES, {"torch": 4}, gradients=True),
    _case("B-spline, 16x16x16 points", SCAN, {"SimpleITK": 4}, transform="bspline"),
]
