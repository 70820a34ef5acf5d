"""Resample an image or a volume from one physical grid to another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_bool, as_option
from stn_numba._util.arrays import as_array
from stn_numba.grid import MatrixGrid, map_points, to_pixels
from stn_numba.grid.geometry import ImageGeometry
from stn_numba.grid.pixel_matrix import PixelMatrixGrid
from stn_numba.sampler import sample
from stn_numba.sampler.interpolation import PiecewisePolynomial
from stn_numba.sampler.layout import as_batch
from stn_numba.transform.base import Transform
from stn_numba.transform.checked import as_transform, make_grid, transform_for_image

__all__ = ["resample"]

Array = NDArray[Any]


def resample(
    image: ArrayLike,
    source: ImageGeometry,
    target: ImageGeometry,
    *,
    matrix: ArrayLike | None = None,
    theta: ArrayLike | None = None,
    transform: str | Transform = "affine",
    kernel: str | PiecewisePolynomial = "linear",
    padding: str | None = None,
    fill: ArrayLike | None = None,
    align_corners: bool = True,
    antialias: bool = False,
    layout: str = "NHWC",
    num_threads: int | None = None,
) -> Array:
    """Resample a volume to other voxels in physical space, with or without a transform: SimpleITK's Resample.

    A voxel of the output lies at a physical position p, which `target` tells. It reads the volume at physical position
    ``matrix @ p``, whose voxel `source` tells. Where both are equal the output is the volume, bit for bit; where `target` is a
    crop of `source` it is that crop.

    Parameters
    ----------
    image : array_like, (D, H, W), (D, H, W, C) or (N, D, H, W, C)
        With ``layout="NCDHW"`` (C, D, H, W) or (N, C, D, H, W). Dtypes as for `sample`. Or an image (H, W), (H, W, C) or
        (N, H, W, C), if geometries have two axes.
    source : ImageGeometry
        Where the voxels of the image lie.
    target : ImageGeometry
        Where the voxels of the output lie. A shape (1, h, w) is a plane, with any direction: an oblique slice.
    matrix : array_like, (4, 4), (3, 4), (N, 4, 4) or (N, 3, 4), optional
        From physical positions (x, y, z, 1) of the output to physical positions of the image, as SimpleITK's transforms map
        points. The identity by default. (3, 3) or (2, 3) for images.
    theta : array_like, (P,) or (N, P), optional
        Parameters of `transform`, applied before `matrix`. They are normalized by the target, on both sides: as
        `stn_numba.register` finds them for volumes that lie on the voxels of the target.
    transform : str or Transform, default "affine"
        What `theta` belongs to. If its map is no matrix, all positions are computed in memory, 24 bytes for each voxel.
    kernel, padding, fill, num_threads
        As for `sample`. ``kernel="nearest"`` is for labels of any dtype. ``padding="border"`` with a `fill` gives what
        SimpleITK gives at the rim.
    align_corners : bool, default True
        Convention of `theta`.
    antialias : bool, default False
        Whether to average where the target has wider spacing, as for `sample`.
    layout : {"NHWC", "NCHW", "NDHWC", "NCDHW"}, default "NHWC"
        Of image and output; ``"NHWC"`` stands for ``"NDHWC"`` if they are volumes.

    Returns
    -------
    ndarray
        Of the image's dtype and number of axes. One image with several matrices or rows of theta gives one output for each,
        with a leading N.

    Raises
    ------
    TypeError
        If `source` or `target` is no geometry, or as `sample`.
    ValueError
        If the image does not have the shape of `source`, `matrix` or `theta` does not fit, or as `sample`.

    Examples
    --------
    From voxels of 1 x 1 x 4 mm to cubes of 2 mm:

    >>> from stn_numba import ImageGeometry
    >>> volume = np.arange(4.0).reshape(4, 1, 1) * np.ones((4, 8, 8))
    >>> source = ImageGeometry(volume.shape, spacing=(1, 1, 4))
    >>> cubes = ImageGeometry((7, 4, 4), spacing=2)
    >>> resample(volume, source, cubes)[:, 0, 0].tolist()
    [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    """
    for name, geometry in (("source", source), ("target", target)):
        _expect_geometry(geometry, name)
    to_source = target.matrix_to(source, matrix)
    axes = source.ndim
    as_option(layout, "layout", ("NHWC", "NCHW") if axes == 2 else ("NDHWC", "NCDHW", "NHWC"))
    array = as_array(image, "image")
    batch, channel_axis = _as_batch(array, source, layout)
    matrices = to_source[None] if to_source.ndim == 2 else to_source
    grid: PixelMatrixGrid | Array = PixelMatrixGrid(matrices, source.shape, target.shape)
    plain: dict[str, Any] = {}
    if theta is not None:
        grid, plain = _transformed(matrices, source, target, theta, transform, as_bool(align_corners, "align_corners"))
    if len(batch) != 1 and len(grid) not in (1, len(batch)):
        raise ValueError(f"matrix, theta: expected 1 or {len(batch)}, as the image has, got {len(grid)}")
    result = sample(
        batch,
        grid,
        kernel=kernel,
        padding=padding,
        fill=fill,
        antialias=antialias,
        layout=layout,
        num_threads=num_threads,
        **plain,
    )
    added = (0,) * (array.ndim < batch.ndim and len(grid) == 1) + (channel_axis,) * (array.ndim == axes)
    return np.squeeze(result, added)


def _expect_geometry(value: Any, name: str) -> None:
    if not isinstance(value, ImageGeometry):
        hint = "; take ImageGeometry.from_simpleitk" if hasattr(value, "GetSpacing") else ""
        raise TypeError(f"{name}: expected an ImageGeometry, got {type(value).__name__}{hint}")


def _as_batch(image: Array, source: ImageGeometry, layout: str) -> tuple[Array, int]:
    """The image with all its axes, and the axis of its channels, after checking its shape."""
    axes = source.ndim
    if image.ndim in (axes, axes + 1, axes + 2):
        batch, channel_axis = as_batch(image, layout, axes)
        sizes = tuple(size for axis, size in enumerate(batch.shape) if axis not in (0, channel_axis))
        if sizes == source.shape:
            return batch, channel_axis
    names = "(D, H, W)" if axes == 3 else "(H, W)"
    hint = f"; sizes are {names}, the reverse of SimpleITK's" if image.shape == source.shape[::-1] else ""
    raise ValueError(f"image: expected {names} = {source.shape}, as source has, got {image.shape}{hint}")


def _transformed(
    matrices: Array, source: ImageGeometry, target: ImageGeometry, theta: ArrayLike, transform: str | Transform, aligned: bool
) -> tuple[PixelMatrixGrid | Array, dict[str, Any]]:
    """The grid of a transform between voxels of the target, followed by matrices to voxels of the source.

    Positions that are no matrices are in voxels; with them come the options of `sample` that say so.
    """
    options = {"ndim": target.ndim} if isinstance(transform, str) and target.ndim == 3 else None
    chosen = as_transform(transform, options)
    if chosen.ndim != target.ndim:
        raise ValueError(f"transform: expected ndim={target.ndim}, as the target has, got {chosen.ndim}")
    bound = transform_for_image(chosen, target.shape, aligned)
    rows = np.atleast_2d(as_array(theta, "theta"))
    grid, _ = make_grid(bound, rows, target.shape, aligned)
    if len(grid) != len(matrices) and 1 not in (len(grid), len(matrices)):
        raise ValueError(f"theta: expected 1 or {len(matrices)} rows, as there are matrices, got {len(grid)}")
    if isinstance(grid, MatrixGrid):
        return PixelMatrixGrid(matrices @ grid.pixel_matrix(target.shape), source.shape, target.shape), {}
    voxels = to_pixels(grid.dense(), target.shape, aligned).reshape(len(grid), -1, target.ndim)
    positions = map_points(matrices, voxels).reshape(-1, *target.shape, target.ndim)
    return positions, {"units": "pixels", "align_corners": False}
