"""The chart of `docs/benchmarks.md`: a point for each case and library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.case import library_of


def draw(path: Path, results: list[dict[str, Any]]) -> None:
    """Draw the ratio of the fastest variant of each library; answers that differ are left out."""
    libraries = sorted({library_of(row["name"]) for result in results for row in result["rows"]})
    figure = Figure(figsize=(9, 1.4 + 0.3 * len(results)), layout="constrained")
    axes = figure.subplots()
    for k, library in enumerate(libraries):
        ratios = [_ratio(result, library) for result in results]
        axes.plot(ratios, range(len(results)), "o", color=f"C{k}", markersize=6, label=library)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("library's time / our time (right of 1: stn-numba is faster)")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(results)), [result["name"] for result in results])
    axes.set_ylim(len(results) - 0.5, -0.5)
    axes.grid(axis="x", color="0.85", linewidth=0.6)
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper center", ncols=max(1, len(libraries)), frameon=False)
    figure.savefig(path, dpi=110)


def _ratio(result: dict[str, Any], library: str) -> float | None:
    rows = result["rows"]
    return min((row["ratio"] for row in rows if library_of(row["name"]) == library and row["agrees"]), default=None)
