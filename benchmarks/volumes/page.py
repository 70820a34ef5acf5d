"""The page of volumes, docs/volumes-benchmarks.md."""

from __future__ import annotations

from string import Template
from typing import Any

from benchmarks.registration import page as registration_page
from benchmarks.registration import problem as registration_problem
from benchmarks.registration import volumes
from benchmarks.report import COLUMNS, Figures, how_section, run_section, table

START = """\
# Benchmarks of volumes

How fast stn-numba warps and registers volumes, compared with other libraries. `python -m benchmarks --only volumes` measures
and writes this page; [volumes-benchmarks.json](volumes-benchmarks.json) holds the same figures as numbers.

"""

HOW = """
- stn-numba: one function from theta to the answer, that is, the transform's `forward`, then `sample`, or `sample_vjp` and both
  backward passes. With dense displacements, positions are given.
- torch: `affine_grid` and `grid_sample`, channels first. SciPy: `affine_transform` of order 1, on one thread. SimpleITK:
  `Resample`, with its transform prepared outside the time.
- Data: volumes are noise, turned by 20 degrees about an oblique axis, scaled by 0.8 to 1.2, and shifted. B-splines displace
  their control points at random, by some voxels.
"""

REGISTRATION = """
## Registration

Two volumes are aligned whose true transform is known. The scene is smoothed noise as a continuous function; one volume samples
it on a lattice of voxels, the other at the true positions of its own voxels, with a gain of $gain, a bias of $bias and
Gaussian noise with a standard deviation of $noise, where that of the scene is $deviation. The affine map turns by up to 10
degrees, scales by up to 10 % and shifts by up to 5 % of the size along each axis; the B-spline displaces its control points by
3 voxels (standard deviation along each axis).

- stn-numba: `register(moving, fixed, transform)`.
- SimpleITK: the correlation over 3 levels with all voxels, or with a random share of them, which is the usual way; by
  regular-step gradient descent for the affine map, and by L-BFGS-B for the B-spline, only with a share of the voxels, since
  all take too long. It solves one pair.
- The error is the mean distance in voxels between the found and the true position, all over what both volumes show. A star
  marks slow calls that were timed once. More on the columns: [registration benchmarks](registration-benchmarks.md#figures).

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
            _registration(figures["volumes to align"]),
        ]
    )


def _registration(results: list[dict[str, Any]]) -> str:
    """The section on registration, if its cases were measured."""
    if not results:
        return ""
    levels = registration_problem
    numbers = {"gain": levels.GAIN, "bias": f"{levels.BIAS:g}", "noise": f"{levels.NOISE:g}"}
    text = Template(REGISTRATION).substitute(numbers, deviation=f"{volumes.DEVIATION:g}")
    return text + registration_page.table(results)
