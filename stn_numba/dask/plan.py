"""Make the graph of a warp: one task for each chunk of the output, which reads the parts of the image that it needs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph

from stn_numba.dask.bounds import bounds_of_window
from stn_numba.dask.chunk import Chunk, Warp, computed
from stn_numba.dask.reading import Runs, crop_size

__all__ = ["Images", "planned"]

Sizes = tuple[int, ...]
Part = tuple[slice, ...]
Piece = tuple[int, slice, slice]  # a block along one axis, the part of the crop that it fills, and the part of it


@dataclass(frozen=True)
class Images:
    """The images, and their axes.

    Attributes
    ----------
    array
        A Dask array, whose blocks are read whole, or any other array that can be sliced, of which exact regions are read.
    chunks
        Of all axes, in the caller's layout.
    channels
        Which axis is that of the channels.
    missing
        Axes of batch and channels that the array does not have.
    """

    array: Any
    chunks: tuple[Sizes, ...]
    channels: int
    missing: tuple[int, ...]

    @property
    def is_dask(self) -> bool:
        """Whether the array has blocks that Dask computes."""
        return isinstance(self.array, da.Array)

    @property
    def axes(self) -> list[int]:
        """The axes of the image."""
        return [axis for axis in range(len(self.chunks)) if axis not in (0, self.channels)]

    def own(self, parts: dict[int, Any]) -> tuple[Any, ...]:
        """What belongs to each axis that the array has."""
        return tuple(parts[axis] for axis in range(len(self.chunks)) if axis not in self.missing)


def planned(
    images: Images, theta: da.Array | None, warp: Warp, batch: Sizes, chunks: tuple[Sizes, ...], dropped: tuple[int, ...]
) -> da.Array:
    """Return the output: `batch` are the chunks of outputs, `chunks` those of the axes of the output image.

    `theta` is None unless Dask computes it, in chunks as `batch`. `dropped` are the axes that the output does not have.
    """
    name = f"stn-warp-{tokenize(images, None if theta is None else theta.name, warp, batch, chunks)}"
    key, source = f"{name}-options", f"{name}-images"
    graph: dict[Any, Any] = {key: warp} if images.is_dask else {key: warp, source: images.array}
    sizes = {0: batch, images.channels: images.chunks[images.channels], **dict(zip(images.axes, chunks, strict=True))}
    kept = [axis for axis in range(len(sizes)) if axis not in dropped]
    for parts in itertools.product(*(enumerate(_slices(sizes[axis])) for axis in range(len(sizes)))):
        index, window = zip(*parts, strict=True)
        chunk, blocks = _chunk(images, warp, window, index, dropped, theta is not None)
        at = [(images.array.name, *block) if images.is_dask else source for block in blocks]
        of_theta = None if theta is None else (theta.name, index[0] if theta.numblocks[0] > 1 else 0, 0)
        graph[(name, *(index[axis] for axis in kept))] = (computed, key, chunk, of_theta, at)
    sources = [*([images.array] if images.is_dask else []), *([] if theta is None else [theta])]
    layers = HighLevelGraph.from_collections(name, graph, dependencies=sources)
    return da.Array(layers, name, tuple(sizes[axis] for axis in kept), dtype=warp.sampling.outside.dtype)


def _chunk(
    images: Images, warp: Warp, parts: Part, index: Sizes, dropped: tuple[int, ...], lazy: bool
) -> tuple[Chunk, list[Sizes]]:
    """A chunk, and the blocks that it reads."""
    rows, channels, positions = parts[0], parts[images.channels], warp.positions
    count, window = rows.stop - rows.start, tuple(parts[axis] for axis in images.axes)
    of_theta = slice(None) if lazy or positions is None or len(positions) == 1 else rows
    runs = _runs(warp, window, of_theta)
    places, blocks = [], []
    if all(runs):
        one = sum(images.chunks[0]) == 1
        for pieces in itertools.product(*map(_pieces_of(images), images.axes, runs)):
            block, target, source = zip(*pieces, strict=True)
            at = {
                0: 0 if one else index[0],
                images.channels: index[images.channels],
                **dict(zip(images.axes, block, strict=True)),
            }
            whole = slice(0, 1) if one else rows
            ends = {0: slice(None), images.channels: slice(None)} if images.is_dask else {0: whole, images.channels: channels}
            places.append((target, images.own({**ends, **dict(zip(images.axes, source, strict=True))})))
            blocks.append(images.own(at))
    return Chunk(window, of_theta, count, channels, runs, tuple(places), images.missing, dropped), blocks


def _runs(warp: Warp, window: Part, rows: slice) -> tuple[Runs, ...]:
    """What a window reads along each axis of the image; everything if theta is not known yet."""
    axes, whole = warp.sampling.axes, tuple(((0, axis.size),) for axis in warp.sampling.axes[::-1])
    if any(part.start == part.stop for part in window):
        return ((),) * len(axes)
    if warp.positions is None:
        return whole
    bounds = bounds_of_window(warp.positions, window, rows, axes)
    if bounds is None:
        return ((),) * len(axes)
    return tuple(axis.runs(low, high) for axis, low, high in zip(axes, *bounds, strict=True))[::-1]


def _pieces_of(images: Images) -> Any:
    """The function that finds the pieces of an axis for its runs: each run is one piece of an array that is no Dask array."""
    return lambda axis, runs: _pieces(images.chunks[axis] if images.is_dask else (sum(images.chunks[axis]),), runs)


def _pieces(chunks: Sizes, runs: Runs) -> list[Piece]:
    """The blocks along one axis that hold the pixels of a crop."""
    ends, offset, pieces = np.cumsum(chunks).tolist(), 0, []
    for start, stop in runs:
        block = int(np.searchsorted(ends, start, side="right"))
        while start < stop:
            last, begin = min(ends[block], stop), ends[block] - chunks[block]
            if last > start:
                pieces.append((block, slice(offset, offset + last - start), slice(start - begin, last - begin)))
            offset, start, block = offset + last - start, last, block + 1
    assert offset == crop_size(runs)
    return pieces


def _slices(chunks: Sizes) -> Iterator[slice]:
    """The slices of chunks along one axis."""
    start = 0
    for size in chunks:
        yield slice(start, start + size)
        start += size
