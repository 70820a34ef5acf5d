"""Types of the arrays that layers exchange, and checks before kernels read them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = [
    "Arrays", "Backprop", "Differentiable", "Floats", "Size", "as_gradient", "as_kernel_array", "expect_input", "fits_kernels",
]  # fmt: skip

Floats = NDArray[np.floating[Any]]
Arrays = dict[str, Floats]
Size = tuple[int, ...]


class Backprop(Protocol):
    """``backprop(dy) -> (dx, gradients)``; dx is None with ``input_gradient=False``."""

    def __call__(self, dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
        """Return the gradients of the loss by the input and by the parameters, for dy by the output."""


class Differentiable(Protocol):
    """A layer, or several that are computed together."""

    def forward(self, x: Floats, rng: np.random.Generator | None = None, /) -> tuple[Floats, Backprop]:
        """Return the output and its backward."""


def expect_input(owner: object, x: Any, channels: int | str) -> None:
    """Reject images that do not fit a layer, since kernels do not validate; a letter as `channels` means any number."""
    fits = isinstance(x, np.ndarray) and x.ndim == 4 and x.dtype.kind == "f" and min(x.shape[1:3]) > 0
    if not fits or (isinstance(channels, int) and x.shape[3] != channels):
        raise ValueError(f"{_name(owner)}: expected floats (N, H, W, {channels}), got {_described(x)}")


def fits_kernels(dtype: DTypeLike, *arrays: Floats) -> bool:
    """Whether arrays are contiguous and of this dtype, and kernels exist for it."""
    return dtype in (np.float32, np.float64) and all(array.dtype == dtype and array.flags.c_contiguous for array in arrays)


def as_gradient(owner: object, dy: Any, y: Floats) -> Floats:
    """Return the gradient by a layer's output y as a contiguous array of y's dtype, after checking its shape."""
    if not isinstance(dy, np.ndarray) or dy.shape != y.shape or dy.dtype.kind != "f":
        raise ValueError(f"{_name(owner)}: dy: expected floats {y.shape}, got {_described(dy)}")
    return np.ascontiguousarray(dy, y.dtype)


def as_kernel_array(array: ArrayLike, dtype: np.dtype[Any]) -> Floats:
    """Return a writable, contiguous array of this dtype; a copy only if the array is none yet."""
    if isinstance(array, np.ndarray) and array.dtype == dtype and array.flags.carray:
        return array
    return np.array(array, dtype, order="C")


def _name(owner: object) -> str:
    return owner if isinstance(owner, str) else type(owner).__name__


def _described(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
