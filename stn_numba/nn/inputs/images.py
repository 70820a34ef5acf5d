"""What is looked at in pixels, besides shape and dtype."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.nn.inputs.pixel_range import PixelRange

__all__ = ["expect_finite", "not_finite", "warn_of_another_scale", "warn_of_large_pixels"]

_SEEN = 64  # images that are looked at


def expect_finite(images: NDArray[Any], *, name: str = "X", first: int = 0) -> None:
    """Refuse images with pixels that are NaN or infinite: a transformer would read nothing, and the rest still answer.

    `first` is the number of the first of them.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        flat = images.reshape(-1)
        if images.dtype.kind != "f" or np.isfinite(np.dot(flat, flat)):  # once through the memory, by BLAS
            return
    bad = not_finite(images)  # none, if only the square was too large
    if len(bad):
        raise ValueError(
            f"{name}: expected finite pixels, got NaN or infinite ones in {len(bad)} of {len(images)} images, "
            f"the first of them number {first + bad[0]}"
        )


def not_finite(images: NDArray[Any]) -> NDArray[np.intp]:
    """Numbers of the images with a pixel that is NaN or infinite."""
    return np.flatnonzero(~np.isfinite(images).all(axis=(1, 2, 3)))


def warn_of_large_pixels(X: NDArray[Any]) -> None:
    """Warn of whole numbers beyond 0 and 1: the weights' first values are meant for pixels of about 1."""
    if X.dtype.kind in "iu" and (most := int(np.max(X[:_SEEN]))) > 1:
        warnings.warn(
            f"X: pixels are whole numbers of up to {most}, and are learned from as they are; networks learn better from "
            f"X / {np.iinfo(X.dtype).max if X.dtype.itemsize == 1 else most} as float32, and predictions then need the same",
            RuntimeWarning,
            stacklevel=3,
        )


def warn_of_another_scale(name: str, asked: PixelRange, trained: PixelRange) -> None:
    """Warn of images on another scale than those of training, at the line outside of this package that gave them."""
    warnings.warn(
        f"{name}: pixels are {asked}, but the model was trained on {trained}; scale images as for training, or the output has "
        "no meaning (this warning comes once)",
        RuntimeWarning,
        stacklevel=_level_outside(),
    )


def _level_outside() -> int:
    """`stacklevel` that makes the caller of this function warn at the first frame outside of this package."""
    package, level, frame = __name__.partition(".")[0], 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    return level
