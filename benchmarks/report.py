"""The page: every figure on it comes from the run that is written down beside it in JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.match import Result, Row
from benchmarks.process import MEMORY_LIMIT

HOW = """\
# Benchmarks

Written by `make bench`; the same figures as numbers are in [benchmarks.json](benchmarks.json). Sizes are images x height x
width x channels, float32 unless said otherwise; output sizes are those of the input unless said otherwise.

![Ratio of each library's time to ours, case by case](benchmarks.png)

## How it was measured

- All contestants run in one process, on the same numbers, each in the memory layout it likes best, on {threads} threads.
- First the answers are compared: `difference` is the mean one, as a part of the greatest value, and stands beside what is
  tolerated. A rival whose answer differs by more is marked, and its ratio means nothing.
- Every contestant is called once to warm up. Then they take turns over blocks of repeated calls, {rounds} rounds, each
  starting with another one; before a block all rest for {pause:.0f} ms, since idle threads of OpenMP, BLAS and onnxruntime
  spin for some milliseconds and would take the cores from whoever comes next. The first call of a block is not counted
  unless it is the only one.
- Times are medians. `ratio` is the rival's time divided by ours: above 1 we are faster. `at least` is the ratio that was
  required of the library, and stands beside its fastest variant.
- Ours is one function from theta to answer: the transform's `forward`, then `sample`, or `sample_vjp` and both ways back.
  Of torch it is `affine_grid` and `grid_sample`, of kornia what it offers for the transform, spline coefficients solved
  within the time; OpenCV, SciPy and scikit-image get their matrices and maps made ready before, at no cost.
- Parameters: a turn of 10 to 30 degrees, a scale of 0.8 to 1.2 and a shift for each image; splines move their control
  points by such affine maps, which kornia's spline and the usual one both reproduce. Images are noise.
- `copy` is our time divided by that of a memcpy, on one thread, that moves as many bytes as the arrays read and written
  have.
"""

COLUMNS = "| case | ours | copy | rival | its time | ratio | at least | | difference | tolerated |\n|" + "---|" * 10


def write(folder: Path, machine: dict[str, Any], results: list[Result], process: dict[str, Any], **timing: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"machine": machine, "timing": timing, "cases": [result.as_json() for result in results], "process": process}
    (folder / "benchmarks.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    (folder / "benchmarks.md").write_text(page(machine, results, process, **timing), encoding="utf-8")


def page(machine: dict[str, Any], results: list[Result], process: dict[str, Any], **timing: float) -> str:
    how = HOW.format(threads=machine["threads"], rounds=timing["rounds"], pause=timing["pause"] * 1e3)
    versions = "On: " + ", ".join(f"{name} {value}" for name, value in machine.items()) + "."
    return "\n".join([how, versions, "", "## Figures", "", table(results), "", *_process_lines(process)])


def table(results: list[Result]) -> str:
    return "\n".join([COLUMNS, *(line for result in results for line in _lines(result))])


def _lines(result: Result) -> list[str]:
    if result.seconds is None:
        return [f"| {result.name} | | | {result.problem} | | | | | | |"]
    ours = f"| {result.name} | {_time(result.seconds)} | {result.seconds / result.copy_seconds:.1f} |"
    return [f"{ours if k == 0 else '| | | |'} {_rival(row)}" for k, row in enumerate(result.rows)]


def _rival(row: Row) -> str:
    at_least = "" if row.at_least is None else f"{row.at_least:.1f}"
    difference = f"{row.difference:.1g} | {row.tolerance:.1g}"
    return f"{row.name} | {_time(row.seconds)} | **{row.ratio:.2f}** | {at_least} | {row.verdict} | {difference} |"


def _process_lines(process: dict[str, Any]) -> list[str]:
    if not process:
        return []
    return [
        "## Starting, and memory",
        "",
        "Each in a process of its own; imports are medians of three. The first call is an affine warp of a 1x1080x1920x3",
        "image, without machine code on disk and with it, the import not counted.",
        "",
        "| | |\n|---|---|",
        *(f"| import {name} | {_time(seconds)} |" for name, seconds in process["import_seconds"].items()),
        *(f"| first call, {name} | {_time(seconds)} |" for name, seconds in process["first_call_seconds"].items()),
        "",
        f"Peak memory of one warp of a 1x1080x1920x3 image beyond input and output; required: under {MEMORY_LIMIT:.0f} MB.",
        "",
        "| transform | allocated by NumPy | resident | |\n|---|---|---|---|",
        *(_memory(transform, figures) for transform, figures in process["memory"].items()),
        "",
    ]


def _memory(transform: str, figures: dict[str, Any]) -> str:
    return f"| {transform} | {figures['allocated_mb']:.2f} MB | {figures['resident_mb']:.2f} MB | {figures['verdict']} |"


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"
