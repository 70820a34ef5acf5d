"""OpenCV: `warpAffine`, `warpPerspective` and `remap`, image by image, with matrices and maps prepared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

import stn_numba as stn
from benchmarks.case import Call
from benchmarks.warp_problem import WarpProblem

LIBRARY, PACKAGE = "OpenCV", "opencv-python-headless"

KERNELS = {"nearest": cv2.INTER_NEAREST, "bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}
EDGES = {"zeros": cv2.BORDER_CONSTANT, "border": cv2.BORDER_REPLICATE, "reflect101": cv2.BORDER_REFLECT_101}
MOST_CHANNELS = 4
# It rounds some positions to 1/32 pixel; the noise differs by 1 between pixels, and the errors of x and y add up.
TOLERANCE = 1 / 32


def calls(problem: Any) -> list[Call]:
    if not isinstance(problem, WarpProblem) or not _competes(problem):
        return []
    cv2.setNumThreads(stn.get_num_threads())
    name = "OpenCV, as float32" if problem.image.dtype == np.int32 else "OpenCV"
    solve = _single_image(problem) if problem.single_image else _solver(problem)
    return [Call(name, solve, lambda answer: [np.stack(answer).reshape(problem.out_shape)], TOLERANCE)]


def _competes(problem: WarpProblem) -> bool:
    """It has no splines, no gradients, no images with channels first, and few channels."""
    forms = problem.dense_grid or problem.transform != "tps"
    return forms and not problem.gradient and problem.layout == "NHWC" and problem.n_channels <= MOST_CHANNELS


def _single_image(problem: WarpProblem) -> Callable[[], Any]:
    """One call of warpAffine, with nothing around it that would count beside a few microseconds."""
    image, matrix, size = problem.first_image.copy(), problem.pixel_matrices[0, :2].copy(), problem.shape[::-1]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return lambda: cv2.warpAffine(image, matrix, size, flags=flags)


def _solver(problem: WarpProblem) -> Callable[[], list[Any]]:
    images, warp, maps = _images(problem), _warp(problem), _maps(problem)
    outputs = list(np.empty(problem.out_shape, images.dtype)) if problem.reuse_out else [None] * len(images)
    return lambda: [warp(image, each, out) for image, each, out in zip(images, maps, outputs, strict=True)]


def _images(problem: WarpProblem) -> Any:
    """Return a copy, of int32 as float32: warpAffine refuses int32, and float32 has the same size and holds the same labels."""
    return problem.image.astype(np.float32) if problem.image.dtype == np.int32 else problem.image.copy()


def _warp(problem: WarpProblem) -> Callable[[Any, Any, Any], Any]:
    """Return OpenCV's function with its options: (image, matrix or map, out or None) -> out."""
    size, edge, kernel = problem.shape[::-1], EDGES[problem.padding], KERNELS[problem.kernel]
    if problem.dense_grid:
        return lambda image, each, out: cv2.remap(image, *each, kernel, dst=out, borderMode=edge)
    function = cv2.warpAffine if problem.affine else cv2.warpPerspective
    flags = kernel | cv2.WARP_INVERSE_MAP
    return lambda image, each, out: function(image, each, size, dst=out, flags=flags, borderMode=edge)


def _maps(problem: WarpProblem) -> list[Any]:
    """Return a matrix, or a pair of maps, for each image."""
    if not problem.dense_grid:
        return list(problem.pixel_matrices[:, : 2 if problem.affine else 3])
    half = (np.array(problem.image.shape[2:0:-1], np.float32) - 1) / 2
    pixels = (problem.grid + 1) * half
    return [(np.ascontiguousarray(each[..., 0]), np.ascontiguousarray(each[..., 1])) for each in pixels]
