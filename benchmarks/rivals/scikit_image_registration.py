"""scikit-image: optical flow for smooth deformations, phase correlation for shifts."""

from __future__ import annotations

from typing import Any

import numpy as np
from skimage.registration import optical_flow_ilk, optical_flow_tvl1, phase_cross_correlation

from benchmarks.case import Call
from benchmarks.registration.case import RegistrationTask, flow_call, matrix_call
from benchmarks.registration.problem import Image

LIBRARY, PACKAGE = "scikit-image", "scikit-image"

UPSAMPLING = 100  # phase correlation to 1/100 pixel
MOST_PAIRS = 2  # of optical flow, which takes seconds


def calls(task: Any) -> list[Call]:
    if not isinstance(task, RegistrationTask):
        return []
    if task.transform == "translation":
        return [matrix_call("scikit-image, phase correlation", task, _shift)]
    if task.transform in ("tps", "bspline"):
        return [flow_call(f"scikit-image, {name}", task, _flow(method), MOST_PAIRS) for name, method in FLOWS.items()]
    return []


FLOWS = {"TV-L1": optical_flow_tvl1, "ILK": optical_flow_ilk}


def _flow(method: Any) -> Any:
    """Return a call whose displacements are (x, y); scikit-image returns those of rows, then those of columns."""
    return lambda fixed, moving: method(fixed, moving).transpose(1, 2, 0)[..., ::-1]


def _shift(fixed: Image, moving: Image) -> Any:
    """It returns the shift (rows, columns) that moves `moving` onto `fixed`, so pixels of `fixed` move the other way."""
    (y, x), *_ = phase_cross_correlation(fixed, moving, upsample_factor=UPSAMPLING)
    return np.array([[1, 0, -x], [0, 1, -y]])
