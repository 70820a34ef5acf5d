"""Arrays that a caller passes, and the coordinates of what is returned."""

from __future__ import annotations

import math
from typing import Any

import dask.array as da
import numpy as np

from stn_numba.dask.plan import Images
from stn_numba.grid.coordinates import displacement_axis

__all__ = ["as_dask", "as_images", "labeled", "with_all_axes"]

_BYTES = 1 << 24  # of a chunk of the output of an image that has no chunks of Dask
_NEW = "warp"  # the dimension of several outputs of one image


def as_dask(images: Any) -> da.Array:
    """Return images as a Dask array; of an `xarray.DataArray`, its values.

    Raises
    ------
    ValueError
        If chunks have unknown sizes.
    """
    data, _ = as_images(images)
    return data if isinstance(data, da.Array) else da.from_array(data)


def as_images(images: Any) -> tuple[Any, Any]:
    """Return images as an array that can be sliced, a Dask array if they are one; and the DataArray they come from, or None.

    Raises
    ------
    ValueError
        If chunks have unknown sizes.
    """
    labels = images if type(images).__module__.partition(".")[0] == "xarray" and hasattr(images, "dims") else None
    data = images if labels is None else images.data
    if not all(hasattr(data, name) for name in ("dtype", "ndim", "shape")):
        data = np.asarray(data)
    if any(math.isnan(size) for size in data.shape):
        raise ValueError("images: expected chunks of known sizes; call `compute_chunk_sizes` first")
    return data, labels


def with_all_axes(data: Any, layout: str, axes: int) -> Images:
    """Images that may lack the axes of batch and channels. One that is no Dask array has chunks as Dask would choose them."""
    channels = 1 if layout.startswith("NC") else axes + 1
    missing = ((0,) if data.ndim < axes + 2 else ()) + ((channels,) if data.ndim == axes else ())
    own = [axis for axis in range(axes + 2) if axis not in missing]
    if isinstance(data, da.Array):
        given = data.chunks
    else:
        wanted = tuple({0: 1, channels: -1}.get(axis, "auto") for axis in own)
        before = getattr(data, "chunks", None)
        given = da.core.normalize_chunks(wanted, data.shape, limit=_BYTES, dtype=data.dtype, previous_chunks=before)
    chunks = dict(zip(own, given, strict=True))
    return Images(data, tuple(tuple(chunks.get(axis, (1,))) for axis in range(axes + 2)), channels, missing)


def labeled(result: da.Array, labels: Any, channel_axis: int, axes: int) -> Any:
    """The result with the dimensions, coordinates, name and attributes of `labels`; the result itself if that is None.

    Coordinates along an axis of the image whose length changes are interpolated where the identity reads.
    """
    if labels is None:
        return result
    behind = 0 if channel_axis == 1 or labels.ndim == axes else 1
    spatial = labels.dims[labels.ndim - behind - axes : labels.ndim - behind]
    dims = [_NEW, *labels.dims] if result.ndim > labels.ndim else [*labels.dims]
    sizes, coordinates = dict(zip(dims, result.shape, strict=True)), {}
    for name, coordinate in labels.coords.items():
        changed = [dim for dim in coordinate.dims if sizes[dim] != labels.sizes[dim]]
        if not changed:
            coordinates[name] = coordinate
        elif coordinate.ndim == 1 and changed[0] in spatial and coordinate.dtype.kind in "iuf":
            values = _interpolated(np.asarray(coordinate), sizes[changed[0]])
            coordinates[name] = (changed[0], values, coordinate.attrs)
    return type(labels)(result, coords=coordinates, dims=dims, name=labels.name, attrs=labels.attrs)


def _interpolated(values: np.ndarray[Any, Any], length: int) -> np.ndarray[Any, Any]:
    """Coordinates of `length` pixels between the centers of the first and the last one."""
    step, start = displacement_axis(len(values), length, True)
    result: np.ndarray[Any, Any] = np.interp(step * np.arange(length) + start, np.arange(len(values)), values)
    return result
