"""`warp`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from stn_numba._util.arguments import as_option
from stn_numba.grid import Shape
from stn_numba.sampler.interpolation import PiecewisePolynomial
from stn_numba.torch.eager import sample_tensors
from stn_numba.torch.options import Sampling, axes_of
from stn_numba.transform.checked import TransformLike

__all__ = ["warp"]

_FLOATS, _HALF = (torch.float32, torch.float64), (torch.float16, torch.bfloat16)


def warp(
    image: Tensor,
    theta: Tensor,
    transform: TransformLike = "affine",
    shape: Shape | None = None,
    *,
    kernel: str | PiecewisePolynomial = "bilinear",
    padding: str | None = None,
    fill: float | Sequence[float] | None = None,
    align_corners: bool = True,
    antialias: bool = False,
    layout: str = "NCHW",
    num_threads: int | None = None,
) -> Tensor:
    """Warp images or volumes, with gradients by image and theta: each output pixel reads where the transform maps it.

    Parameters
    ----------
    image : Tensor, (N, C, H, W), (C, H, W) or (H, W)
        With a transform of volumes (N, C, D, H, W), (C, D, H, W) or (D, H, W). In any memory layout. Dtypes as for
        `stn_numba.sample`; those with gradients are float32 and float64, and half precision, which is computed in float32.
    theta : Tensor, (N, P) or (P,)
        Normalized parameters. One image with several rows of theta gives one output for each row.
    transform : str, Transform or (str, dict), default "affine"
        A registered name, a `Transform`, or a pair of a name and options, such as ``("affine", {"ndim": 3})`` for volumes.
    shape : (int, int) or (int, int, int), optional
        (h, w) of the output, or (d, h, w); by default that of the image.
    kernel, padding, fill, antialias
        As for `stn_numba.sample`.
    align_corners : bool, default True
        Whether -1 and +1 are the centers (True) or the outer edges (False) of the first and last pixels. The default is that of
        `stn_numba.warp`; PyTorch's functions have False.
    layout : {"NCHW", "NHWC", "NCDHW", "NDHWC"}, default "NCHW"
        Of image and output. The default is PyTorch's layout, unlike that of `stn_numba.warp`; for volumes it is ``"NCDHW"``.
    num_threads : int, optional
        Maximum number of threads; by default `stn_numba.get_num_threads()`, but not more than ``torch.get_num_threads()``.

    Returns
    -------
    Tensor
        Contiguous, of the image's dtype and number of axes; with a leading N for several rows of theta.

    Raises
    ------
    TypeError, ValueError
        As `stn_numba.warp`.
    NotImplementedError
        From the backward pass of a backward pass: second derivatives are not implemented.

    Examples
    --------
    Mirror left and right:

    >>> theta = torch.tensor([-1.0, 0, 0, 0, 1, 0], requires_grad=True)
    >>> out = warp(torch.tensor([[1.0, 2.0, 3.0]]), theta)
    >>> out.tolist()
    [[3.0, 2.0, 1.0]]
    >>> out.sum().backward()
    >>> theta.grad.shape
    torch.Size([6])
    """
    axes = axes_of(transform)
    layout = _layout_of(layout, axes)
    _expect_tensors(image, theta, axes)
    if image.dtype in _HALF:
        whole = warp(
            image.float(), theta, transform, shape, kernel=kernel, padding=padding, fill=fill, align_corners=align_corners,
            antialias=antialias, layout=layout, num_threads=num_threads,
        )  # fmt: skip
        return whole.to(image.dtype)
    rows = theta if theta.dtype in _FLOATS else theta.float()
    rows = rows if theta.ndim == 2 else rows[None]
    batch, channels = image if image.ndim == axes + 2 else image[None], layout.find("C")
    if image.ndim == axes:
        batch = batch.unsqueeze(channels)
    if rows.shape[0] != batch.shape[0] and 1 not in (rows.shape[0], batch.shape[0]):
        raise ValueError(f"theta: expected 1 or {batch.shape[0]} rows, as the image has, got {rows.shape[0]}")
    size = tuple(batch.shape[k] for k in range(1, axes + 2) if k != channels) if shape is None else shape
    sampling = Sampling(kernel, padding, fill, align_corners, antialias, layout, num_threads)
    out = sample_tensors(batch, rows, size, transform, sampling)
    if image.ndim == axes:
        out = out.squeeze(channels)
    return out.squeeze(0) if image.ndim < axes + 2 and rows.shape[0] == 1 else out


def _layout_of(layout: str, axes: int) -> str:
    """The layout of images, or of volumes, whose default has the name of that of images."""
    if axes == 2:
        return as_option(layout, "layout", ("NCHW", "NHWC"))
    return "NCDHW" if layout == "NCHW" else as_option(layout, "layout", ("NCDHW", "NDHWC"))


def _expect_tensors(image: Tensor, theta: Tensor, axes: int) -> None:
    """Reject what is no tensor on the CPU, and images and theta with the wrong number of axes."""
    for name, value in (("image", image), ("theta", theta)):
        if not isinstance(value, Tensor):
            raise TypeError(f"{name}: expected a tensor, got {type(value).__name__}; stn_numba.warp takes arrays")
        if value.device.type not in ("cpu", "meta"):
            raise ValueError(f"{name}: expected a tensor on the CPU, got one on {value.device}: pass {name}.cpu()")
    if not axes <= image.ndim <= axes + 2:
        space = "H, W" if axes == 2 else "D, H, W"
        raise ValueError(f"image: expected (N, C, {space}), (C, {space}) or ({space}), got {tuple(image.shape)}")
    if theta.requires_grad and torch.is_grad_enabled() and image.dtype not in (*_FLOATS, *_HALF):
        raise TypeError(f"image: gradients need torch.float32 or torch.float64, got {image.dtype}")
    if theta.ndim not in (1, 2):
        rows = f"; take theta.reshape({theta.shape[0]}, -1)" if theta.shape[1:] == (axes, axes + 1) else ""
        raise ValueError(f"theta: expected (N, P) or (P,), got {tuple(theta.shape)}{rows}")
