"""scikit-image: warp, image by image; it has one thread."""

from __future__ import annotations

import numpy as np
from skimage.transform import warp

from benchmarks.contestant import Contestant
from benchmarks.problem import Problem


def contestants(problem: Problem) -> list[Contestant]:
    images, matrices, shape = problem.image.copy(), problem.pixel_matrices, problem.shape
    return [
        Contestant(
            "scikit-image",
            lambda: [
                warp(image, matrix, output_shape=shape, order=1, preserve_range=True)
                for image, matrix in zip(images, matrices, strict=True)
            ],
            lambda answer: [np.stack(answer).reshape(problem.out_shape)],
        )
    ]
