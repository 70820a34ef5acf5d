"""The page of Dask, docs/dask-benchmarks.md."""

from __future__ import annotations

from string import Template
from typing import Any

from benchmarks.dask import out_of_core, problem
from benchmarks.report import COLUMNS, Figures, how_section, run_section, table

START = """\
# Benchmarks of Dask

Warps of Dask arrays by `stn_numba.dask.warp`. `python -m benchmarks --only dask` measures and writes this page;
[dask-benchmarks.json](dask-benchmarks.json) holds the same figures as numbers.

"""

OUT_OF_CORE = """
## An image larger than memory

An image in a Zarr store, uint8 and not compressed, is rotated, scaled and written to another store in chunks of $chunk x $chunk
pixels. The process may allocate no more than its limit (`RLIMIT_DATA`, which counts memory that is allocated, whether or not
it was touched); reading the whole image in that process is tried as well. The peak is the largest resident size. Then
$tiles tiles of $tile x $tile pixels, the corners among them, are computed without Dask, from positions in memory and from the
part of the image that they read, and compared bit by bit.

"""

HOW = """
- Both libraries get the same Dask array of an image in memory, float32 noise in chunks of $chunk x $chunk pixels, and return
  the whole output; Dask's scheduler has one thread for each of ours. Making the graph is part of the time.
- stn-numba: `stn_numba.dask.warp(image, theta)`, from theta on.
- dask-image: `dask_image.ndinterp.affine_transform` of order 1, with output chunks of the same size, and its matrix prepared
  outside the time. At the edges it blends with zeros, as ours does (mode "grid-constant").
"""

MEANINGS = {
    "case": "height x width; float32",
    "column": "copy | our time divided by that of a memcpy on one thread that moves as many bytes as all arrays have",
    "difference": "mean difference from our answer, relative to the answer's largest value",
}


def page(figures: Figures) -> str:
    names = {"chunk": problem.CHUNK, "tiles": out_of_core.TILES, "tile": out_of_core.TILE}
    return "".join(
        [
            START,
            run_section(figures["machine"]),
            how_section(Template(HOW).substitute(names), figures["timing"]),
            "\n## Figures\n\n",
            Template(COLUMNS).substitute(MEANINGS),
            "\n",
            table(figures["dask"], "copy", lambda result: f"{result['seconds'] / result['copy_seconds']:.1f}"),
            Template(OUT_OF_CORE).substitute(names),
            *map(_out_of_core, figures["dask out of core"]),
        ]
    )


def _out_of_core(result: dict[str, Any]) -> str:
    rows = {
        "image": f"{result['size']} x {result['size']}, {result['image_bytes'] / 1e9:.2f} GB",
        "limit of memory": f"{result['limit_bytes'] / 2**20:.0f} MiB",
        "the whole image fits into it": "yes" if result["whole_image_fits"] else "no",
        "peak of resident memory": f"{result['peak_bytes'] / 2**20:.0f} MiB",
        "time, reading and writing included": f"{result['seconds']:.0f} s",
        "of that, to make the graph": f"{result['graph_seconds']:.1f} s",
        "pixels per second": f"{result['pixels_per_second'] / 1e6:.1f} million",
        "tiles that differ": f"{result['tiles_that_differ']} of {result['tiles']}",
    }
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in rows.items())
