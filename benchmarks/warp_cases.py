"""Warps: the cases, and our call."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import stn_numba as stn
from benchmarks import rivals, timing
from benchmarks.case import Call, Case
from benchmarks.warp_problem import WarpProblem, make_warp

DIGITS = (256, 28, 28, 1)
PHOTOS = (32, 224, 224, 3)
FEATURES = (32, 56, 56, 64)
VIDEO = (1, 1080, 1920, 3)
GRAY_VIDEO = (1, 1080, 1920, 1)
SCAN = (1, 4096, 4096, 1)
DIGIT = (1, 28, 28, 1)
ICON = (1, 64, 64, 3)
PHOTO = (1, 224, 224, 3)


def our_call(problem: WarpProblem) -> Call:
    solve = _single_image if problem.single_image else _gradients if problem.gradient else _forward
    return Call("stn-numba", solve(problem), lambda answer: _read(problem, answer))


def _single_image(problem: WarpProblem) -> Callable[[], Any]:
    """`warp` as a user writes it, with theta in float64."""
    image, theta = problem.first_image, problem.theta[0].astype(np.float64)
    return lambda: stn.warp(image, theta)


def _forward(problem: WarpProblem) -> Callable[[], Any]:
    image, options = _image(problem), _options(problem)
    if problem.dense_grid:
        grid = problem.grid
        return lambda: [stn.sample(image, grid, **options)]
    transform, theta, shape = stn.get_transform(problem.transform), problem.theta, problem.shape
    return lambda: [stn.sample(image, transform.forward(theta, shape)[0], **options)]


def _gradients(problem: WarpProblem) -> Callable[[], Any]:
    image, options, d_out = _image(problem), _options(problem), problem.d_out
    if problem.dense_grid:
        return _grid_gradients(image, problem.grid, d_out, options)
    transform, theta, shape = stn.get_transform(problem.transform), problem.theta, problem.shape
    wants_image = "image" in problem.gradient

    def solve() -> list[Any]:
        grid, theta_backprop = transform.forward(theta, shape)
        out, backprop = stn.sample_vjp(image, grid, **options)
        d_image, d_grid = backprop(d_out, image=wants_image)
        return [out, *([d_image] if wants_image else []), theta_backprop(d_grid)]

    return solve


def _grid_gradients(image: Any, grid: Any, d_out: Any, options: dict[str, Any]) -> Callable[[], Any]:
    def solve() -> list[Any]:
        out, backprop = stn.sample_vjp(image, grid, **options)
        return [out, *backprop(d_out)]

    return solve


def _image(problem: WarpProblem) -> Any:
    """Return the image in the problem's layout."""
    return np.ascontiguousarray(problem.image.transpose(0, 3, 1, 2)) if problem.layout == "NCHW" else problem.image


def _options(problem: WarpProblem) -> dict[str, Any]:
    options: dict[str, Any] = {"kernel": problem.kernel, "padding": problem.padding, "layout": problem.layout}
    return {**options, "out": np.empty(problem.out_shape, problem.image.dtype)} if problem.reuse_out else options


def _read(problem: WarpProblem, answer: Any) -> list[Any]:
    out, *gradients = [answer] if problem.single_image else answer
    out = out.transpose(0, 2, 3, 1) if problem.layout == "NCHW" else out.reshape(problem.out_shape)
    return [out, *gradients]


def _copy(problem: WarpProblem) -> dict[str, float]:
    return {"copy_seconds": timing.copy_seconds(problem.bytes_moved)}


def _case(what: str, size: tuple[int, int, int, int], at_least: dict[str, float], **options: Any) -> Case:
    """Return a case; `at_least` maps libraries to the least ratio of their time to ours."""
    sizes = "x".join(map(str, size[1:] if options.get("single_image") else size))
    to = " to {}x{}".format(*options["shape"]) if "shape" in options else ""
    name = f"{what}, {sizes}{to}" + (f" {options['dtype']}" if "dtype" in options else "")
    return Case(name, partial(make_warp, size, **options), our_call, rivals.calls, at_least=at_least, more=_copy)


FORWARD = [
    _case("affine", DIGITS, {"torch": 5}),
    _case("affine", PHOTOS, {"torch": 4, "OpenCV": 1.4}),
    _case("affine", VIDEO, {"torch": 6, "OpenCV": 1.3}),
    _case("affine", FEATURES, {"torch": 3}, shape=(28, 28)),
    _case("affine", SCAN, {"torch": 8, "OpenCV": 1.2}),
    _case("affine", VIDEO, {"OpenCV": 1.3}, dtype="uint8"),
    _case("projective", VIDEO, {"OpenCV": 1.2}, transform="projective"),
    _case("tps, 16 points", PHOTOS, {"kornia": 25}, transform="tps"),
    _case("dense grid", PHOTOS, {"torch": 1.3, "OpenCV": 1.1}, transform="tps", dense_grid=True),
    _case("affine bicubic", PHOTOS, {"torch": 2, "OpenCV": 1.0}, kernel="bicubic"),
]

SINGLE_IMAGE = [
    _case("one image", DIGIT, {"OpenCV": 0.33}, single_image=True, dtype="uint8"),
    _case("one image", DIGIT, {"OpenCV": 0.33}, single_image=True),
    _case("one image", ICON, {"OpenCV": 0.8}, single_image=True, dtype="uint8"),
    _case("one image", ICON, {"OpenCV": 0.8}, single_image=True),
    _case("one image", PHOTO, {"OpenCV": 1.2}, single_image=True, dtype="uint8"),
    _case("one image", PHOTO, {"OpenCV": 1.2}, single_image=True),
]

NEAREST = [
    _case("affine nearest", GRAY_VIDEO, {"OpenCV": 1.0}, kernel="nearest", dtype="uint8"),
    _case("affine nearest", VIDEO, {"OpenCV": 1.0}, kernel="nearest", dtype="uint8"),
    _case("affine nearest, labels", GRAY_VIDEO, {"OpenCV": 1.0}, kernel="nearest", dtype="int32"),
    _case("dense grid nearest, channels first", VIDEO, {"torch": 1.0}, kernel="nearest", dense_grid=True, layout="NCHW"),
]

OPTIONS = [
    _case("affine, reflecting edges", PHOTOS, {}, padding="reflect101"),
    _case("affine, channels first", PHOTOS, {}, layout="NCHW"),
    _case("affine into a given array", VIDEO, {}, reuse_out=True),
]

BACKWARD = [
    _case("forward and backward", DIGITS, {"torch": 4}, gradient="image and theta"),
    _case("forward and backward", PHOTOS, {"torch": 4}, gradient="image and theta"),
    _case("forward and backward", FEATURES, {"torch": 3}, gradient="image and theta"),
    _case("forward and backward", VIDEO, {"torch": 5}, gradient="image and theta"),
    _case("forward and backward, dense grid", VIDEO, {"torch": 3}, gradient="image and theta", dense_grid=True),
    _case("forward and d_theta", DIGITS, {}, gradient="theta"),
    _case("forward and d_theta", PHOTOS, {}, gradient="theta"),
    _case("forward and d_theta", FEATURES, {}, gradient="theta"),
    _case("forward and d_theta", VIDEO, {}, gradient="theta"),
]

CASES = [*FORWARD, *SINGLE_IMAGE, *NEAREST, *OPTIONS, *BACKWARD]
