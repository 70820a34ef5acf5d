"""`grid_sample`."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor
from torch.nn import functional

from stn_numba.torch.eager import sample_tensors
from stn_numba.torch.options import Sampling

__all__ = ["grid_sample"]

_MODES, _PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")
_DTYPES, _HALF = (torch.float32, torch.float64), (torch.float16, torch.bfloat16)

# As PyTorch has it, so that a filter for its warning is one for ours.
_DEFAULT = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
    "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details."
)

_warned: set[str] = set()


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Sample images or volumes at the positions of a grid: a drop-in for `torch.nn.functional.grid_sample`.

    Half precision, tensors on other devices, and calls inside ``torch.func`` transforms such as ``vmap`` go to
    PyTorch's function, with one warning for each of these reasons. So do calls with wrong arguments, to get its errors.

    Parameters
    ----------
    input : Tensor, (N, C, H, W) or (N, C, D, H, W)
        float32 or float64, in any memory layout.
    grid : Tensor, (N, h, w, 2) or (N, d, h, w, 3)
        Normalized positions (x, y), or (x, y, z) in volumes, of the dtype of `input`.
    mode : {"bilinear", "nearest", "bicubic"}, default "bilinear"
        Interpolation; as in PyTorch, volumes have no bicubic one.
    padding_mode : {"zeros", "border", "reflection"}, default "zeros"
        What the image continues as beyond its edges.
    align_corners : bool, default False
        Whether -1 and +1 are the centers (True) or the outer edges (False) of the first and last pixels. PyTorch's default is
        False, and it warns if you leave it out.

    Returns
    -------
    Tensor, (N, C, h, w) or (N, C, d, h, w)

    Raises
    ------
    RuntimeError, ValueError
        As PyTorch's function.
    NotImplementedError
        From the backward pass of a backward pass: second derivatives are not implemented.

    Notes
    -----
    Results agree with PyTorch's up to rounding. PyTorch computes positions in float32 for float32 grids, we in float64. On
    pixel lines, where bilinear sampling has kinks, both return the derivative from the right, except that PyTorch's gradient
    is 0 at the centers of the outermost pixels with ``"border"`` or ``"reflection"`` and ``align_corners=True``.

    PyTorch's results for positions that are no numbers are undefined. Here NaN reads 0 and has the gradient 0. So do infinite
    positions, but with ``"border"`` they read the nearest edge pixel.

    Examples
    --------
    >>> image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> grid_sample(image, torch.zeros(1, 1, 1, 2), align_corners=False).item()
    2.5
    """
    if align_corners is None:
        warnings.warn(_DEFAULT, UserWarning, stacklevel=2)
        align_corners = False
    if mode in (_MODES if input.ndim == 4 else _MODES[:2]) and padding_mode in _PADDINGS and _fits(input, grid):
        reason = _lacking(input)
        if reason is None:
            layout = "NCHW" if input.ndim == 4 else "NCDHW"
            sampling = Sampling(mode, padding_mode, align_corners=align_corners, layout=layout)
            return sample_tensors(input, grid, tuple(grid.shape[1:-1]), None, sampling)
        _warn_once(reason)
    return functional.grid_sample(input, grid, mode, padding_mode, align_corners)


def _fits(input: Tensor, grid: Tensor) -> bool:
    """Whether PyTorch's function accepts these tensors."""
    ndim = input.ndim
    return (
        ndim in (4, 5)
        and grid.ndim == ndim
        and input.shape[0] == grid.shape[0]
        and grid.shape[-1] == ndim - 2
        and 0 not in input.shape[2:]
        and input.dtype == grid.dtype
        and input.dtype in (*_DTYPES, *_HALF)
        and input.layout == grid.layout == torch.strided
    )


def _lacking(input: Tensor) -> str | None:
    """What this library lacks for a call; None if it has all."""
    if input.dtype in _HALF:
        return f"tensors of {input.dtype}"
    if input.device.type not in ("cpu", "meta"):
        return f"tensors on {input.device.type}"
    if torch._C._are_functorch_transforms_active():
        return "calls inside torch.func transforms"
    return None


def _warn_once(reason: str) -> None:
    if not torch.compiler.is_compiling() and reason not in _warned:
        _warned.add(reason)
        warnings.warn(
            f"stn_numba.torch.grid_sample has no kernels for {reason}: torch.nn.functional.grid_sample is called "
            "(this warning comes once)",
            RuntimeWarning,
            stacklevel=3,
        )
