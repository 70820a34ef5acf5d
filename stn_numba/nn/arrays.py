"""Arrays that layers pass on: their types, and checks before kernels read them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["Arrays", "Backprop", "Floats", "Size", "as_gradient", "expect_input", "kernels_take"]

Floats = NDArray[np.floating[Any]]
Arrays = dict[str, Floats]
Size = tuple[int, ...]


class Backprop(Protocol):
    """``backprop(dy) -> (dx, gradients)``; dx is None where `input_gradient` is False."""

    def __call__(self, dy: Floats, *, input_gradient: bool = True) -> tuple[Floats | None, Arrays]:
        """Carry the gradient by the output back to the input and the parameters."""


def expect_input(owner: object, x: Any, channels: int | str, least: int = 1) -> None:
    """Refuse images for which a layer was not made; `channels` is a letter where any number will do. Kernels look no more."""
    fits = isinstance(x, np.ndarray) and x.ndim == 4 and x.dtype.kind == "f" and min(x.shape[1:3]) >= least
    if not fits or (isinstance(channels, int) and x.shape[3] != channels):
        size = f"(N, H, W, {channels})" + (f" with H, W >= {least}" if least > 1 else "")
        raise ValueError(f"{_name(owner)}: expected floats {size}, got {_described(x)}")


def kernels_take(dtype: DTypeLike, *arrays: Floats) -> bool:
    """Whether arrays are of this dtype, which kernels know, and without gaps."""
    return dtype in (np.float32, np.float64) and all(array.dtype == dtype and array.flags.c_contiguous for array in arrays)


def as_gradient(owner: object, dy: Any, y: Floats) -> Floats:
    """Return the gradient by a layer's output y as kernels take it: of its shape, which is checked, its dtype, without gaps."""
    if not isinstance(dy, np.ndarray) or dy.shape != y.shape or dy.dtype.kind != "f":
        raise ValueError(f"{_name(owner)}: dy: expected floats {y.shape}, got {_described(dy)}")
    return np.ascontiguousarray(dy, y.dtype)


def _name(owner: object) -> str:
    return owner if isinstance(owner, str) else type(owner).__name__


def _described(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
