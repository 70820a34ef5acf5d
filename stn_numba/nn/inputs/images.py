"""Checks of pixel values."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.nn.inputs.pixel_range import PixelRange

__all__ = ["expect_finite", "not_finite", "warn_of_another_scale", "warn_of_large_pixels"]

_IMAGES_CHECKED = 64


def expect_finite(images: NDArray[Any], *, name: str = "X", first: int = 0) -> None:
    """Reject images with NaN or infinite pixels, which would give wrong answers silently; `first` is the first one's number."""
    with np.errstate(over="ignore", invalid="ignore"):
        flat = images.reshape(-1)
        if images.dtype.kind != "f" or np.isfinite(np.dot(flat, flat)):  # reads the memory once, by BLAS
            return
    bad = not_finite(images)  # none, if only the square was too large
    if len(bad):
        raise ValueError(
            f"{name}: expected finite pixels, got NaN or infinite ones in {len(bad)} of {len(images)} images, "
            f"the first of them number {first + bad[0]}"
        )


def not_finite(images: NDArray[Any]) -> NDArray[np.intp]:
    """Return the numbers of the images with a pixel that is NaN or infinite."""
    return np.flatnonzero(~np.isfinite(images).all(axis=tuple(range(1, images.ndim))))


def warn_of_large_pixels(X: NDArray[Any]) -> None:
    """Warn of integers beyond 0 and 1: initial weights are meant for pixels of about 1."""
    if X.dtype.kind in "iu" and (largest := int(np.max(X[:_IMAGES_CHECKED]))) > 1:
        white = np.iinfo(X.dtype).max if X.dtype.itemsize == 1 else largest
        warnings.warn(
            f"X: pixels are whole numbers of up to {largest}, and are learned from as they are; networks learn better from "
            f"pixels of up to 1: put nn.Rescale(1 / {white}) first, as nn.rescaled does, or give X / {white} as float32 here "
            "and for predictions",
            RuntimeWarning,
            stacklevel=3,
        )


def warn_of_another_scale(name: str, given: PixelRange, trained: PixelRange) -> None:
    """Warn of images on another scale than those of training, at the line outside of this package that passed them."""
    warnings.warn(
        f"{name}: pixels are {given}, but the model was trained on {trained}; scale images as for training, or the output has "
        "no meaning (this warning comes once)",
        RuntimeWarning,
        stacklevel=_level_outside(),
    )


def _level_outside() -> int:
    """Return the `stacklevel` of the first frame outside of this package, for the caller of this function."""
    package, level, frame = __name__.partition(".")[0], 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    return level
