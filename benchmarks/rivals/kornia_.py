"""kornia: warp_affine, warp_perspective, and for splines get_tps_transform with warp_image_tps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from kornia.geometry import transform as kornia

import stn_numba as stn
from benchmarks.contestant import Contestant
from benchmarks.problem import Problem
from benchmarks.rivals import torch_


def contestants(problem: Problem) -> list[Contestant]:
    image = torch_.image_tensor(problem)
    solve = _spline(problem, image) if problem.transform == "tps" else _matrix(problem, image)
    return [Contestant("kornia", solve, torch_.read, 1e-2 if problem.transform == "tps" else 1e-3)]  # solved in float32


def _matrix(problem: Problem, image: torch.Tensor) -> Callable[[], list[torch.Tensor]]:
    """It takes pixel matrices from input to output."""
    matrices = torch.from_numpy(np.linalg.inv(problem.pixel_matrices).astype(np.float32))
    if problem.transform == "affine":
        return lambda: [kornia.warp_affine(image, matrices[:, :2], problem.shape, align_corners=True)]
    return lambda: [kornia.warp_perspective(image, matrices, problem.shape, align_corners=True)]


def _spline(problem: Problem, image: torch.Tensor) -> Callable[[], list[torch.Tensor]]:
    """Solving for the coefficients is timed, as our call does it too. Its kernels sit at the second points given."""
    points = stn.get_transform("tps").identity().reshape(1, 2, -1).transpose(0, 2, 1)
    centers = torch.from_numpy(points.astype(np.float32)).repeat(len(image), 1, 1)
    targets = torch.from_numpy(problem.theta).reshape(len(image), 2, -1).transpose(1, 2).contiguous()

    def solve() -> list[torch.Tensor]:
        weights = kornia.get_tps_transform(centers, targets)
        return [kornia.warp_image_tps(image, targets, *weights, align_corners=True)]

    return solve
