"""OpenCV: both forms of ECC, SIFT with RANSAC, and DIS optical flow."""

from __future__ import annotations

from functools import partial
from typing import Any

import cv2
import numpy as np

import stn_numba as stn
from benchmarks.case import Call
from benchmarks.registration.case import RegistrationTask, flow_call, matrix_call
from benchmarks.registration.problem import Image

LIBRARY, PACKAGE = "OpenCV", "opencv-python-headless"

MOTIONS = {"translation": cv2.MOTION_TRANSLATION, "affine": cv2.MOTION_AFFINE, "projective": cv2.MOTION_HOMOGRAPHY}
MOST_FEATURES = 3000  # comparing all with all takes seconds for more
ITERATIONS = 50  # the default of both forms of ECC
STOP = cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS
Matrix = Any  # (2, 3) or (3, 3), from pixels of `fixed` to those of `moving`; None if there is no result


def calls(task: Any) -> list[Call]:
    if not isinstance(task, RegistrationTask):
        return []
    cv2.setNumThreads(stn.get_num_threads())
    if task.transform in ("tps", "bspline"):
        return [flow_call(f"OpenCV, DIS {name}", task, partial(_dis, preset)) for name, preset in PRESETS.items()]
    motion = MOTIONS.get(task.transform) if isinstance(task.transform, str) else None
    found = [] if motion is None else _ecc_calls(task, motion)
    return [*found, matrix_call("OpenCV, SIFT + RANSAC", task, _sift)] if task.transform == "affine" else found


def _ecc_calls(task: RegistrationTask, motion: int) -> list[Call]:
    multi_scale = {f"OpenCV, ECC multi-scale {eps:g}": partial(_multi_scale, motion, eps) for eps in (1e-4, 1e-6)}
    single_scale = {f"OpenCV, ECC {eps:g}": partial(_single_scale, motion, eps) for eps in (1e-3, 1e-4)}
    warm = {f"{name}, warm": _warm(solve, len(task.pairs)) for name, solve in single_scale.items()} if task.stack else {}
    return [matrix_call(name, task, solve) for name, solve in {**multi_scale, **single_scale, **warm}.items()]


def _warm(solve: Any, frames: int) -> Any:
    """Start each frame of a stack at the result of the frame before, and the first one at the identity."""
    results: list[Matrix] = []

    def solve_next(fixed: Image, moving: Image) -> Matrix:
        if len(results) == frames:
            results.clear()
        results.append(solve(fixed, moving, results[-1] if results else None))
        return results[-1]

    return solve_next


def _start(motion: int) -> Matrix:
    return np.eye(3 if motion == cv2.MOTION_HOMOGRAPHY else 2, 3, dtype=np.float32)


def _multi_scale(motion: int, eps: float, fixed: Image, moving: Image) -> Matrix:
    options = cv2.ECCParameters()
    options.motionType, options.criteria = motion, (STOP, ITERATIONS, eps)
    try:
        return cv2.findTransformECCMultiScale(fixed, moving, _start(motion), options)[1]
    except cv2.error:  # it did not converge
        return None


def _single_scale(motion: int, eps: float, fixed: Image, moving: Image, start: Matrix = None) -> Matrix:
    first = _start(motion) if start is None else start.copy()
    try:
        return cv2.findTransformECC(fixed, moving, first, motion, (STOP, ITERATIONS, eps))[1]
    except cv2.error:
        return None


def _sift(fixed: Image, moving: Image) -> Matrix:
    """Match key points by Lowe's ratio, and fit an affine map."""
    sift = cv2.SIFT_create(nfeatures=MOST_FEATURES)
    (there, ours), (here, theirs) = (sift.detectAndCompute(each.astype(np.uint8), None) for each in (fixed, moving))
    if ours is None or theirs is None:
        return None
    pairs = [pair for pair in cv2.BFMatcher().knnMatch(ours, theirs, k=2) if len(pair) == 2]
    good = [first for first, second in pairs if first.distance < 0.75 * second.distance]
    if len(good) < 3:
        return None
    source = np.float32([there[match.queryIdx].pt for match in good])
    target = np.float32([here[match.trainIdx].pt for match in good])
    return cv2.estimateAffine2D(source, target, ransacReprojThreshold=3.0)[0]


PRESETS = {"medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM, "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST}


def _dis(preset: int, fixed: Image, moving: Image) -> Any:
    first, second = (np.clip(128 + 40 * each, 0, 255).astype(np.uint8) for each in (fixed, moving))
    return cv2.DISOpticalFlow_create(preset).calc(first, second, None)
