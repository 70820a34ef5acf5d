"""PyTorch: `affine_grid` and `grid_sample`, on contiguous memory and on channels_last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

import stn_numba as stn
from benchmarks.case import Call
from benchmarks.warp_problem import WarpProblem

LIBRARY, PACKAGE = "torch", "torch"

LAYOUTS = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}
PADDINGS = {"reflect101": "reflection"}

# It computes positions in float32: in an image of thousands of pixels they are off by a thousandth, and so are the gradients.
WIDE, WIDE_TOLERANCE = 1000, 5e-3

Tensors = list[torch.Tensor]


def calls(problem: Any) -> list[Call]:
    if not isinstance(problem, WarpProblem) or not _competes(problem):
        return []
    torch.set_num_threads(stn.get_num_threads())
    tolerance = WIDE_TOLERANCE if problem.gradient and max(problem.image.shape[1:3]) > WIDE else 1e-3
    layouts = LAYOUTS if problem.layout == "NHWC" else {"channels first": LAYOUTS["channels first"]}
    return [Call(f"torch, {name}", _solver(problem, layout), read, tolerance) for name, layout in layouts.items()]


def _competes(problem: WarpProblem) -> bool:
    """It warps batches of floats, and has no projective transform and no spline."""
    forms = problem.affine or problem.dense_grid
    return forms and problem.image.dtype == np.float32 and not problem.reuse_out and not problem.single_image


def image_tensor(problem: WarpProblem, layout: torch.memory_format = torch.contiguous_format) -> torch.Tensor:
    """Return (N, C, H, W) in a memory layout; a copy, so that no library shares the cache lines of another."""
    return torch.from_numpy(problem.image.copy()).permute(0, 3, 1, 2).contiguous(memory_format=layout)


def read(answer: Tensors) -> list[Any]:
    """Return arrays with channels last; theta's gradient (N, 2, 3) becomes (N, 6)."""
    arrays = [tensor.detach().numpy() for tensor in answer]
    return [array.transpose(0, 2, 3, 1) if array.ndim == 4 else array.reshape(len(array), -1) for array in arrays]


def _solver(problem: WarpProblem, layout: torch.memory_format) -> Callable[[], Tensors]:
    image, sample = image_tensor(problem, layout), _sampler(problem)
    if problem.dense_grid:
        grid = torch.from_numpy(problem.grid)
        return _grid_gradients(problem, image, grid, sample, layout) if problem.gradient else lambda: [sample(image, grid)]
    theta, size = torch.from_numpy(problem.theta).reshape(-1, 2, 3), [len(image), image.shape[1], *problem.shape]
    if problem.gradient:
        return _gradients(problem, image, theta, size, sample, layout)
    return lambda: [sample(image, functional.affine_grid(theta, size, align_corners=True))]


def _sampler(problem: WarpProblem) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    padding = PADDINGS.get(problem.padding, problem.padding)
    return lambda image, grid: functional.grid_sample(image, grid, problem.kernel, padding, align_corners=True)


def _gradients(problem, image, theta, size, sample, layout) -> Callable[[], Tensors]:
    d_out = _d_out(problem, layout)
    image.requires_grad_("image" in problem.gradient)
    theta.requires_grad_(True)
    inputs = [image, theta] if image.requires_grad else [theta]

    def solve() -> Tensors:
        out = sample(image, functional.affine_grid(theta, size, align_corners=True))
        return [out, *torch.autograd.grad(out, inputs, d_out)]

    return solve


def _grid_gradients(problem, image, grid, sample, layout) -> Callable[[], Tensors]:
    d_out = _d_out(problem, layout)
    grid = grid.clone().requires_grad_(True)
    image.requires_grad_(True)

    def solve() -> Tensors:
        out = sample(image, grid)
        d_image, d_grid = torch.autograd.grad(out, [image, grid], d_out)
        return [out, d_image, d_grid.permute(0, 3, 1, 2)]  # a view with the axes that `read` expects

    return solve


def _d_out(problem: WarpProblem, layout: torch.memory_format) -> torch.Tensor:
    return torch.from_numpy(problem.d_out.transpose(0, 3, 1, 2).copy()).contiguous(memory_format=layout)
