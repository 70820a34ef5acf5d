"""Transform and sampler in one call, for NumPy pipelines."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba import warp_plans
from stn_numba._util.arguments import as_bool
from stn_numba._util.arrays import as_array
from stn_numba.grid import Shape
from stn_numba.sampler import sample
from stn_numba.sampler.interpolation import PiecewisePolynomial
from stn_numba.sampler.layout import as_batch, caller_shape
from stn_numba.sampler.output import expect_shape
from stn_numba.transform.base import Transform
from stn_numba.transform.checked import as_transform, make_grid, transform_for_image
from stn_numba.warp_arguments import theta_rows, warn_of_many_channels

__all__ = ["warp"]


def warp(
    image: ArrayLike,
    theta: ArrayLike,
    transform: str | Transform = "affine",
    shape: Shape | None = None,
    *,
    kernel: str | PiecewisePolynomial = "bilinear",
    padding: str | None = None,
    fill: ArrayLike | None = None,
    align_corners: bool = True,
    antialias: bool = False,
    layout: str = "NHWC",
    out: NDArray[Any] | None = None,
    num_threads: int | None = None,
) -> NDArray[Any]:
    """Warp an image: each output pixel reads the input where the transform maps it.

    Parameters
    ----------
    image : array_like, (H, W), (H, W, C) or (N, H, W, C)
        With ``layout="NCHW"`` (C, H, W) or (N, C, H, W). Dtypes as for `sample`. Three axes are always one image; with more
        than four channels there is a RuntimeWarning, because (8, 28, 28) may be meant as a batch of gray images: pass
        ``image[..., None]`` for that, or ``image[None]`` for one image of many channels. A transform with ``ndim=3`` warps
        volumes: (D, H, W), (D, H, W, C) or (N, D, H, W, C).
    theta : array_like, (P,) or (N, P)
        Normalized parameters. The transform maps output positions to input positions. A matrix between pixels is not a theta:
        convert it with `grid_from_pixel_matrix`, and pass the grid to `sample`.
    transform : str or Transform, default "affine"
        A registered name or a `Transform`. Pass an instance to choose its options, and to factor a spline only once.
    shape : (int, int) or (int, int, int), optional
        (h, w) of the output, or (d, h, w) of a volume; by default that of the image.
    kernel, padding, fill, num_threads
        As for `sample`.
    align_corners : bool, default True
        Whether -1 and +1 are the centers (True) or the outer edges (False) of the first and last pixels.
    antialias : bool, default False
        Whether to average where the map minifies, as for `sample`. To just resize an image, combine it with
        ``align_corners=False`` or ``padding="border"``: otherwise half of the outermost cells lies beyond the image.
    layout : {"NHWC", "NCHW"}, default "NHWC"
        Of image and output; ``"NDHWC"`` or ``"NCDHW"`` for volumes, where the default is ``"NDHWC"``.
    out : ndarray, optional
        Array to write to, of the output's shape and the image's dtype; it must not overlap the image.

    Returns
    -------
    ndarray
        Of the image's dtype and number of axes. One image with several rows of theta gives one output for each row, with a
        leading N.

    Raises
    ------
    TypeError, ValueError
        As `sample`, and if theta does not fit the transform.
    PluginError
        If the transform raises an error, or does not return a grid for theta and shape.

    Examples
    --------
    Mirror left and right:

    >>> warp(np.array([[1.0, 2.0, 3.0]]), [-1, 0, 0, 0, 1, 0]).tolist()
    [[3.0, 2.0, 1.0]]
    """
    options = kernel, padding, align_corners, antialias, layout, num_threads
    planned = fill is None and antialias is False
    key, plan = warp_plans.find(image, theta, transform, shape, options) if planned else (None, None)
    result = None if plan is None else plan.read(image, theta, transform, out)
    if result is not None:
        return result
    image, transform = as_array(image, "image"), as_transform(transform)
    rows = theta_rows(theta, image, transform, layout)
    if transform.ndim == 2 and warn_of_many_channels(image, layout):
        key = None  # the next call has to warn as well
    batch, channel_axis = as_batch(image, layout, transform.ndim)
    in_shape = tuple(size for axis, size in enumerate(batch.shape) if axis not in (0, channel_axis))
    bound = transform_for_image(transform, in_shape, as_bool(align_corners, "align_corners"))
    grid, _ = make_grid(bound, rows, in_shape if shape is None else shape, align_corners)
    if len(batch) not in (1, len(grid)) and len(grid) != 1:
        raise ValueError(f"theta: expected 1 or {len(batch)} rows, as the image has, got {len(grid)}")
    added = ((0,) if image.ndim < batch.ndim and len(rows) == 1 else ()) + (
        (channel_axis,) if image.ndim == batch.ndim - 2 else ()
    )
    if out is not None:
        full = caller_shape((max(len(batch), len(grid)), *grid.shape, batch.shape[channel_axis]), layout)
        expect_shape(out, tuple(length for k, length in enumerate(full) if k not in added))
        out = np.expand_dims(out, added) if added else out
    result = sample(
        batch,
        grid,
        kernel=kernel,
        padding=padding,
        fill=fill,
        antialias=antialias,
        layout=layout,
        out=out,
        num_threads=num_threads,
    )
    result = np.squeeze(result, added) if added else result
    warp_plans.add(key, transform, bound, grid, batch, options, result.shape)
    return result
