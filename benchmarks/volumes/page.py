"""The page of volumes, docs/volumes-benchmarks.md."""

from __future__ import annotations

from string import Template

from benchmarks.report import COLUMNS, Figures, how_section, run_section, table

START = """\
# Benchmarks of volumes

How fast stn-numba warps volumes, compared with other libraries. `python -m benchmarks --only volumes` measures and writes this
page; [volumes-benchmarks.json](volumes-benchmarks.json) holds the same figures as numbers.

"""

HOW = """
- stn-numba: one function from theta to the answer, that is, the transform's `forward`, then `sample`, or `sample_vjp` and both
  backward passes. With dense displacements, positions are given.
- torch: `affine_grid` and `grid_sample`, channels first. SciPy: `affine_transform` of order 1, on one thread. SimpleITK:
  `Resample`, with its transform prepared outside the time.
- Data: volumes are noise, turned by 20 degrees about an oblique axis, scaled by 0.8 to 1.2, and shifted. B-splines displace
  their control points at random, by some voxels.
"""

MEANINGS = {
    "case": "volumes x depth x height x width x channels; float32 unless named",
    "column": "copy | our time divided by that of a memcpy on one thread that moves as many bytes as all arrays have",
    "difference": "mean difference from our answer, relative to the answer's largest value",
}


def page(figures: Figures) -> str:
    return "".join(
        [
            START,
            run_section(figures["machine"]),
            how_section(HOW, figures["timing"]),
            "\n## Figures\n\n",
            Template(COLUMNS).substitute(MEANINGS),
            "\n",
            table(figures["volumes"], "copy", lambda result: f"{result['seconds'] / result['copy_seconds']:.1f}"),
        ]
    )
