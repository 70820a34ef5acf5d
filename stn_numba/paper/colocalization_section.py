"""The part of the results page about co-localization, from what examples/colocalization.py wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["colocalization_section"]

_PAPER = {0: [100] * 10, 16: [81, 82, 88, 75, 94, 84, 93, 85, 89, 87]}  # appendix A.2, % by class
_NAMES = {0: "T", 16: "TC"}

_TEXT = """\
## Co-localization

Appendix A.2 of the paper: {images} images of 84 x 84 pixels show a digit of the same class at a random place (T), or beside
16 pieces of other digits (TC). Nothing else is known of them. A transformer learns to crop what they have in common, by a
triplet loss between codes of crops. A crop is right if its intersection over union with the 28 x 28 pixels of the digit is
above one half. In % of the images, with those of the paper in parentheses; the mean of each row is last:

{table}
All took {minutes:.0f} minutes on {threads} threads. [examples/colocalization.py](../examples/colocalization.py) trains and
writes these results; its encoder misreads {encoder_error:.1f} % of the test digits, the transformer has {parameters:,}
parameters.

The box of one image of some classes as training goes on, green where it is right:

![Boxes of co-localization at steps of training]({figure})

What differs from the paper: first, windows on a grid, of the size that the encoder knows, are searched for those that the
loss likes best, and the localisation net learns to choose them; only then is the transformer trained end to end by the
triplet loss. By gradients alone, from the whole image or from random windows, most of our runs ended on places without ink. A
penalty keeps the scale near the size that the encoder knows; without it the windows of class 1 shrink to the stroke. The
activations of each layer are scaled, so that the first counts three times as much as the logits. The optimizer is Adam.
These weights and the step of the grid were chosen after earlier results on the same images had been seen.
"""


def colocalization_section(folder: Path) -> str:
    """Return the section as Markdown if `folder` has colocalization.json, else an empty text."""
    file = folder / "colocalization.json"
    if not file.exists():
        return ""
    results = json.loads(file.read_text())
    values = {name: results[name] for name in ("images", "threads", "encoder_error", "parameters")}
    minutes = results["seconds"] / 60
    return _TEXT.format(**values, minutes=minutes, table=_table(results["rows"]), figure="figures/colocalization.png")


def _table(rows: list[dict[str, Any]]) -> str:
    classes = sorted({row["class"] for row in rows})
    lines = [["", *map(str, classes), "mean"], ["---", *["---:"] * (len(classes) + 1)]]
    for clutter in sorted({row["clutter"] for row in rows}):
        ours = {row["class"]: row["right"] for row in rows if row["clutter"] == clutter}
        paper = _PAPER[clutter]
        cells = [f"{ours[label]:.0f} ({paper[label]})" if label in ours else "" for label in classes]
        mean = f"{sum(ours.values()) / len(ours):.1f} ({sum(paper) / len(paper):.1f})"
        lines.append([_NAMES[clutter], *cells, mean])
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
