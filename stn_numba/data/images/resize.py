"""Resize images by an antialiased warp."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_option, as_real, as_size
from stn_numba._util.arrays import as_array
from stn_numba.nn.arrays import Floats
from stn_numba.warp import warp

__all__ = ["ASPECTS", "Resize", "resize"]

ASPECTS = ("stretch", "crop", "pad")
_ONE_STEP, _LAST_STEP = 6, 3  # `warp` reads an output pixel at factor * factor places, which costs less in several steps


def resize(
    image: ArrayLike, size: tuple[int, int], *, aspect: str = "stretch", background: float = 0, num_threads: int | None = None
) -> NDArray[Any]:
    """Resize an image, or a batch, by `warp`: the mean over each output pixel's cell when it shrinks, bilinear when it grows.

    Parameters
    ----------
    image : (H, W, C) or (N, H, W, C) array
        Of any dtype that `warp` takes.
    size : (int, int)
        (h, w) of the output.
    aspect : {"stretch", "crop", "pad"}, default "stretch"
        What to do if the ratio of height to width differs: stretch the image, crop it in the middle, or add a border.
    background : float, default 0
        Value of that border.
    num_threads : int, default None
        As for `warp`.

    Returns
    -------
    (h, w, C) or (N, h, w, C) array
        Of the image's dtype; the image itself if it has that size.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.

    Examples
    --------
    >>> image = np.arange(8, dtype=np.uint8).reshape(2, 4, 1) * 10
    >>> resize(image, (1, 2))[..., 0].tolist()
    [[25, 45]]
    """
    image, size = as_array(image, "image"), as_size(size, "size")
    if image.ndim not in (3, 4) or 0 in image.shape:
        raise ValueError(f"image: expected (H, W, C) or (N, H, W, C), got {image.shape}")
    as_option(aspect, "aspect", ASPECTS)
    in_size = image.shape[-3:-1]
    if in_size == size:
        return image
    shares = _shares(in_size, size, aspect)
    factors = [share * length / out for share, length, out in zip(shares, in_size, size, strict=True)]
    steps = [_first_factor(factor) for factor in factors]
    if max(steps) > 1:
        first = [max(1, round(length / step)) for length, step in zip(in_size, steps, strict=True)]
        image = resize(image, (first[0], first[1]), num_threads=num_threads)
    border: dict[str, Any] = {"padding": "constant", "fill": background} if aspect == "pad" else {"padding": "border"}
    batch = image if image.ndim == 4 else image[None]
    theta = [shares[1], 0, 0, 0, shares[0], 0]
    out = warp(batch, theta, shape=size, align_corners=False, antialias=True, num_threads=num_threads, **border)
    return out if image.ndim == 4 else out[0]


def _first_factor(factor: float) -> int:
    """Return by how much to reduce an axis beforehand: a power of two, which divides most sizes."""
    return 1 if factor <= _ONE_STEP else 2 ** int(math.log2(factor / _LAST_STEP))


def _shares(in_size: tuple[int, ...], size: tuple[int, int], aspect: str) -> tuple[float, float]:
    """Return which part of the input's height and width the output shows; more than 1 with a border."""
    if aspect == "stretch":
        return 1.0, 1.0
    zooms = [out / length for out, length in zip(size, in_size, strict=True)]
    zoom = max(zooms) if aspect == "crop" else min(zooms)
    return zooms[0] / zoom, zooms[1] / zoom


class Resize:
    """Resize batches to one size. Pass it to `fit` as ``augment``, for a stream of images of several sizes.

    Parameters
    ----------
    size : (int, int)
        (h, w) of the model's input.
    aspect : {"stretch", "crop", "pad"}, default "stretch"
        As for `resize`.
    background : float, default 0
        As for `resize`.

    Examples
    --------
    >>> Resize((40, 40))(np.zeros((2, 64, 48, 3), np.float32), None).shape
    (2, 40, 40, 3)
    """

    def __init__(self, size: tuple[int, int], *, aspect: str = "stretch", background: float = 0) -> None:
        self.size, self.aspect = as_size(size, "size"), as_option(aspect, "aspect", ASPECTS)
        self.background = as_real(background, "background")

    def __repr__(self) -> str:
        return f"Resize({self.size}, aspect={self.aspect!r}, background={self.background:g})"

    def __call__(self, images: Floats, rng: np.random.Generator | None = None) -> Floats:
        """Return images (N, H, W, C) as (N, h, w, C)."""
        return resize(images, self.size, aspect=self.aspect, background=self.background)
