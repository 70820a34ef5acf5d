"""PyTorch on volumes: `affine_grid` and `grid_sample`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

import stn_numba as stn
from benchmarks.case import Call
from benchmarks.volumes.problem import VolumeProblem

LIBRARY, PACKAGE = "torch", "torch"


def calls(problem: Any) -> list[Call]:
    if not isinstance(problem, VolumeProblem) or problem.volume.dtype != np.float32 or problem.transform != "affine":
        return []
    torch.set_num_threads(stn.get_num_threads())
    return [Call("torch", _solver(problem), _read)]


def _solver(problem: VolumeProblem) -> Callable[[], list[torch.Tensor]]:
    volume, theta = _channels_first(problem.volume), torch.from_numpy(problem.theta.copy()).reshape(-1, 3, 4)
    if problem.dense_grid:
        grid = torch.from_numpy(problem.grid)
        return lambda: [functional.grid_sample(volume, grid, align_corners=True)]
    size = [*volume.shape]

    def warp() -> torch.Tensor:
        return functional.grid_sample(volume, functional.affine_grid(theta, size, align_corners=True), align_corners=True)

    if not problem.gradients:
        return lambda: [warp()]
    d_out = _channels_first(problem.d_out)
    inputs = [volume.requires_grad_(), theta.requires_grad_()]

    def solve() -> list[torch.Tensor]:
        out = warp()
        return [out, *torch.autograd.grad(out, inputs, d_out)]

    return solve


def _channels_first(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 1)))


def _read(answer: list[torch.Tensor]) -> list[Any]:
    arrays = [tensor.detach().numpy() for tensor in answer]
    return [np.moveaxis(array, 1, -1) if array.ndim == 5 else array.reshape(len(array), -1) for array in arrays]
