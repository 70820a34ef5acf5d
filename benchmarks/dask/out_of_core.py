"""Warp an image on disk that does not fit into memory, in a process that may not use more than a limit. Linux only.

The limit is ``RLIMIT_DATA``: all memory that a process allocates counts, also what it has not touched yet; code and files that
are mapped do not. An allocation beyond it fails. That the limit bites is checked: reading the whole image must fail.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import stn_numba as stn
from benchmarks import fresh_process
from benchmarks.dask import problem

SIZE = 1 << 16  # 4.3 GB
LIMIT = 1 << 30
TILES, TILE = 40, 96


def figures(size: int = SIZE, limit: int = LIMIT) -> dict[str, Any]:
    """Write an image to disk, warp it in a process of its own, compare tiles, and return what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        problem.write(Path(folder) / "image.zarr", size)
        threads = str(stn.get_num_threads())
        found = fresh_process.python("-m", "benchmarks.dask.out_of_core", folder, str(size), str(limit), threads)
        return {**found, "tiles": TILES, "tiles_that_differ": _different_tiles(Path(folder) / "warped.zarr", size)}


def _different_tiles(path: Path, size: int) -> int:
    """How many of some tiles, those at corners among them, do not have the bits that we compute without Dask."""
    import zarr

    warped, rng = zarr.open_array(path, mode="r"), np.random.default_rng(0)
    last = size - TILE
    corners = [(0, 0), (0, last), (last, 0), (last, last)]
    starts = corners + rng.integers(0, last, (TILES - len(corners), 2)).tolist()
    parts = [(slice(top, top + TILE), slice(left, left + TILE)) for top, left in starts]
    return sum(not np.array_equal(warped[part], problem.tile(*part, size)) for part in parts)


def main(folder: Path, size: int, limit: int, threads: int) -> dict[str, Any]:
    """Warp the image of a folder into another store beside it, within a limit of memory."""
    import dask
    import dask.array as da
    import zarr

    import stn_numba.dask

    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    start = time.perf_counter()
    source = zarr.open_array(folder / "image.zarr", mode="r")
    warped = stn_numba.dask.warp(source, problem.THETA, chunks=source.chunks)
    graph = time.perf_counter() - start
    target = zarr.create_array(
        folder / "warped.zarr", shape=warped.shape, chunks=source.chunks, dtype=warped.dtype, compressors=None
    )
    with dask.config.set(scheduler="threads", num_workers=threads):
        da.store(warped, target, lock=False)
    seconds = time.perf_counter() - start
    return {
        "size": size,
        "image_bytes": source.nbytes,
        "limit_bytes": limit,
        "whole_image_fits": _fits(source),
        "graph_seconds": graph,
        "seconds": seconds,
        "peak_bytes": _peak(),
        "pixels_per_second": source.size / seconds,
    }


def _peak() -> int:
    """The most memory that this program held. What `getrusage` says may be that of the process which started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def _fits(source: Any) -> bool:
    """Whether the whole image can be read into memory."""
    try:
        return bool(source[:].size)
    except MemoryError:
        return False


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), *map(int, sys.argv[2:]))))
