"""This library's calls, from parameters to answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import stn_numba as stn
from benchmarks.contestant import Contestant
from benchmarks.problem import Problem


def contestant(problem: Problem) -> Contestant:
    solve = _gradient(problem) if problem.gradient else _forward(problem)
    return Contestant("stn-numba", solve, lambda answer: _read(problem, answer))


def _forward(problem: Problem) -> Callable[[], Any]:
    image, options = _image(problem), _options(problem)
    if problem.single:
        return _single(problem)
    if problem.dense:
        positions = problem.positions
        return lambda: [stn.sample(image, positions, **options)]
    transform, theta, shape = stn.get_transform(problem.transform), problem.theta, problem.shape
    return lambda: [stn.sample(image, transform.forward(theta, shape)[0], **options)]


def _single(problem: Problem) -> Callable[[], Any]:
    """`warp`, as its user writes it: theta in float64."""
    image, theta = problem.one_image, problem.theta[0].astype(np.float64)
    return lambda: stn.warp(image, theta)


def _gradient(problem: Problem) -> Callable[[], Any]:
    image, options, d_out = _image(problem), _options(problem), problem.d_out
    transform, theta, shape = stn.get_transform(problem.transform), problem.theta, problem.shape
    by_image = "image" in problem.gradient
    if problem.dense:
        return _positions_gradient(problem)

    def solve() -> list[Any]:
        grid, theta_backprop = transform.forward(theta, shape)
        out, backprop = stn.sample_vjp(image, grid, **options)
        d_image, d_grid = backprop(d_out, image=by_image)
        return [out, *([d_image] if by_image else []), theta_backprop(d_grid)]

    return solve


def _positions_gradient(problem: Problem) -> Callable[[], Any]:
    image, options, d_out, positions = _image(problem), _options(problem), problem.d_out, problem.positions

    def solve() -> list[Any]:
        out, backprop = stn.sample_vjp(image, positions, **options)
        return [out, *backprop(d_out)]

    return solve


def _image(problem: Problem) -> Any:
    """The image in the layout asked for."""
    return np.ascontiguousarray(problem.image.transpose(0, 3, 1, 2)) if problem.layout == "NCHW" else problem.image


def _options(problem: Problem) -> dict[str, Any]:
    """Only what differs from the defaults, so that a release without an option can still run the other cases."""
    options: dict[str, Any] = {}
    if problem.kernel != "bilinear":
        options["kernel"] = problem.kernel
    if problem.padding != "zeros":
        options["padding"] = problem.padding
    if problem.layout != "NHWC":
        options["layout"] = problem.layout
    if problem.into_given:
        options["out"] = np.empty(problem.out_shape, problem.image.dtype)
    return options


def _read(problem: Problem, answer: list[Any]) -> list[Any]:
    if problem.single:
        return [answer.reshape(problem.out_shape)]
    return [answer[0].transpose(0, 2, 3, 1)] if problem.layout == "NCHW" else answer
