"""The page on training: every figure on it comes from the run that is written down beside it in JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import timing

if TYPE_CHECKING:
    from benchmarks.training import Outcome

HOW = """\
# Training benchmarks

Written by `python -m benchmarks --only training`; the same figures as numbers are in
[training-benchmarks.json](training-benchmarks.json).

## How it was measured

- The networks of `stn_numba.models`, and the same in torch with the weights copied over, on the same digits
  (28 x 28, or in the middle of the canvas named), float32, in one process, on {threads} threads each. Dropout is off.
  Transformers start beside the identity, off the pixel lines: on them bilinear sampling has kinks, and two right
  answers differ.
- A step is forward, backward and Adam's update (torch: `fused=True`); of ours with the checks that all is finite.
  Inference is `model.logits`, of torch the network under `inference_mode`.
- Before anything is timed both take {steps} steps, and the losses are compared: `difference` is the greatest relative one;
  {tolerance:.0e} is tolerated.
- They take turns over blocks of repeated steps, {rounds} rounds, with rests between; times are medians.
  `ratio` is torch's time divided by ours. `memory` is the most that one step of ours allocates,
  beyond data, parameters and optimizer.
"""

COLUMNS = (
    "| network | difference | training | torch | ratio | at least | inference | torch | ratio | at least | memory |\n|"
    + "---|" * 11
)


def write(folder: Path, machine: dict[str, Any], outcomes: list[Outcome], seconds: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"machine": machine, "seconds": seconds, "cases": [outcome.as_json() for outcome in outcomes]}
    (folder / "training-benchmarks.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    (folder / "training-benchmarks.md").write_text(page(machine, outcomes), encoding="utf-8")


def page(machine: dict[str, Any], outcomes: list[Outcome]) -> str:
    from benchmarks.training import STEPS, TOLERANCE

    how = HOW.format(threads=machine["threads"], steps=STEPS, tolerance=TOLERANCE, rounds=timing.ROUNDS)
    versions = "On: " + ", ".join(f"{name} {value}" for name, value in machine.items()) + "."
    return "\n".join([how, versions, "", "## Figures", "", COLUMNS, *map(line, outcomes), ""])


def line(outcome: Outcome) -> str:
    """A row of the table."""
    cells = [
        outcome.name,
        f"{outcome.difference:.1g}" + ("" if outcome.agrees else " (differs)"),
        f"{outcome.ours * 1e3:.2f} ms",
        f"{outcome.torch * 1e3:.2f} ms",
        f"**{outcome.ratio:.2f}**",
        f"{outcome.at_least:.1f}",
        f"{outcome.ours_inference * 1e3:.2f} ms",
        f"{outcome.torch_inference * 1e3:.2f} ms",
        f"**{outcome.inference_ratio:.2f}**",
        f"{outcome.inference_at_least:.1f}",
        f"{outcome.memory / 2**20:.1f} MB",
    ]
    return "| " + " | ".join(cells) + " |"
