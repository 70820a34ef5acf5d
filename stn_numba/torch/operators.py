"""The operator ``torch.ops.stn_numba.sample`` and its backward: what ``torch.compile`` and ``torch.export`` see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from stn_numba.torch import compute
from stn_numba.torch.options import options_from

__all__ = ["no_second_derivative", "sample", "sample_backward"]


def _sample(image: Tensor, numbers: Tensor, shape: Sequence[int], options: str) -> Tensor:
    """Sample images at the positions `numbers`, or where the transform of the options with these parameters says."""
    return compute.read(image, numbers, tuple(shape), options_from(options))[0]


def _sample_backward(
    d_out: Tensor, image: Tensor, numbers: Tensor, shape: Sequence[int], options: str, by_image: bool, by_numbers: bool
) -> tuple[Tensor, Tensor]:
    """Return the gradients by image and numbers; empty for one that is not wanted."""
    given = image, numbers, tuple(shape), d_out, options_from(options)
    d_image, d_numbers = compute.gradients(*given, by_image, by_numbers)
    return image.new_empty(0) if d_image is None else d_image, numbers.new_empty(0) if d_numbers is None else d_numbers


# The schemas are given as texts, since PyTorch 2.4 cannot read postponed annotations.
sample = torch.library.custom_op(
    "stn_numba::sample",
    _sample,
    mutates_args=(),
    device_types="cpu",
    schema="(Tensor image, Tensor numbers, SymInt[] shape, str options) -> Tensor",
)
sample_backward = torch.library.custom_op(
    "stn_numba::sample_backward",
    _sample_backward,
    mutates_args=(),
    device_types="cpu",
    schema="(Tensor d_out, Tensor image, Tensor numbers, SymInt[] shape, str options, bool by_image, bool by_numbers)"
    " -> (Tensor, Tensor)",
)


@sample.register_fake
def _(image: Tensor, numbers: Tensor, shape: Sequence[int], options: str) -> Tensor:
    layout = options_from(options).sampling.layout
    batch = image.shape[0] if numbers.shape[0] == 1 else numbers.shape[0]
    channels = image.shape[layout.find("C")]
    return image.new_empty((batch, channels, *shape) if layout.startswith("NC") else (batch, *shape, channels))


@sample_backward.register_fake
def _(
    d_out: Tensor, image: Tensor, numbers: Tensor, shape: Sequence[int], options: str, by_image: bool, by_numbers: bool
) -> tuple[Tensor, Tensor]:
    return image.new_empty(image.shape if by_image else (0,)), numbers.new_empty(numbers.shape if by_numbers else (0,))


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    image, numbers, ctx.shape, ctx.options = inputs
    ctx.save_for_backward(image, numbers)
    ctx.chosen = options_from(ctx.options)  # keeps the objects in the options alive


def _pull_back(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, ...]:
    by_image, by_numbers = ctx.needs_input_grad[:2]
    d_image, d_numbers = sample_backward(d_out, *ctx.saved_tensors, ctx.shape, ctx.options, by_image, by_numbers)
    return d_image if by_image else None, d_numbers if by_numbers else None, None, None


def _keep_name(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.function = options_from(inputs[4]).function


def _refuse(ctx: Any, *_: Any) -> None:
    raise no_second_derivative(ctx.function)


def no_second_derivative(function: str) -> NotImplementedError:
    """Return the error for the derivative of a gradient."""
    return NotImplementedError(
        f"{function}: second derivatives are not implemented; torch.nn.functional.grid_sample has them in recent versions"
    )


sample.register_autograd(_pull_back, setup_context=_keep)
sample_backward.register_autograd(_refuse, setup_context=_keep_name)
