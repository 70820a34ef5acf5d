"""`SpatialTransformer`, as a module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from stn_numba._util.arguments import as_bool, as_option, as_sizes
from stn_numba.grid import Shape, as_floats
from stn_numba.sampler.interpolation import PiecewisePolynomial, is_nearest, kernel_rule
from stn_numba.sampler.padding import PADDINGS
from stn_numba.torch.warp import warp
from stn_numba.transform.base import Transform
from stn_numba.transform.checked import as_transform, identity_of, n_params_of

__all__ = ["SpatialTransformer"]


class SpatialTransformer(nn.Module):
    """Sample each image at a grid that a localisation network chooses: from (N, C, H, W) to (N, C, h, w).

    With a transform of volumes, such as ``options={"ndim": 3}`` makes by name, from (N, C, D, H, W) to (N, C, d, h, w).

    The localisation network computes features, a linear layer named ``theta_layer`` turns them into transform parameters, and
    the image is sampled where the transform maps the output's pixels. The linear layer starts with zero weights and `initial`
    as its bias, so training starts from the undistorted image, or from the same part of every image. It gets its size from the
    first batch: run one before you count parameters.

    Parameters
    ----------
    localisation : nn.Module
        Maps images (N, C, H, W) to features (N, ...), which are flattened.
    transform : str or Transform, default "affine"
        A registered name, or an object.
    shape : (int, int) or (int, int, int), optional
        (h, w) of the output, or (d, h, w); by default that of the input.
    options : dict, optional
        Options of a transform given by name.
    initial : (P,) array_like, optional
        Parameters to start from; by default the identity.
    kernel, padding, antialias
        As for `stn_numba.torch.warp`.
    align_corners : bool, default True
        Convention of the coordinates, as for `stn_numba.torch.warp`. Pass False for a network that was made for
        ``affine_grid`` and ``grid_sample`` with their defaults.

    Raises
    ------
    TypeError, ValueError
        If the localisation network is no module, or an option does not fit.

    Examples
    --------
    >>> transformer = SpatialTransformer(nn.Sequential(nn.Flatten(), nn.LazyLinear(8), nn.ReLU()), "tps", shape=(14, 14))
    >>> transformer(torch.rand(5, 1, 28, 28)).shape
    torch.Size([5, 1, 14, 14])
    """

    def __init__(
        self,
        localisation: nn.Module,
        transform: str | Transform = "affine",
        shape: Shape | None = None,
        *,
        options: Mapping[str, Any] | None = None,
        initial: ArrayLike | None = None,
        kernel: str | PiecewisePolynomial = "bilinear",
        padding: str = "zeros",
        antialias: bool = False,
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        if not isinstance(localisation, nn.Module):
            raise TypeError(f"localisation: expected a torch.nn.Module, got {type(localisation).__name__}")
        self.localisation = localisation
        self.transform = as_transform(transform, options)
        self.shape = None if shape is None else as_sizes(shape, "shape", "dhw"[-self.transform.ndim :])
        kernel_rule(kernel)
        self.sampling: dict[str, Any] = {
            "kernel": kernel, "padding": as_option(padding, "padding", PADDINGS),
            "antialias": as_bool(antialias, "antialias"), "align_corners": as_bool(align_corners, "align_corners"),
        }  # fmt: skip
        if antialias and is_nearest(kernel):
            raise ValueError("antialias: expected False with kernel='nearest', which has no gradient then")
        count = n_params_of(self.transform)
        start = identity_of(self.transform) if initial is None else as_floats(initial, "initial", (count,))
        self.theta_layer = _ThetaLayer(start.tolist())
        # A graph holds a name as it is, so that it can be saved, and an object only as long as it exists.
        self._in_graphs = (transform, dict(options or {})) if isinstance(transform, str) else transform

    def theta(self, x: Tensor) -> Tensor:
        """Return the parameters (N, P) for images (N, C, H, W)."""
        theta: Tensor = self.theta_layer(self.localisation(x).flatten(1))
        return theta

    def forward(self, x: Tensor) -> Tensor:
        """Return the sampled images (N, C, h, w) of images (N, C, H, W)."""
        transform = self._in_graphs if torch.compiler.is_compiling() else self.transform
        return warp(x, self.theta(x), transform, self.shape, **self.sampling)

    def extra_repr(self) -> str:
        """Return what ``repr`` shows beside the localisation network."""
        return f"{self.transform!r}, shape={self.shape}, align_corners={self.sampling['align_corners']}"


class _ThetaLayer(nn.LazyLinear):
    """A linear layer with zero weights and a given bias, sized by its first input; it becomes an ``nn.Linear`` then."""

    def __init__(self, initial: list[float]) -> None:
        super().__init__(len(initial))
        self.initial = initial

    def reset_parameters(self) -> None:
        """Set the initial values, if the size is known."""
        if not self.has_uninitialized_params() and hasattr(self, "initial"):
            with torch.no_grad():
                self.weight.zero_()
                self.bias.copy_(torch.tensor(self.initial))
