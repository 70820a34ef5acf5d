"""SimpleITK on volumes: `Resample` by an affine transform or a B-spline, and at displacements."""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813

import stn_numba as stn
from benchmarks.case import Call
from benchmarks.volumes.problem import CONTROL_POINTS, VolumeProblem

LIBRARY, PACKAGE = "SimpleITK", "simpleitk"

# It ends the volume half a voxel beyond the last one, and does not blend with zeros there.
EDGE_TOLERANCE = 2e-2
_CELLS = [count - 3 for count in CONTROL_POINTS]


def calls(problem: Any) -> list[Call]:
    if not isinstance(problem, VolumeProblem) or not problem.is_single or problem.gradients or problem.dense_grid:
        return []
    if problem.volume.size > 1 << 22:
        return []
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(stn.get_num_threads())
    image = sitk.GetImageFromArray(np.ascontiguousarray(problem.plane))
    transform = _affine(problem) if problem.transform == "affine" else _spline(problem, image)
    kernel = sitk.sitkNearestNeighbor if problem.kernel == "nearest" else sitk.sitkLinear

    def solve() -> Any:
        return sitk.Resample(image, image, transform, kernel, 0.0)

    return [Call("SimpleITK", solve, lambda answer: [sitk.GetArrayFromImage(answer)[None, ..., None]], EDGE_TOLERANCE)]


def _affine(problem: VolumeProblem) -> Any:
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(problem.matrix[:, :3].ravel().tolist())
    transform.SetTranslation(problem.matrix[:, 3].tolist())
    return transform


def _spline(problem: VolumeProblem, image: Any) -> Any:
    transform = sitk.BSplineTransformInitializer(image, _CELLS)
    half = (np.array(problem.shape[::-1]) - 1) / 2
    transform.SetParameters((problem.theta[0].reshape(3, -1) * half[:, None]).astype(float).ravel().tolist())
    return transform
