"""The options of convolutions and of pooling, and the shapes that follow from them."""

from __future__ import annotations

from typing import NamedTuple

from numpy.typing import DTypeLike

from stn_numba.nn.arrays import Floats, Size, fits_kernels

__all__ = ["ConvSpec", "Pair", "Sides", "Window", "pooled_shape"]

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]
"""Rows before and after an image, and columns before and after it."""


class Window(NamedTuple):
    """Rectangles (rows, columns) of an image with `sides` around it, `stride` rows and columns apart."""

    size: Pair
    stride: Pair
    sides: Sides

    def out_size(self, H: int, W: int, what: str) -> Pair:
        """Return how many rectangles fit, for an image of (H, W) without its sides; errors call a rectangle `what`."""
        whole = [length + sum(sides) for length, sides in zip((H, W), self.sides, strict=True)]
        if whole[0] < self.size[0] or whole[1] < self.size[1]:
            raise ValueError(f"{what} of {self.size[0]} x {self.size[1]} does not fit an input of {whole[0]} x {whole[1]}")
        h, w = ((length - size) // step + 1 for length, size, step in zip(whole, self.size, self.stride, strict=True))
        return h, w


class ConvSpec(NamedTuple):
    """Options of a convolution with square patches, as those of `Conv2d`."""

    filters: int
    kernel_size: int
    stride: int = 1
    padding: int = 0

    def out_shape(self, shape: Size) -> Size:
        """Return (h, w, filters) of the output for an input of (H, W, C)."""
        return (*self.out_size(*(length + 2 * self.padding for length in shape[:2])), self.filters)

    def out_size(self, H: int, W: int) -> tuple[int, int]:
        """Return (h, w) of the output for a padded input of (H, W)."""
        if min(H, W) < self.kernel_size:
            raise ValueError(f"Conv2d: a patch of {self.kernel_size} does not fit an input of {H} x {W}")
        return (H - self.kernel_size) // self.stride + 1, (W - self.kernel_size) // self.stride + 1

    def fits(self, weight: Floats, bias: Floats, dtype: DTypeLike) -> bool:
        """Whether parameters have the shapes and the dtype that kernels, which do not validate, rely on."""
        shape = (self.kernel_size, self.kernel_size, *weight.shape[2:3], self.filters)
        return (weight.shape, bias.shape) == (shape, shape[3:]) and fits_kernels(dtype, weight, bias)


def pooled_shape(shape: Size, size: int, layer: str = "MaxPool") -> Size:
    """Return (h, w, C) after pooling (H, W, C) over blocks of size x size."""
    H, W, C = shape
    if min(H, W) < size:
        raise ValueError(f"{layer}: a block of {size} does not fit an input {shape}")
    return H // size, W // size, C
