"""Projection of volumes to images along z."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from stn_numba._util.arguments import as_option
from stn_numba.nn.arrays import Arrays, Backprop, Floats, Size, as_gradient
from stn_numba.nn.layers.base import Layer, expect_shape
from stn_numba.nn.layers.volumes.options import expect_volumes

__all__ = ["Project"]

_REDUCTIONS = ("mean", "max")


class Project(Layer):
    """Project volumes to images along z: the mean or the largest value, from (N, D, H, W, C) to (N, H, W, C).

    Behind a spatial transformer of volumes, layers for images can read what it shows (arXiv 1506.02025, appendix A.3).

    Parameters
    ----------
    reduction : {"mean", "max"}, default "mean"
        What is taken of the D values behind each other: ``"mean"`` is like an X-ray image, ``"max"`` the maximum intensity
        projection. With ``"max"`` only the first of the largest values gets the gradient.

    Raises
    ------
    ValueError
        If the reduction is another one.

    Examples
    --------
    >>> x = np.arange(8.0).reshape(1, 2, 2, 2, 1)
    >>> Project().forward(x)[0].ravel().tolist()
    [2.0, 3.0, 4.0, 5.0]
    >>> Project("max").forward(x)[0].ravel().tolist()
    [4.0, 5.0, 6.0, 7.0]
    """

    fixed_options = ("reduction",)

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = as_option(reduction, "reduction", _REDUCTIONS)

    def initialize(self, input_shape: Size, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Size:
        """Return (H, W, C) for inputs (D, H, W, C)."""
        expect_shape(self, input_shape, 4, "(D, H, W, C)")
        return input_shape[1:]

    def forward(self, x: Floats, rng: np.random.Generator | None = None) -> tuple[Floats, Backprop]:
        """Return (y, backprop), with y (N, H, W, C)."""
        expect_volumes(self, x)
        if self.reduction == "mean":
            return self._mean(x)
        place = x.argmax(axis=1)[:, None]
        y = np.take_along_axis(x, place, axis=1)[:, 0]

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            if not input_gradient:
                return None, {}
            dx = np.zeros_like(x)
            np.put_along_axis(dx, place, as_gradient(self, dy, y)[:, None], axis=1)
            return dx, {}

        return y, backprop

    def _mean(self, x: Floats) -> tuple[Floats, Backprop]:
        y: Floats = x.mean(axis=1)

        def backprop(dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
            share = as_gradient(self, dy, y) / x.dtype.type(x.shape[1])
            return np.repeat(share[:, None], x.shape[1], axis=1) if input_gradient else None, {}

        return y, backprop
