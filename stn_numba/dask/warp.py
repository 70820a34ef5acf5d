"""`warp` for Dask arrays."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import ArrayLike

from stn_numba._util.arguments import as_bool, as_int
from stn_numba.dask.chunk import Sampling, Warp
from stn_numba.dask.inputs import as_images, labeled, with_all_axes
from stn_numba.dask.plan import Images, planned
from stn_numba.dask.positions import OutputPositions
from stn_numba.dask.reading import Axis
from stn_numba.grid import Shape, check_shape
from stn_numba.sampler import sample
from stn_numba.sampler.fill import as_fill
from stn_numba.sampler.interpolation import PiecewisePolynomial, is_nearest, kernel_rule
from stn_numba.sampler.padding import axis_rule, chosen_padding
from stn_numba.transform.base import Transform
from stn_numba.transform.checked import as_transform, make_grid, n_params_of, transform_for_image
from stn_numba.transform.parameters import as_theta
from stn_numba.warp_arguments import theta_rows, warn_of_many_channels

__all__ = ["warp"]


def warp(
    images: Any,
    theta: ArrayLike | da.Array,
    transform: str | Transform = "affine",
    shape: Shape | None = None,
    *,
    chunks: Any = None,
    kernel: str | PiecewisePolynomial = "bilinear",
    padding: str | None = None,
    fill: ArrayLike | None = None,
    align_corners: bool = True,
    antialias: bool = False,
    layout: str = "NHWC",
    num_threads: int = 1,
) -> Any:
    """Warp images that may be larger than memory, lazily: `stn_numba.warp` for Dask arrays, with the same bits.

    Each chunk of the output reads the blocks of the image in which its positions lie, and no others.

    Parameters
    ----------
    images : dask.array.Array, xarray.DataArray or array_like
        In the shapes that `stn_numba.warp` takes. A Dask array may be chunked along any axes; its blocks are computed once, and
        held until the last chunk of the output has read them. Of any other array, such as one of Zarr, each chunk reads the
        region that it needs by slicing, and nothing is held. Of a DataArray the axes count in their order; see Notes for its
        coordinates.
    theta : array_like or dask.array.Array, (P,) or (N, P)
        As for `stn_numba.warp`. If theta is a Dask array (N, P), as `register` returns it, it is not known yet which part of an
        image a chunk reads, so each chunk waits for its whole image.
    transform : str or Transform, default "affine"
        As for `stn_numba.warp`.
    shape : (int, int) or (int, int, int), optional
        (h, w) of the output, or (d, h, w) of a volume; by default that of the image.
    chunks : optional
        Chunks of the axes of `shape`, in any form that Dask takes, as 2048 or (2048, 2048). By default those of the image along
        an axis of the same length, and otherwise as large as its largest.
    kernel, padding, fill, align_corners, layout
        As for `stn_numba.warp`.
    antialias : bool, default False
        Only False: how much to average depends on the whole output.
    num_threads : int, default 1
        Threads for each chunk: Dask computes as many chunks at a time as it has threads.

    Returns
    -------
    dask.array.Array or xarray.DataArray
        As `stn_numba.warp`, of the same kind as `images`; not computed yet.

    Raises
    ------
    TypeError, ValueError, PluginError
        As `stn_numba.warp`; and for ``antialias=True``, which is not supported.

    Notes
    -----
    The coordinates of a DataArray along an axis of the image are kept if the length of the axis stays the same. For another
    length they are interpolated, so that the identity keeps each pixel in its place; if they are not numbers, they are left
    out. Other coordinates, the name and the attributes are kept. Where one image is warped by several rows of theta, there is
    a new dimension, ``"warp"``.

    Where theta is given, the region of a chunk follows from its corners for affine and projective maps, and from a few of its
    positions where `LinearTransform.interpolation_error` knows a bound, as for splines. Of other transforms all positions are
    computed twice: when the graph is made and when it runs.

    Examples
    --------
    >>> import dask.array as da
    >>> image = da.arange(12.0, chunks=4).reshape(3, 4)
    >>> warp(image, [-1, 0, 0, 0, 1, 0], chunks=2).compute()[0].tolist()
    [3.0, 2.0, 1.0, 0.0]
    """
    data, labels = as_images(images)
    transform = as_transform(transform)
    if as_bool(antialias, "antialias"):
        raise ValueError("antialias: expected False for Dask arrays, since it depends on the whole output")
    as_int(num_threads, "num_threads", least=1)
    rows: Any = _lazy_rows(theta, transform) if isinstance(theta, da.Array) else theta_rows(theta, data, transform, layout)
    if transform.ndim == 2:
        warn_of_many_channels(data, layout)
    batch = with_all_axes(data, layout, transform.ndim)
    in_shape = tuple(sum(batch.chunks[axis]) for axis in batch.axes)
    bound = transform_for_image(transform, in_shape, as_bool(align_corners, "align_corners"))
    shape = check_shape(in_shape if shape is None else shape, ndim=transform.ndim)
    sampling = _sampling(
        batch, in_shape, kernel=kernel, padding=padding, fill=fill, align_corners=align_corners, layout=layout,
        num_threads=num_threads,
    )  # fmt: skip
    count = sum(batch.chunks[0])
    if count not in (1, len(rows)) and len(rows) != 1:
        raise ValueError(f"theta: expected 1 or {count} rows, as the image has, got {len(rows)}")
    positions, lazy_theta, counts = None, None, batch.chunks[0] if count > 1 else (1,) * len(rows)
    if isinstance(rows, da.Array):
        lazy_theta = rows.rechunk((counts if len(rows) > 1 else (1,), -1))
    else:
        rows = as_theta(rows, n_params_of(bound), bound)
        make_grid(bound, rows, (1,) * transform.ndim, align_corners)  # names a plugin that fails before the graph runs
        positions = OutputPositions(bound, rows, in_shape, shape, align_corners)
    job = Warp(positions, sampling, bound, in_shape, shape, align_corners)
    dropped = tuple(axis for axis in batch.missing if axis or len(rows) == 1)
    result = planned(batch, lazy_theta, job, counts, _chunks(chunks, shape, batch), dropped)
    return labeled(result, labels, batch.channels, transform.ndim)


def _lazy_rows(theta: da.Array, transform: Transform) -> da.Array:
    """Theta as a Dask array (N, P)."""
    count = n_params_of(transform)
    if theta.ndim not in (1, 2) or theta.shape[-1] != count or np.isnan(theta.shape).any():
        raise ValueError(f"theta: expected ({count},) or (N, {count}), got {theta.shape}")
    return theta[None] if theta.ndim == 1 else theta


def _sampling(images: Images, sizes: Shape, **options: Any) -> Sampling:
    """Validate the options of the sampler, by reading a single pixel of the image's dtype outside of it."""
    axes, channels, dtype = len(sizes), sum(images.chunks[images.channels]), images.array.dtype
    if 0 in sizes:
        raise ValueError(f"image: expected at least one pixel, got {images.array.shape}")
    shape = [channels if axis == images.channels else 1 for axis in range(axes + 2)]
    nowhere = np.full((1, *[1] * axes, axes), np.nan)
    outside = sample(np.zeros(shape, dtype), nowhere, units="pixels", **options)
    filling, nearest = as_fill(options["fill"], dtype), is_nearest(options["kernel"])
    padding = "constant" if nearest and filling is not None else chosen_padding(options["padding"], filling)
    family, taps, *_, even = kernel_rule(options["kernel"])
    rules = [axis_rule(size, 0, padding, options["align_corners"], family, taps, even) for size in sizes[::-1]]
    read = tuple(Axis(int(rule[0]), family, taps, int(rule[4]), rule[5], rule[6]) for rule in rules)
    discards = not nearest and filling is not None and padding != "constant"
    return Sampling(options, read, outside.reshape(channels), discards)


def _chunks(chunks: Any, shape: Shape, images: Images) -> tuple[tuple[int, ...], ...]:
    """The chunks of the axes of the output image."""
    if chunks is None:
        given = [images.chunks[axis] for axis in images.axes]
        chunks = tuple(own if sum(own) == size else max(own) for own, size in zip(given, shape, strict=True))
    return tuple(map(tuple, da.core.normalize_chunks(chunks, shape)))
