"""SciPy on volumes: `affine_transform`, on one thread."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

from benchmarks.case import Call
from benchmarks.volume_problem import VolumeProblem

LIBRARY, PACKAGE = "SciPy", "scipy"


def calls(problem: Any) -> list[Call]:
    """It competes where torch does, on one volume that is not large."""
    if not isinstance(problem, VolumeProblem) or not problem.is_single or problem.volume.size > 1 << 22:
        return []
    if problem.gradients or problem.dense_grid or problem.transform != "affine" or problem.volume.dtype != np.float32:
        return []
    volume, matrix = np.ascontiguousarray(problem.plane), problem.matrix[::-1][:, [2, 1, 0, 3]]  # its axes are z, y, x

    def solve() -> Any:
        return ndimage.affine_transform(volume, matrix[:, :3], matrix[:, 3], order=1, mode="grid-constant")

    return [Call("SciPy", solve, lambda answer: [answer[None, ..., None]])]
