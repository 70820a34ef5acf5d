"""Compute one chunk of an output from the parts of the image that it reads: what Dask's workers run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.dask.positions import OutputPositions, Positions, Window
from stn_numba.dask.reading import Axis, Runs, crop_size
from stn_numba.grid import Floats, Shape
from stn_numba.kernels.constants import REFLECT, ZEROS
from stn_numba.sampler import sample
from stn_numba.transform.base import Transform

__all__ = ["Chunk", "Sampling", "Warp", "computed"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Sampling:
    """The options of `stn_numba.sample`, and the axes of the image that they make, x first.

    `outside` is the pixel (C,) that is written where nothing of the image is read; `discards`: positions beyond the border
    pixels read it, whatever the padding.
    """

    options: dict[str, Any]
    axes: tuple[Axis, ...]
    outside: Array
    discards: bool

    @property
    def channels_first(self) -> bool:
        """Whether channels come before the axes of the image."""
        return bool(self.options["layout"].startswith("NC"))


@dataclass(frozen=True)
class Warp:
    """What all chunks of an output have in common. `positions` is None if theta is computed by Dask."""

    positions: OutputPositions | None
    sampling: Sampling
    transform: Transform
    in_shape: Shape
    shape: Shape
    align_corners: bool

    def positions_of(self, theta: Floats | None) -> OutputPositions:
        """Where the output reads, by the theta of a chunk if there is one."""
        if self.positions is not None and theta is None:
            return self.positions
        return OutputPositions(self.transform, theta, self.in_shape, self.shape, self.align_corners)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Chunk:
    """A chunk of the output, and the parts of blocks of the image that make up the crop it reads.

    Attributes
    ----------
    window
        Slices of the axes of the output image.
    rows
        Of theta.
    images, channels
        How many outputs the chunk has, and which channels.
    runs
        Of each axis of the image, see `reading`.
    places
        For each block, slices of the axes of the crop, and those of the block, which may lack axes.
    missing
        Axes of batch and channels that blocks do not have.
    dropped
        Axes of batch and channels that the output does not have.
    """

    window: Window
    rows: slice
    images: int
    channels: slice
    runs: tuple[Runs, ...]
    places: tuple[tuple[Window, Window], ...]
    missing: tuple[int, ...]
    dropped: tuple[int, ...]


def computed(warp: Warp, chunk: Chunk, theta: Floats | None, blocks: Sequence[Array]) -> Array:
    """Return a chunk of the output, in the caller's layout."""
    result = _in_full(warp, chunk, theta, blocks)
    return np.squeeze(result, chunk.dropped) if chunk.dropped else result


def _in_full(warp: Warp, chunk: Chunk, theta: Floats | None, blocks: Sequence[Array]) -> Array:
    """A chunk with all its axes."""
    sampling, outside = warp.sampling, warp.sampling.outside[chunk.channels]
    size = tuple(part.stop - part.start for part in chunk.window)
    first = sampling.channels_first
    shape = (chunk.images, len(outside), *size) if first else (chunk.images, *size, len(outside))
    pixel = outside.reshape(-1, *[1] * len(size)) if first else outside
    if not blocks or 0 in shape:
        return np.array(np.broadcast_to(pixel, shape))
    result, crop = np.empty(shape, outside.dtype), _crop(chunk, blocks, first)
    positions, options, start = warp.positions_of(theta), _options(sampling, chunk), chunk.window[0].start
    for band in positions.bands(chunk.window):
        at = positions.in_window(band, chunk.rows)
        target = result[(slice(None),) * (1 + first) + (slice(band[0].start - start, band[0].stop - start),)]
        sample(crop, np.moveaxis(_in_crop(at, chunk.runs, sampling), 1, -1), units="pixels", out=target, **options)
        if _is_discarded_here(sampling, chunk):
            np.copyto(target, pixel, where=_discarded(at, sampling))
    return result


def _crop(chunk: Chunk, blocks: Sequence[Array], channels_first: bool) -> Array:
    """The part of the image that the chunk reads, put together from the blocks that hold it."""
    before, crop = (slice(None),) * (1 + channels_first), np.empty(0)
    size = tuple(map(crop_size, chunk.runs))
    for block, (target, source) in zip(blocks, chunk.places, strict=True):
        part = np.expand_dims(np.asarray(block[source]), chunk.missing)
        if len(blocks) == 1:
            return part
        if not crop.size:
            shape = (*part.shape[:2], *size) if channels_first else (part.shape[0], *size, part.shape[-1])
            crop = np.empty(shape, part.dtype)
        crop[(*before, *target)] = part
    return crop


def _options(sampling: Sampling, chunk: Chunk) -> dict[str, Any]:
    """The options that read a crop, for some channels."""
    fill = sampling.options["fill"]
    if _is_discarded_here(sampling, chunk):
        return {**sampling.options, "fill": None}
    if fill is not None and np.size(fill) > 1:
        return {**sampling.options, "fill": np.asarray(fill)[chunk.channels]}
    return sampling.options


def _is_discarded_here(sampling: Sampling, chunk: Chunk) -> bool:
    """Whether positions outside of the image are found here: folded back into a crop they are inside."""
    return sampling.discards and sampling.axes[0].mode >= REFLECT and not _is_whole(sampling, chunk.runs)


def _is_whole(sampling: Sampling, runs: tuple[Runs, ...]) -> bool:
    return all(axis.is_whole(part) for axis, part in zip(sampling.axes, runs[::-1], strict=True))


def _discarded(positions: Positions, sampling: Sampling) -> NDArray[np.bool_]:
    """Which pixels lie beyond the outer edges of the border pixels, or nowhere, with an axis for the channels."""
    rows = np.moveaxis(positions, 1, 0)
    inside = [(row >= -0.5) & (row <= axis.size - 0.5) for axis, row in zip(sampling.axes, rows, strict=True)]
    return np.expand_dims(~np.logical_and.reduce(inside), 1 if sampling.channels_first else -1)


def _in_crop(positions: Positions, runs: tuple[Runs, ...], sampling: Sampling) -> Positions:
    """Positions relative to the crop, padded where the kernel could not do so because the crop is not the whole image.

    Raises
    ------
    RuntimeError
        If a position reads beyond the crop, which a bound excludes.
    """
    axes = sampling.axes
    if _is_whole(sampling, runs):
        return positions
    counts = None
    moved = [axis.in_crop(positions[:, k], part) for k, (axis, part) in enumerate(zip(axes, runs[::-1], strict=True))]
    for axis, row, part in zip(axes, moved, runs[::-1], strict=True):
        if axis.leaves_crop(row, part):
            if axis.mode == ZEROS and counts is None:
                counts = np.logical_and.reduce([each.counts(positions[:, k]) for k, each in enumerate(axes)])
            if counts is None or axis.leaves_crop(row, part, counts):
                raise RuntimeError("a position lies beyond the part of the image that its chunk reads; please report this")
    return np.stack(moved, axis=1)
