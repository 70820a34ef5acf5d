"""Transform and sampler in one call, for NumPy pipelines."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.arguments import as_option
from stn_numba.arrays import as_array
from stn_numba.border import chosen, lay_grid, n_params_of
from stn_numba.grid import Shape
from stn_numba.interpolation import PiecewisePolynomial
from stn_numba.sampler import sample
from stn_numba.sampler.layout import expect_shape, laid_out
from stn_numba.transform import Transform

__all__ = ["warp"]

_MOST_COLOURS = 4  # red, green, blue and alpha


def warp(
    image: ArrayLike,
    theta: ArrayLike,
    transform: str | Transform = "affine",
    shape: Shape | None = None,
    *,
    kernel: str | PiecewisePolynomial = "bilinear",
    padding: str = "zeros",
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
    image
        (H, W), (H, W, C) or (N, H, W, C); with ``layout="NCHW"`` (C, H, W) or (N, C, H, W). Dtypes as for `sample`.
    theta
        Parameters (P,) or (N, P). The transform maps output positions to input positions.
    transform
        A registered name, or a `Transform`; give an instance to choose options, and to let a spline be factored only once.
    shape
        (h, w) of the output; by default that of the image.
    kernel, padding, fill, num_threads
        As for `sample`.
    antialias
        Whether to average where the map minifies, as for `sample`. For a plain reduction of size take
        ``align_corners=False`` with it, or ``padding="border"``: else half of the outermost cells lies beyond the image.
    align_corners
        Whether -1 and +1 are the centres or the outer edges of the border pixels.
    layout
        ``"NHWC"`` or ``"NCHW"``, of image and output.
    out
        Array to write to, of the output's shape and the image's dtype; it may not overlap the image.

    Returns
    -------
    out
        Of the image's dtype and number of axes. One image with several rows of theta gives one output for each row,
        with a leading N.

    Raises
    ------
    TypeError, ValueError
        As `sample`, and if theta does not fit the transform.
    PluginError
        If the transform raises, or returns what is no grid for theta and shape.

    Examples
    --------
    Mirror left and right:

    >>> warp(np.array([[1.0, 2.0, 3.0]]), [-1, 0, 0, 0, 1, 0]).tolist()
    [[3.0, 2.0, 1.0]]
    """
    image, theta = as_array(image, "image"), as_array(theta, "theta")
    if image.ndim not in (2, 3, 4):
        raise ValueError(f"image: expected (H, W), (H, W, C) or (N, H, W, C), got {image.shape}")
    as_option(layout, "layout", ("NHWC", "NCHW"))
    transform = chosen(transform)
    _check_meaning(image, theta, transform, layout)
    batch, axis = _as_batch(image, layout)
    rows = theta[None] if theta.ndim == 1 else theta
    size = (batch.shape[layout.find("H")], batch.shape[layout.find("W")]) if shape is None else shape
    grid, _ = lay_grid(transform, rows, size, align_corners)
    if len(batch) not in (1, len(grid)) and len(grid) != 1:
        raise ValueError(f"theta: expected 1 or {len(batch)} rows, as the image has, got {len(grid)}")
    added = ((0,) if image.ndim < 4 and len(rows) == 1 else ()) + ((axis,) if image.ndim == 2 else ())
    if out is not None:
        full = laid_out((max(len(batch), len(grid)), *grid.shape, batch.shape[layout.find("C")]), layout)
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
    return np.squeeze(result, added) if added else result


def _check_meaning(image: NDArray[Any], theta: NDArray[Any], transform: Transform, layout: str) -> None:
    """Tell what was most likely meant by an image or a theta that means something else, or nothing."""
    count = n_params_of(transform)
    if theta.shape in ((2, 3), (3, 3)) and count != 3:
        raise ValueError(
            f"theta: expected (N, {count}) parameters, got {theta.shape}; a matrix between pixels becomes a grid "
            "for `sample` by `grid_of_pixel_matrix`"
        )
    if theta.ndim == 1 and len(theta) != count:
        raise ValueError(f"theta: expected ({count},) or (N, {count}), got {theta.shape}")
    several = theta.ndim == 2 and len(theta) == len(image) > 1
    if several and image.ndim == 3 and layout == "NHWC" and image.shape[2] > _MOST_COLOURS:
        warnings.warn(
            f"image: {image.shape} is read as one image of {image.shape[2]} channels; for a batch of grey images give "
            "image[..., None]",
            RuntimeWarning,
            stacklevel=3,
        )


def _as_batch(image: NDArray[Any], layout: str) -> tuple[NDArray[Any], int]:
    """The image with four axes, and which of them holds the channels."""
    axis = 1 if layout == "NCHW" else 3
    if image.ndim == 2:
        return np.expand_dims(image[None], axis), axis
    return image[None] if image.ndim == 3 else image, axis
