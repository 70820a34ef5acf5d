"""The picture: a point for each rival and case, and a bar where a ratio was required."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.match import Result

COLORS = {
    "torch": "tab:red",
    "OpenCV": "tab:blue",
    "kornia": "tab:orange",
    "onnxruntime": "tab:green",
    "SciPy": "tab:purple",
    "scikit-image": "tab:brown",
}


def draw(path: Path, results: list[Result]) -> None:
    measured = [result for result in results if result.rows]
    if not measured:
        return
    figure = Figure(figsize=(9, 1.4 + 0.3 * len(measured)), layout="constrained")
    axes = figure.subplots()
    for place, result in enumerate(measured):
        _draw_case(axes, place, result)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("rival's time / our time (right of 1: we are faster); bars: required")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yticks(range(len(measured)), [result.name for result in measured])
    axes.set_ylim(len(measured) - 0.5, -0.5)
    axes.grid(axis="x", color="0.85", linewidth=0.6)
    axes.set_axisbelow(True)
    handles = [axes.plot([], [], "o", color=color, label=library)[0] for library, color in COLORS.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    figure.savefig(path, dpi=110)


def _draw_case(axes, place: int, result: Result) -> None:
    """Of a library with variants only the fastest is shown."""
    for library, color in COLORS.items():
        rows = [row for row in result.rows if row.name.split(",")[0] == library and row.agrees]
        if rows:
            row = min(rows, key=lambda row: row.seconds)
            axes.plot(row.ratio, place, "o", color=color, markersize=6)
            if row.at_least is not None:
                axes.plot(row.at_least, place, "|", color=color, markersize=13, markeredgewidth=2)
