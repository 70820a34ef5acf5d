"""Transform and sampler in one call, for NumPy pipelines."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from stn_numba.grid import Floats, Shape
from stn_numba.registry import get_transform
from stn_numba.sampler import sample
from stn_numba.transform import Transform

__all__ = ["warp"]


def warp(
    image: ArrayLike,
    theta: ArrayLike,
    transform: str | Transform = "affine",
    shape: Shape | None = None,
    *,
    kernel: str = "bilinear",
    padding: str = "zeros",
    align_corners: bool = True,
    num_threads: int | None = None,
) -> Floats:
    """Warp an image: each output pixel reads the input where the transform maps it.

    Parameters
    ----------
    image
        (H, W), (H, W, C) or (N, H, W, C), float32 or float64.
    theta
        Parameters (P,) or (N, P). The transform maps output positions to input positions.
    transform
        A registered name, or a `Transform`; give an instance to choose options, and to let a spline be factored only once.
    shape
        (h, w) of the output; by default that of the image.
    kernel, padding, num_threads
        As for `sample`.
    align_corners
        Whether -1 and +1 are the centres or the outer edges of the border pixels.

    Returns
    -------
    out
        Of the image's dtype and number of axes. One image with several rows of theta gives one output for each row,
        with a leading N.

    Raises
    ------
    TypeError, ValueError
        As `sample`, and if theta does not fit the transform.

    Examples
    --------
    Mirror left and right:

    >>> warp(np.array([[1.0, 2.0, 3.0]]), [-1, 0, 0, 0, 1, 0]).tolist()
    [[3.0, 2.0, 1.0]]
    """
    image, theta = np.asarray(image), np.asarray(theta)
    if image.ndim not in (2, 3, 4):
        raise ValueError(f"image: expected (H, W), (H, W, C) or (N, H, W, C), got {image.shape}")
    if isinstance(transform, str):
        transform = get_transform(transform)
    batch = image[None, ..., None] if image.ndim == 2 else image[None] if image.ndim == 3 else image
    rows = theta[None] if theta.ndim == 1 else theta
    size = batch.shape[1:3] if shape is None else shape
    grid, _ = transform.forward(rows, size, align_corners)
    out = sample(batch, grid, kernel=kernel, padding=padding, num_threads=num_threads)
    out = out[..., 0] if image.ndim == 2 else out
    return out[0] if image.ndim < 4 and len(rows) == 1 else out
