"""How a model checks its images, and remembers the range of their pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arrays import as_array
from stn_numba.nn.arrays import Floats, Size
from stn_numba.nn.inputs.images import warn_of_another_scale
from stn_numba.nn.inputs.pixel_range import PixelRange

__all__ = ["ImageMethods"]


class ImageMethods:
    """The methods of a model that look at images before the network gets them."""

    input_shape: Size
    dtype: np.dtype[Any]
    pixels: PixelRange | None = None
    _warned = False  # that images have another scale than `pixels`

    def check_images(self, X: ArrayLike, *, name: str = "X") -> Floats:
        """Return images as (N, H, W, C), or volumes as (N, D, H, W, C), of the model's dtype; errors call them `name`."""
        return self.expect_images(X, name=name).astype(self.dtype, copy=False)

    def expect_images(self, X: ArrayLike, *, free_size: bool = False, name: str = "X") -> NDArray[Any]:
        """Return images, or volumes, with channels, without reading mapped files; with `free_size` H and W are not checked."""
        given, axes = as_array(X, name), len(self.input_shape)
        X = given[..., None] if given.ndim == axes else given
        if X.ndim != axes + 1 or not (free_size or X.shape[1:] == self.input_shape):
            hint = f"; a single image is {name}[None]" if given.shape in (self.input_shape, self.input_shape[:-1]) else ""
            raise ValueError(f"{name}: expected (N, {', '.join(map(str, self.input_shape))}), got {given.shape}{hint}")
        if X.dtype.kind not in "fiu":
            raise TypeError(f"{name}: expected numbers, got dtype {X.dtype}")
        return X

    def trained_on(self, pixels: PixelRange | None) -> None:
        """Store the range of pixels that the network is trained on; the warning about another scale may come again."""
        self.pixels, self._warned = pixels, False

    def warn_if_on_another_scale(self, images: NDArray[Any], *, name: str = "X") -> None:
        """Warn, once, if the pixels of images (N, ...) are on a scale far from that of training."""
        if self.pixels is None or self._warned:
            return
        pixels = PixelRange.of(images, images.dtype.kind)
        if pixels is not None and self.pixels.differs(pixels, len(images)):
            self._warned = True
            warn_of_another_scale(name, pixels, self.pixels)
