"""PyTorch: affine_grid and grid_sample, on contiguous memory and on channels_last, whichever is faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from benchmarks.contestant import Contestant
from benchmarks.problem import Problem

LAYOUTS = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}
PADDINGS = {"reflect101": "reflection"}


# It computes positions in float32: in an image of thousands of pixels they are off by a thousandth, and so are its slopes.
WIDE, WIDE_TOLERANCE = 1000, 5e-3


def contestants(problem: Problem) -> list[Contestant]:
    tolerance = WIDE_TOLERANCE if problem.gradient and max(problem.image.shape[1:3]) > WIDE else 1e-3
    layouts = LAYOUTS if problem.layout == "NHWC" else {"channels first": LAYOUTS["channels first"]}
    return [Contestant(f"torch, {name}", _solver(problem, layout), read, tolerance) for name, layout in layouts.items()]


def image_tensor(problem: Problem, layout: torch.memory_format = torch.contiguous_format) -> torch.Tensor:
    """(N, C, H, W) in memory as asked for; a copy, so that no contestant shares the cache lines of another."""
    return torch.from_numpy(problem.image.copy()).permute(0, 3, 1, 2).contiguous(memory_format=layout)


def read(answer: list[torch.Tensor]) -> list[Any]:
    """Arrays with channels last; theta's gradient (N, 2, 3) becomes (N, 6)."""
    arrays = [tensor.detach().numpy() for tensor in answer]
    return [array.transpose(0, 2, 3, 1) if array.ndim == 4 else array.reshape(len(array), -1) for array in arrays]


def _solver(problem: Problem, layout: torch.memory_format) -> Callable[[], list[torch.Tensor]]:
    image, sample = image_tensor(problem, layout), _sampler(problem)
    if problem.dense:
        positions = torch.from_numpy(problem.positions)
        if problem.gradient:
            return _positions_gradient(problem, image, positions, sample, layout)
        return lambda: [sample(image, positions)]
    theta, size = torch.from_numpy(problem.theta).reshape(-1, 2, 3), [len(image), image.shape[1], *problem.shape]
    if problem.gradient:
        return _gradient(problem, image, theta, size, sample, layout)
    return lambda: [sample(image, functional.affine_grid(theta, size, align_corners=True))]


def _sampler(problem: Problem) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    padding = PADDINGS.get(problem.padding, problem.padding)
    return lambda image, grid: functional.grid_sample(image, grid, problem.kernel, padding, align_corners=True)


def _gradient(problem, image, theta, size, sample, layout) -> Callable[[], list[torch.Tensor]]:
    d_out = _d_out(problem, layout)
    image.requires_grad_("image" in problem.gradient)
    theta.requires_grad_(True)
    wanted = [image, theta] if image.requires_grad else [theta]

    def solve() -> list[torch.Tensor]:
        out = sample(image, functional.affine_grid(theta, size, align_corners=True))
        return [out, *torch.autograd.grad(out, wanted, d_out)]

    return solve


def _positions_gradient(problem, image, positions, sample, layout) -> Callable[[], list[torch.Tensor]]:
    d_out = _d_out(problem, layout)
    positions = positions.clone().requires_grad_(True)
    image.requires_grad_(True)

    def solve() -> list[torch.Tensor]:
        out = sample(image, positions)
        d_image, d_positions = torch.autograd.grad(out, [image, positions], d_out)
        return [out, d_image, d_positions.permute(0, 3, 1, 2)]  # a view: axes as `read` expects them

    return solve


def _d_out(problem: Problem, layout: torch.memory_format) -> torch.Tensor:
    return torch.from_numpy(problem.d_out.transpose(0, 3, 1, 2).copy()).contiguous(memory_format=layout)
