"""Warps of Dask arrays: the cases, and our call."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from benchmarks import rivals, timing
from benchmarks.case import Call, Case
from benchmarks.dask import out_of_core
from benchmarks.dask.problem import DaskProblem, computed
from benchmarks.fresh_process import ProcessCase


def our_call(problem: DaskProblem) -> Call:
    import stn_numba.dask

    images = problem.chunked
    return Call("stn-numba", lambda: computed(stn_numba.dask.warp(images, problem.theta)), lambda answer: [answer])


def _copy(problem: DaskProblem) -> dict[str, float]:
    return {"copy_seconds": timing.copy_seconds(2 * problem.image.nbytes)}


def _case(size: int, at_least: Mapping[str, float]) -> Case:
    return Case(f"affine, {size}x{size}", partial(DaskProblem, size), our_call, rivals.calls, at_least=at_least, more=_copy)


MARKS = {
    "tiles_that_differ": ("<=", 0),
    "whole_image_fits": ("<=", 0),
    "image_bytes": (">=", 4e9),
    "limit_bytes": ("<=", 2**30),
    "peak_bytes": ("<=", 2**30),
}
OUT_OF_CORE: list[Any] = [ProcessCase("affine, larger than memory", out_of_core.figures, MARKS)]
CASES = [_case(4096, {"dask-image": 2}), _case(8192, {"dask-image": 2})]
