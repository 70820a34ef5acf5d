"""OpenCV: warpAffine, warpPerspective and remap, image by image, with matrices and maps made ready before; int32 as float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from benchmarks.contestant import Contestant
from benchmarks.problem import Problem

KERNELS = {"nearest": cv2.INTER_NEAREST, "bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}
EDGES = {"zeros": cv2.BORDER_CONSTANT, "border": cv2.BORDER_REPLICATE, "reflect101": cv2.BORDER_REFLECT_101}
TOLERANCE = 1 / 32  # where it rounds positions to 1/32 pixel: noise differs by 1 from pixel to pixel, and x and y add up


def contestants(problem: Problem) -> list[Contestant]:
    name = "OpenCV, as float32" if problem.image.dtype == np.int32 else "OpenCV"
    solve = _single(problem) if problem.single else _solver(problem)
    return [Contestant(name, solve, lambda answer: [_read(problem, answer)], TOLERANCE)]


def _single(problem: Problem) -> Callable[[], Any]:
    """One call of warpAffine and nothing around it, which would count beside a few microseconds."""
    image, matrix, size = problem.one_image.copy(), problem.pixel_matrices[0, :2].copy(), problem.shape[::-1]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return lambda: cv2.warpAffine(image, matrix, size, flags=flags)


def _solver(problem: Problem) -> Callable[[], list[Any]]:
    images, warp, maps = _images(problem), _warp(problem), _maps(problem)
    targets = list(np.empty(problem.out_shape, images.dtype)) if problem.into_given else [None] * len(images)
    return lambda: [warp(image, each, target) for image, each, target in zip(images, maps, targets, strict=True)]


def _images(problem: Problem) -> Any:
    """A copy; warpAffine refuses int32, and float32 has the same size and holds the same labels."""
    return problem.image.astype(np.float32) if problem.image.dtype == np.int32 else problem.image.copy()


def _warp(problem: Problem) -> Callable[[Any, Any, Any], Any]:
    """OpenCV's function with its options: (image, matrix or map, target or None) -> out."""
    size, edge, kernel = problem.shape[::-1], EDGES[problem.padding], KERNELS[problem.kernel]
    if problem.dense:
        return lambda image, each, target: cv2.remap(image, *each, kernel, dst=target, borderMode=edge)
    function = cv2.warpAffine if problem.transform == "affine" else cv2.warpPerspective
    flags = kernel | cv2.WARP_INVERSE_MAP
    return lambda image, each, target: function(image, each, size, dst=target, flags=flags, borderMode=edge)


def _maps(problem: Problem) -> list[Any]:
    if not problem.dense:
        return list(problem.pixel_matrices[:, : 2 if problem.transform == "affine" else 3])
    half = (np.array(problem.image.shape[2:0:-1], np.float32) - 1) / 2
    pixels = (problem.positions + 1) * half
    return [(np.ascontiguousarray(each[..., 0]), np.ascontiguousarray(each[..., 1])) for each in pixels]


def _read(problem: Problem, answer: list[Any]) -> Any:
    return np.stack(answer).reshape(problem.out_shape)
