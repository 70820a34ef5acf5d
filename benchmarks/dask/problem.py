"""The images of the cases: one in a Zarr store, of which any part can be made again, and one in memory."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import stn_numba as stn

CHUNK = 2048
THETA = (0.9, 0.3, 0.05, -0.3, 0.9, -0.02)

Array = NDArray[Any]


def pixels(rows: slice, columns: slice) -> Array:
    """A part of the image on disk: whole numbers that look like noise, uint8."""
    i, j = (np.arange(part.start, part.stop, dtype=np.uint32) for part in (rows, columns))
    i = i[:, None]
    return ((i * 73 + j * 151 ^ i * j >> 5) & 255).astype(np.uint8)


def write(path: Path, size: int) -> None:
    """Write the image to a Zarr store, chunk by chunk and not compressed, so that it takes size * size bytes on disk."""
    import zarr

    image = zarr.create_array(path, shape=(size, size), chunks=(CHUNK, CHUNK), dtype="uint8", compressors=None)
    for top, left in itertools.product(range(0, size, CHUNK), repeat=2):
        rows, columns = slice(top, min(top + CHUNK, size)), slice(left, min(left + CHUNK, size))
        image[rows, columns] = pixels(rows, columns)


def tile(rows: slice, columns: slice, size: int) -> Array:
    """A tile of the warped image, from the part of the image that it reads and positions in float64, without Dask."""
    matrix = stn.get_transform("affine").pixel_matrix([THETA], (size, size), (size, size))[0]
    i, j = np.arange(rows.start, rows.stop, dtype=float)[:, None], np.arange(columns.start, columns.stop, dtype=float)
    at = [matrix[axis, 0] * j + (matrix[axis, 1] * i + matrix[axis, 2]) for axis in (1, 0)]
    parts = [slice(max(int(each.min()) - 4, 0), min(int(each.max()) + 5, size)) for each in at]
    if any(part.start >= part.stop for part in parts):
        return np.zeros((i.size, j.size), np.uint8)
    source = pixels(*parts)
    positions = np.stack([at[1] - parts[1].start, at[0] - parts[0].start], axis=-1)
    return stn.sample(source[None, ..., None], positions[None], units="pixels")[0, ..., 0]


@dataclass(frozen=True)
class DaskProblem:
    """An image (H, W) in memory in chunks, to be rotated and scaled."""

    size: int
    theta: tuple[float, ...] = field(default=THETA)

    @functools.cached_property
    def image(self) -> Array:
        return np.random.default_rng(0).random((self.size, self.size), np.float32)

    @functools.cached_property
    def chunked(self) -> Any:
        import dask.array as da

        return da.from_array(self.image, chunks=CHUNK)

    @functools.cached_property
    def matrix(self) -> Array:
        """(2, 3): from (row, column, 1) of the output to (row, column) of the image."""
        shape = self.image.shape
        matrix = stn.get_transform("affine").pixel_matrix([self.theta], shape, shape)[0]
        return np.asarray(matrix[1::-1, [1, 0, 2]])


def computed(array: Any) -> Array:
    """Compute a Dask array on as many threads as our calls may use."""
    return np.asarray(array.compute(scheduler="threads", num_workers=stn.get_num_threads()))
