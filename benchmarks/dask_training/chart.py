"""The chart of docs/cluster-training.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.dask_training.model import CABLES, MOST
from benchmarks.dask_training.page import PAYS, network_of, title, work_of

_MARKERS = {"1": "o", "2": "s"}


def draw(path: Path, figures: dict[str, Any]) -> None:
    """Draw predicted against measured times, and the efficiency that is predicted for more machines."""
    figure = Figure(figsize=(15, 5.5), layout="constrained")
    panels = figure.subplots(1, 1 + len(CABLES))
    _draw_times(panels[0], figures)
    for axes, name in zip(panels[1:], CABLES, strict=True):
        _draw_efficiency(axes, figures, name)
    handles, labels = panels[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    figure.savefig(path, dpi=110)


def _draw_times(axes: Any, figures: dict[str, Any]) -> None:
    network, every = network_of(figures), []
    for number, case in enumerate(figures["cases"]):
        for count, seconds in case["workers"].items():
            predicted = 1e3 * work_of(case).seconds(int(count), network)
            every += [predicted, 1e3 * seconds]
            axes.plot(1e3 * seconds, predicted, _MARKERS[count], color=f"C{number}")
    axes.plot([min(every), max(every)], [min(every), max(every)], color="0.5", linewidth=0.8)
    axes.set(xscale="log", yscale="log", xlabel="measured, ms a step", ylabel="predicted, ms a step")
    axes.set_title("On this machine: 1 worker (circles), 2 workers (squares)", fontsize=10)
    axes.grid(color="0.9", linewidth=0.6)


def _draw_efficiency(axes: Any, figures: dict[str, Any], name: str) -> None:
    network, machines = network_of(figures).behind(*CABLES[name]), range(1, MOST + 1)
    for number, case in enumerate(figures["cases"]):
        work, speed = work_of(case), case["speed"]
        shares = [100 * work.efficiency(count, network, speed) for count in machines]
        axes.plot(machines, shares, color=f"C{number}", label=title(case))
    axes.axhline(100 * PAYS, color="0.5", linewidth=0.8, linestyle="--")
    axes.set_xscale("log", base=2)
    axes.set_xticks([1, 2, 4, 8, 16, 32, 64], ["1", "2", "4", "8", "16", "32", "64"])
    axes.set(xlabel="machines", ylabel="efficiency, %", ylim=(0, 105))
    axes.set_title(f"Predicted: {name}", fontsize=10)
    axes.grid(color="0.9", linewidth=0.6)
