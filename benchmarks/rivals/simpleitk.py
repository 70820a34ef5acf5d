"""SimpleITK: regular-step gradient descent on the correlation, over three levels. It is slow, so it solves a few pairs."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813

import stn_numba as stn
from benchmarks.case import Call
from benchmarks.registration.case import Answer, RegistrationTask, mapping_call
from benchmarks.registration.problem import Points

LIBRARY, PACKAGE = "SimpleITK", "simpleitk"

MODELS = {"translation": sitk.TranslationTransform, "similarity": sitk.Similarity2DTransform, "affine": sitk.AffineTransform}
MOST_PAIRS, MOST_SPLINES = 3, 1
MESH = {"tps": 3, "bspline": 7}  # cells of the control lattice along each axis


def calls(task: Any) -> list[Call]:
    if not isinstance(task, RegistrationTask) or not task.slow or not isinstance(task.transform, str):
        return []
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(stn.get_num_threads())
    if task.transform in MESH:
        solve, most = partial(_spline, MESH[task.transform]), MOST_SPLINES
        return [mapping_call("SimpleITK, B-spline", task, solve, read, sitk.GetImageFromArray, most)]
    if task.transform not in MODELS:
        return []
    return [mapping_call("SimpleITK", task, partial(_linear, task.transform), read, sitk.GetImageFromArray, MOST_PAIRS)]


def _linear(name: str, fixed: Any, moving: Any) -> Any:
    transform = MODELS[name](2) if name != "similarity" else MODELS[name]()
    if name != "translation":
        transform.SetCenter([(length - 1) / 2 for length in fixed.GetSize()])
    method = make_method()
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=1e-3, numberOfIterations=300, gradientMagnitudeTolerance=1e-6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, True)
    method.Execute(fixed, moving)
    return transform


def _spline(mesh: int, fixed: Any, moving: Any) -> Any:
    transform = sitk.BSplineTransformInitializer(fixed, [mesh, mesh])
    method = make_method()
    method.SetOptimizerAsLBFGSB(numberOfIterations=100)
    method.SetInitialTransform(transform, True)
    method.Execute(fixed, moving)
    return transform


def make_method() -> Any:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    return method


def read(found: list[Any]) -> list[Answer]:
    def answer(transform: Any) -> Answer:
        def mapping(points: Points) -> Points:
            return np.array([transform.TransformPoint(point) for point in points.tolist()])

        return Answer(mapping)

    return [answer(transform) for transform in found]
