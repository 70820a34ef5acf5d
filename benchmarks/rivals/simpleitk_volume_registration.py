"""SimpleITK on volumes: as for images, with all voxels, or with a random share of them, which is the usual way.

Splines are found with a share only: with all voxels, a pair of 128 x 128 x 128 had no result after 19 minutes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import SimpleITK as sitk  # noqa: N813

import stn_numba as stn
from benchmarks.case import Call
from benchmarks.registration.case import RegistrationTask, mapping_call
from benchmarks.rivals.simpleitk import make_method, read
from stn_numba import Transform

LIBRARY, PACKAGE = "SimpleITK", "simpleitk"

MOST_PAIRS, SHARE, SEED = 1, 0.05, 1
ORDER = 3  # of the splines


def calls(task: Any) -> list[Call]:
    if not isinstance(task, RegistrationTask) or not isinstance(task.transform, Transform) or task.transform.ndim != 3:
        return []
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(stn.get_num_threads())
    lattice = getattr(task.transform, "lattice", None)
    solve = _affine if lattice is None else partial(_spline, [count - ORDER for count in lattice[::-1]])
    all_voxels = [("SimpleITK", None)] if lattice is None else []
    return [
        mapping_call(name, task, partial(solve, share), read, sitk.GetImageFromArray, MOST_PAIRS)
        for name, share in (*all_voxels, (f"SimpleITK, {SHARE:.0%} of voxels", SHARE))
    ]


def _affine(share: float | None, fixed: Any, moving: Any) -> Any:
    transform = sitk.AffineTransform(3)
    transform.SetCenter([(length - 1) / 2 for length in fixed.GetSize()])
    method = _method(share)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=1e-3, numberOfIterations=300, gradientMagnitudeTolerance=1e-6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, True)
    method.Execute(fixed, moving)
    return transform


def _spline(mesh: list[int], share: float | None, fixed: Any, moving: Any) -> Any:
    transform = sitk.BSplineTransformInitializer(fixed, mesh)
    method = _method(share)
    method.SetOptimizerAsLBFGSB(numberOfIterations=100)
    method.SetInitialTransform(transform, True)
    method.Execute(fixed, moving)
    return transform


def _method(share: float | None) -> Any:
    method = make_method()
    if share is not None:
        method.SetMetricSamplingStrategy(method.RANDOM)
        method.SetMetricSamplingPercentage(share, SEED)
    return method
