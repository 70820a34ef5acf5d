"""The page: every figure on it comes from the run that is written down beside it in JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.first_calls import TURNS, Outcome, Started
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
  unless it is the only one. Calls shorter than {shortest:.1f} ms are timed several in a row, as many for each contestant.
- Times are medians. `ratio` is the rival's time divided by ours: above 1 we are faster. `at least` is the ratio that was
  required of the library, and stands beside its fastest variant.
- "One image" has no axis of a batch, and no channel axis if it has one channel; ours is `stn.warp(image, theta)`, with theta in
  float64, of OpenCV a single call of `warpAffine`.
- OpenCV has no `warpAffine` for int32, so it gets labels as float32, which has the same size and holds the same numbers. Where
  nearest pixels are read, those nearly halfway between two differ.
- Otherwise ours is one function from theta to answer: the transform's `forward`, then `sample`, or `sample_vjp` and both ways
  back; with a dense grid the gradients are those by image and positions. Of torch it is `affine_grid` and `grid_sample`, of
  kornia what it offers for the transform, spline coefficients solved within the time; OpenCV, SciPy and scikit-image get
  their matrices and maps made ready before, at no cost.
- Parameters: a turn of 10 to 30 degrees, a scale of 0.8 to 1.2 and a shift for each image; splines move their control
  points by such affine maps, which kornia's spline and the usual one both reproduce. Images are noise.
- `copy` is our time divided by that of a memcpy, on one thread, that moves as many bytes as the arrays read and written
  have.
"""

FIRST = """\
## First calls

What a fresh process takes from its start to its end, Python and imports included, to do one thing once: warps of a 1x224x224x3
image, or `fit` on a batch of 64 images of 28x28x1. Nothing has been compiled before (`STN_NUMBA_CACHE_DIR=off`).

- With the library of kernels that a wheel brings: seconds by the clock, the median of {turns} processes.
- By JIT, without a library (`STN_NUMBA_PREBUILT=off`): CPU seconds, user and system, of one process.
- `kernels`: how many the process called, and where they came from.
"""

FIRST_COLUMNS = "| a process that does | library | at most | | kernels | JIT, CPU | at most | | kernels |\n|" + "---|" * 9

COLUMNS = "| case | ours | copy | rival | its time | ratio | at least | | difference | tolerated |\n|" + "---|" * 10


def write(
    folder: Path,
    machine: dict[str, Any],
    results: list[Result],
    process: dict[str, Any],
    starts: list[Outcome],
    **timing: float,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "machine": machine,
        "timing": timing,
        "cases": [result.as_json() for result in results],
        "first_calls": [outcome.as_json() for outcome in starts],
        "process": process,
    }
    (folder / "benchmarks.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    (folder / "benchmarks.md").write_text(page(machine, results, process, starts, **timing), encoding="utf-8")


def page(
    machine: dict[str, Any], results: list[Result], process: dict[str, Any], starts: list[Outcome], **timing: float
) -> str:
    milliseconds = {name: timing[name] * 1e3 for name in ("pause", "shortest")}
    how = HOW.format(threads=machine["threads"], rounds=timing["rounds"], **milliseconds)
    versions = "On: " + ", ".join(f"{name} {value}" for name, value in machine.items()) + "."
    figures = ["## Figures", "", marks(results, starts), "", table(results), ""]
    return "\n".join([how, versions, "", *figures, *_first_lines(starts, machine["kernels"]), *_process_lines(process)])


def marks(results: list[Result], starts: list[Outcome]) -> str:
    """How many requirements hold, and which do not."""
    asked = [(f"{result.name} ({row.name})", row.verdict) for result in results for row in result.rows if row.at_least]
    asked += [(f"first call, {each.name}, with the library", each.library.verdict) for each in starts]
    asked += [(f"first call, {each.name}, by JIT", each.jit.verdict) for each in starts]
    missed = [name for name, verdict in asked if verdict != "ok"]
    text = f"Of {len(asked)} requirements {len(asked) - len(missed)} are met."
    return "\n".join([text, *(["", "Missed:", "", *(f"- {name}" for name in missed)] if missed else [])])


def table(results: list[Result]) -> str:
    return "\n".join([COLUMNS, *(line for result in results for line in _lines(result))])


def _lines(result: Result) -> list[str]:
    if result.seconds is None:
        return [f"| {result.name} | | | {result.problem} | | | | | | |"]
    ours = f"| {result.name} | {_time(result.seconds)} | {result.seconds / result.copy_seconds:.1f} |"
    return [f"{ours if k == 0 else '| | | |'} {_rival(row)}" for k, row in enumerate(result.rows)]


def _rival(row: Row) -> str:
    at_least = "" if row.at_least is None else f"{row.at_least:g}"
    difference = f"{row.difference:.1g} | {row.tolerance:.1g}"
    return f"{row.name} | {_time(row.seconds)} | **{row.ratio:.2f}** | {at_least} | {row.verdict} | {difference} |"


def _first_lines(starts: list[Outcome], kernels: str) -> list[str]:
    if not starts:
        return []
    without = any(each.library.seconds is None for each in starts)
    note = [f"**No library of kernels was in use, so what is required of it is missed:** {kernels}.", ""] if without else []
    rows = [f"| {each.name} | {_started(each.library)} | {_started(each.jit)} |" for each in starts]
    return [FIRST.format(turns=TURNS), *note, FIRST_COLUMNS, *rows, ""]


def _started(way: Started) -> str:
    took = "none" if way.seconds is None else f"{way.seconds:.2f} s"
    kernels = " + ".join(f"{number} {source}" for source, number in way.kernels.items())
    return f"{took} | {way.at_most:g} s | {way.verdict} | {kernels}"


def _process_lines(process: dict[str, Any]) -> list[str]:
    if not process:
        return []
    return [
        "## Starting, and memory",
        "",
        "Each in a process of its own; imports are medians of three. The first call is an affine warp of a 1x1080x1920x3",
        "image by JIT, with an empty cache of compiled kernels and with a filled one, by the clock, the import not counted.",
        "",
        "| | |\n|---|---|",
        *(f"| import {name} | {_time(seconds)} |" for name, seconds in process["import_seconds"].items()),
        *(f"| first call by JIT, {name} | {_time(seconds)} |" for name, seconds in process["first_call_seconds"].items()),
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
