"""Sample tensors, with gradients: directly where a call is a plain one, else by the operators, whose calls take longer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from stn_numba.grid import Shape
from stn_numba.torch import compute, operators
from stn_numba.torch.options import Options, Sampling, text_of, transform_of
from stn_numba.transform.checked import TransformLike

__all__ = ["sample_tensors"]


def sample_tensors(image: Tensor, numbers: Tensor, shape: Shape, transform: TransformLike | None, sampling: Sampling) -> Tensor:
    """Return images sampled at positions `numbers` if there is no transform, else where it maps pixels with theta `numbers`."""
    if torch._C._are_functorch_transforms_active():
        raise NotImplementedError("stn_numba.torch: warps have no rules for transforms of torch.func, such as grad and vmap")
    if not _is_plain(image, numbers):
        result: Tensor = operators.sample(image, numbers, shape, text_of(transform, *sampling))
        return result
    options = Options(transform_of(transform), sampling)
    if torch.is_grad_enabled() and (image.requires_grad or numbers.requires_grad):
        result = _Sample.apply(image, numbers, shape, options)
        return result
    return compute.read(image, numbers, shape, options)[0]


def _is_plain(*tensors: Tensor) -> bool:
    """Whether nothing but autograd looks at a call: no compiler, no tracing, no other mode."""
    return (
        not torch.compiler.is_compiling()
        and all(type(tensor) in (Tensor, Parameter) and tensor.is_cpu for tensor in tensors)
        and not torch._C._len_torch_dispatch_stack()
    )


class _Sample(torch.autograd.Function):
    """The operator ``sample``, without its dispatch."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, numbers: Tensor, shape: Shape, options: Options) -> Tensor:
        ctx.save_for_backward(image, numbers)
        ctx.shape, ctx.options = shape, options
        out, ctx.made = compute.read(image, numbers, shape, options)
        return out

    @staticmethod
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, ...]:
        image, numbers = ctx.saved_tensors  # raises if one of them was changed in the meantime
        arguments = image, numbers, ctx.shape, d_out, ctx.options, *ctx.needs_input_grad[:2], ctx.made
        if torch.is_grad_enabled():  # create_graph=True
            return *_SampleBackward.apply(*arguments), None, None
        return *compute.gradients(*arguments), None, None


class _SampleBackward(torch.autograd.Function):
    """The gradients, whose own derivative is an error."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor | None, ...]:
        ctx.function = arguments[4].function
        return compute.gradients(*arguments)

    @staticmethod
    def backward(ctx: Any, *_: Any) -> None:
        raise operators.no_second_derivative(ctx.function)
