"""kornia: `warp_affine`, `warp_perspective`, and for splines `get_tps_transform` with `warp_image_tps`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from kornia.geometry import transform as kornia

import stn_numba as stn
from benchmarks.case import Call
from benchmarks.rivals.torch import image_tensor, read
from benchmarks.warp_problem import WarpProblem

LIBRARY, PACKAGE = "kornia", "kornia"


def calls(problem: Any) -> list[Call]:
    """It competes on color images."""
    if not isinstance(problem, WarpProblem) or not problem.plain or problem.dense_grid or problem.n_channels != 3:
        return []
    torch.set_num_threads(stn.get_num_threads())
    image = image_tensor(problem)
    if problem.transform == "tps":
        return [Call("kornia", _spline(problem, image), read, tolerance=1e-2)]  # solved in float32
    return [Call("kornia", _matrix(problem, image), read)]


def _matrix(problem: WarpProblem, image: torch.Tensor) -> Callable[[], list[torch.Tensor]]:
    """It takes matrices between pixels, from input to output."""
    matrices = torch.from_numpy(np.linalg.inv(problem.pixel_matrices).astype(np.float32))
    if problem.affine:
        return lambda: [kornia.warp_affine(image, matrices[:, :2], problem.shape, align_corners=True)]
    return lambda: [kornia.warp_perspective(image, matrices, problem.shape, align_corners=True)]


def _spline(problem: WarpProblem, image: torch.Tensor) -> Callable[[], list[torch.Tensor]]:
    """Solving for the coefficients is timed, as it is part of our call. kornia centers its basis on the second points."""
    points = stn.get_transform("tps").identity().reshape(1, 2, -1).transpose(0, 2, 1)
    sources = torch.from_numpy(points.astype(np.float32)).repeat(len(image), 1, 1)
    targets = torch.from_numpy(problem.theta).reshape(len(image), 2, -1).transpose(1, 2).contiguous()

    def solve() -> list[torch.Tensor]:
        weights = kornia.get_tps_transform(sources, targets)
        return [kornia.warp_image_tps(image, targets, *weights, align_corners=True)]

    return solve
