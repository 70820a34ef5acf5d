"""DIPY: affine registration by mutual information, which it has in 2-D too. It takes seconds, so it solves a few pairs."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from dipy.align import imaffine, transforms

from benchmarks.case import Call
from benchmarks.registration.case import RegistrationTask, matrix_call
from benchmarks.registration.problem import Image

LIBRARY, PACKAGE = "DIPY", "dipy"

MODELS = {"translation": transforms.TranslationTransform2D, "affine": transforms.AffineTransform2D}
MOST_PAIRS = 2


def calls(task: Any) -> list[Call]:
    if not isinstance(task, RegistrationTask) or not task.slow or not isinstance(task.transform, str):
        return []
    if task.transform not in MODELS:
        return []
    return [matrix_call("DIPY", task, partial(_solve, MODELS[task.transform]), _prepare, MOST_PAIRS)]


def _prepare(image: Image) -> Any:
    """Return the image with the x axis first, as float64."""
    return np.ascontiguousarray(image.T, np.float64)


def _solve(model: Any, fixed: Any, moving: Any) -> Any:
    method = imaffine.AffineRegistration(
        metric=imaffine.MutualInformationMetric(nbins=32),
        level_iters=[1000, 100, 50],
        sigmas=[3.0, 1.0, 0.0],
        factors=[4, 2, 1],
        verbosity=0,
    )
    return method.optimize(fixed, moving, model(), None).affine
