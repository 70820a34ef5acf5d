"""The page training-defaults.md, from the runs that defaults.py has made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["page"]

Records = list[dict[str, Any]]

_HEAD = """# Defaults that need no tuning

Written by `make docs-defaults` (docs/scripts/defaults.py) from [training-defaults.json](training-defaults.json). Errors in % on
{n_test:,} held-out images; smaller is better. `st_cnn` is trained by `fit` with the defaults of both, except for what the first
column names.

- clutter: a digit at a random place of 40 x 40 pixels, with eight 6 x 6 pieces of other digits
- scale: a digit scaled by 0.5 to 1.5, at a random place of 42 x 42
- rotation, RTS: the paper's, on 28 x 28 and 42 x 42
- signs: RGB signs of 20 classes on a noisy background, drawn at a random place and size of 40 x 40
- small: as clutter, with 1,000 images

The digits are from MNIST's training set. The test set was not used.
"""


def page(
    records: Records,
    settings: Sequence[str],
    sizes: dict[str, tuple[int, int]],
    n_test: int,
    other_seeds: Sequence[int],
    collapse: tuple[int, int],
) -> str:
    """Return the page as Markdown; sizes are numbers of images and epochs."""
    defaults = settings[0]
    search = [record for record in records if record["setting"] != "collapse"]
    names = [name for name in sizes if any(record["set"] == name for record in search)]
    parts = [
        _HEAD.format(n_test=n_test), "## The search: one run each\n", _search(search, names, settings, sizes),
        "## The best of each set against the defaults, with other seeds\n", _gaps(search, names, defaults, other_seeds),
        "## Runs that collapse\n", _collapses([record for record in records if record["setting"] == "collapse"], *collapse),
    ]  # fmt: skip
    return "\n".join(parts)


def _search(records: Records, names: list[str], settings: Sequence[str], sizes: dict[str, tuple[int, int]]) -> str:
    rows = []
    for setting in settings:
        errors = [_errors(records, setting, name, [0]) for name in names]
        rows.append([setting, *(f"{100 * error[0]:.2f}" if error else "" for error in errors)])
    heads = [f"{name}<br>{sizes[name][0]:,} x {sizes[name][1]}" for name in names]
    return "In the heads: training images x epochs.\n\n" + _table(["setting", *heads], rows)


def _gaps(records: Records, names: list[str], defaults: str, seeds: Sequence[int]) -> str:
    rows = []
    for name in names:
        chosen = {record["setting"] for record in records if record["set"] == name and record["seed"] in seeds}
        best = next(iter(chosen - {defaults}), None)
        values = [_errors(records, setting, name, seeds) for setting in (defaults, best)]
        if any(len(value) < len(seeds) for value in values):
            continue
        own, others = (100 * np.array(value) for value in values)
        gap, spread = np.mean(own - others), np.std(own - others, ddof=1) / len(seeds) ** 0.5
        rows.append([name, f"{own.mean():.2f}", f"{others.mean():.2f}", str(best), f"{gap:+.2f}", f"{spread:.2f}"])
    text = f"The mean of {len(seeds)} runs each. The last column is the standard error of the gap.\n\n"
    return text + _table(["set", "defaults", "best of the search", "which is", "gap", "+-"], rows)


def _collapses(records: Records, images: int, epochs: int) -> str:
    rows = []
    for label in dict.fromkeys(record["set"] for record in records):
        own = [record for record in records if record["set"] == label]
        errors = [record["error"] for record in own]
        stuck = sum(record["error"] > 0.95 * record["chance"] for record in own)
        outside = max(record["outside"] for record in own)
        cells = [f"{100 * value:.1f}" for value in (np.median(errors), max(errors), outside)]
        rows.append([label, str(len(own)), *cells, str(stuck)])
    text = (
        f"{images:,} images, {epochs} epochs, the defaults of `fit`. Outside: the largest share of test images (in %) whose\n"
        "region does not touch the image. Stuck: runs whose error is above 0.95 of that of guessing.\n\n"
    )
    return text + _table(["network and set", "seeds", "median error", "largest error", "outside", "stuck"], rows)


def _errors(records: Records, setting: str | None, name: str, seeds: Sequence[int]) -> list[float]:
    """Return the errors of runs that were made, in the order of their seeds."""
    found = {r["seed"]: r["error"] for r in records if (r["set"], r["setting"]) == (name, setting)}
    return [found[seed] for seed in seeds if seed in found]


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"
