"""What a convolution is, without its parameters."""

from __future__ import annotations

from typing import NamedTuple

from numpy.typing import DTypeLike

from stn_numba.nn.arrays import Floats, Size, kernels_take

__all__ = ["ConvSpec", "pooled_shape"]


class ConvSpec(NamedTuple):
    """Options of a convolution with square patches.

    Attributes
    ----------
    filters
        Channels of the output.
    size
        Side of the patch.
    stride
        Step between patches.
    padding
        Rows and columns of zeros added on each side.
    """

    filters: int
    size: int
    stride: int = 1
    padding: int = 0

    def out_shape(self, shape: Size) -> Size:
        """(h, w, filters) of the output for an input of (H, W, C)."""
        return (*self.out_size(*(length + 2 * self.padding for length in shape[:2])), self.filters)

    def out_size(self, H: int, W: int) -> tuple[int, int]:
        """(h, w) of the output for a padded input of (H, W)."""
        if min(H, W) < self.size:
            raise ValueError(f"Conv2d: a patch of {self.size} does not fit an input of {H} x {W}")
        return (H - self.size) // self.stride + 1, (W - self.size) // self.stride + 1

    def fits(self, weight: Floats, bias: Floats, dtype: DTypeLike) -> bool:
        """Whether parameters have the shapes and the dtype that kernels, which check nothing, rely on."""
        sizes = (self.size, self.size, *weight.shape[2:3], self.filters)
        return (weight.shape, bias.shape) == (sizes, sizes[3:]) and kernels_take(dtype, weight, bias)


def pooled_shape(shape: Size, size: int, layer: str = "MaxPool") -> Size:
    """(h, w, C) that pooling over blocks of size x size makes of (H, W, C); errors name the layer."""
    H, W, C = shape
    if min(H, W) < size:
        raise ValueError(f"{layer}: a block of {size} does not fit an input {shape}")
    return H // size, W // size, C
