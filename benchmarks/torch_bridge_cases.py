"""Warps of PyTorch's tensors by `stn_numba.torch`, with gradients by autograd: the cases, and our call."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import stn_numba as stn
from benchmarks import rivals, timing
from benchmarks.case import Call, Case
from benchmarks.warp_cases import DIGITS, PHOTOS
from benchmarks.warp_problem import WarpProblem, make_warp


def our_call(problem: WarpProblem) -> Call:
    """Return the call of a user of PyTorch: a warp, and gradients by its autograd, for tensors with channels first."""
    import torch

    from stn_numba.torch import warp

    torch.set_num_threads(stn.get_num_threads())
    image, d_out = (
        torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2))) for array in (problem.image, problem.d_out)
    )
    theta = torch.from_numpy(problem.theta.copy()).requires_grad_()
    inputs = [image.requires_grad_(), theta] if "image" in problem.gradient else [theta]

    def solve() -> list[Any]:
        out = warp(image, theta, problem.transform, problem.shape, padding=problem.padding)
        return [out, *torch.autograd.grad(out, inputs, d_out)]

    return Call("stn-numba", solve, _read)


def _read(answer: list[Any]) -> list[Any]:
    arrays = [tensor.detach().numpy() for tensor in answer]
    return [array.transpose(0, 2, 3, 1) if array.ndim == 4 else array for array in arrays]


def _case(what: str, size: tuple[int, int, int, int], gradient: str) -> Case:
    name = f"torch bridge: {what}, {'x'.join(map(str, size))}"
    make = partial(make_warp, size, gradient=gradient, layout="NCHW")
    return Case(name, make, our_call, rivals.calls, at_least={"torch": 2}, more=_copy)


def _copy(problem: WarpProblem) -> dict[str, float]:
    return {"copy_seconds": timing.copy_seconds(problem.bytes_moved)}


CASES = [
    _case("forward and backward", DIGITS, "image and theta"),
    _case("forward and backward", PHOTOS, "image and theta"),
    _case("forward and d_theta", DIGITS, "theta"),
    _case("forward and d_theta", PHOTOS, "theta"),
]
