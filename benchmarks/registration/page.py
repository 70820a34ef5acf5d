"""The page of registration, docs/registration-benchmarks.md."""

from __future__ import annotations

from string import Template
from typing import Any

from benchmarks.registration import case as case
from benchmarks.registration import problem as problem
from benchmarks.report import Figures, format_time, run_section

START = """\
# Registration benchmarks

How fast and how exact stn-numba registers images, compared with other libraries. `python -m benchmarks --only registration`
measures and writes this page; [registration-benchmarks.json](registration-benchmarks.json) holds the same figures as numbers.

"""

HOW = """
## How it is measured

- The true transform of every pair is known. The scene is a photo that ships with scikit-image, as a continuous function (its
  quintic spline). One image samples it on a lattice of pixels, the other at the true positions of its own pixels, so neither is
  resampled from the other. Images of 1024 x 1024 show four photos side by side.
- Corners move by up to $jitter pixels along each axis, unless a case says more; an affine map or a similarity is the nearest
  one to that. Where three corners move, the fourth follows.
- The second image gets a gain of $gain, a bias of $bias and Gaussian noise with a standard deviation of $noise; gray levels
  span 0 to 255. "Noise on both" adds as much noise to the first image.
- The error is the mean distance between the found and the true position: of the four corners, or of points all over what both
  images show where the deformation is free. It is measured before anything is timed.
- Times are per pair. One call solves all pairs of a case. Libraries take turns in $rounds rounds, each of which starts with
  another one, after a pause of $pause ms; the median counts. A star marks slow calls that were timed once. SimpleITK, DIPY and
  scikit-image's optical flow solve only the first pairs.
- A result is right if its error is below $right pixel. "Silent" counts wrong results that a library reports as a success, and
  "refused" right ones that it reports as a failure.

### What is timed

- stn-numba: `register(moving, fixed, transform)`, or `register_stack` for the drift, with the options that a case names.
- OpenCV: `findTransformECCMultiScale` and `findTransformECC`, with 50 iterations at most, and the stopping threshold
  that follows the name; "warm" starts a frame at the result of the frame before. SIFT with RANSAC: 3000 key points, Lowe's
  ratio 0.75, a threshold of 3 pixels. DIS: its presets of optical flow.
- pystackreg, DIS and scikit-image's optical flow know no gain and bias, so their images get the same mean and deviation first.
- SimpleITK: the correlation over 3 levels, by regular-step gradient descent, or L-BFGS-B for splines. DIPY: mutual information,
  3 levels.

## Figures

| column | meaning |
|---|---|
| case | what is registered, and how many pairs |
| library | the library; "stn-numba, MODEL" is our time for another model |
| time | per pair |
| ratio | time divided by ours: above 1, stn-numba is faster |
| mean, median, worst | error in pixels |
| right, silent, refused | numbers of results, see above |

"""

HEAD = "| case | library | time | ratio | mean | median | worst | right | silent | refused |\n|" + "---|" * 10 + "\n"


def page(figures: Figures) -> str:
    settings = figures["timing"]
    how = Template(HOW).substitute(
        jitter=f"{problem.JITTER:g}",
        gain=problem.GAIN,
        bias=f"{problem.BIAS:g}",
        noise=f"{problem.NOISE:g}",
        rounds=settings["rounds"],
        pause=f"{settings['pause'] * 1e3:g}",
        right=f"{case.RIGHT:g}",
    )
    return START + run_section(figures["machine"]) + how + table(figures["registration"])


def table(results: list[dict[str, Any]]) -> str:
    lines = []
    for result in results:
        first = f"{result['name']}, {result['rows'][0]['pairs']} pairs"
        lines += [f"| {'' if k else first} {_row(row)}\n" for k, row in enumerate(result["rows"])]
    return HEAD + "".join(lines)


def _row(row: case.Row) -> str:
    time = format_time(row["seconds"]) + ("" if row["in_turn"] else " *")
    errors = " | ".join(_pixels(row[name]) for name in ("error", "median_error", "worst_error"))
    counts = f"{row['right']} of {row['pairs']} | {row['silent']} | {row['refused']}"
    return f"| {row['name']} | {time} | **{row['ratio']:.2f}** | {errors} | {counts} |"


def _pixels(error: float | None) -> str:
    """Four decimals of small errors, which differ there, and none of large ones; a library that found nothing has no error."""
    if error is None:
        return "none"
    return f"{error:.4f}" if error < 0.1 else f"{error:.2f}" if error < 10 else f"{error:.0f}"
