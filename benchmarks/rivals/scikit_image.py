"""scikit-image: `warp`, image by image, on one thread."""

from __future__ import annotations

from typing import Any

import numpy as np
from skimage.transform import warp

from benchmarks.case import Call
from benchmarks.warp_problem import WarpProblem

LIBRARY, PACKAGE = "scikit-image", "scikit-image"


def calls(problem: Any) -> list[Call]:
    """It is slow, so it competes on one case only, a single large color image."""
    if not isinstance(problem, WarpProblem) or not (problem.plain and problem.affine):
        return []
    if len(problem.image) > 1 or problem.n_channels != 3:
        return []
    images, matrices, shape = problem.image.copy(), problem.pixel_matrices, problem.shape

    def solve() -> list[Any]:
        return [
            warp(image, matrix, output_shape=shape, order=1, preserve_range=True)
            for image, matrix in zip(images, matrices, strict=True)
        ]

    return [Call("scikit-image", solve, lambda answer: [np.stack(answer).reshape(problem.out_shape)])]
