"""dask-image: `affine_transform` of order 1, for Dask arrays."""

from __future__ import annotations

from typing import Any

from dask_image.ndinterp import affine_transform

from benchmarks.case import Call
from benchmarks.dask.problem import CHUNK, DaskProblem, computed

LIBRARY, PACKAGE = "dask-image", "dask-image"


def calls(problem: Any) -> list[Call]:
    """It warps images that `stn_numba.dask` warps."""
    if not isinstance(problem, DaskProblem):
        return []
    image, matrix = problem.chunked, problem.matrix

    def solve() -> Any:
        warped = affine_transform(
            image, matrix[:, :2], matrix[:, 2], order=1, mode="grid-constant", output_chunks=(CHUNK, CHUNK)
        )
        return computed(warped)

    return [Call("dask-image", solve, lambda answer: [answer])]
