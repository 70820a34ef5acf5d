"""The part of the results page about volumes, from what examples/volumes.py wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["volumes_section"]

_TEXT = """\
## Volumes

Appendix A.3 of the paper, which gives no figures: digits of MNIST are extruded to solids, turned about random axes by up to 90
degrees, and moved at random in volumes of 60 x 60 x 60. A transformer chooses the 12 parameters of an affine map in three
dimensions, what it shows is projected along z, and a network for images classifies the projection; all is trained end to end.
Two networks without a transformer see the same volumes: their projections, or the volumes themselves. Errors in % on {images:,}
test digits, each turned once:

{table}
All are trained at once, on the same {steps:,} batches of {batch_size} new volumes. CPU minutes are those of training;
drawing the volumes took {drawing:.0f} more.
[examples/volumes.py](../examples/volumes.py) trains and writes these results.

Above the projections of some test volumes, below those of what the transformer shows, and what is read there:

![Projections of volumes, and of what the transformer shows]({figure})
"""

_HEADER = "| network | parameters | CPU minutes | error | standard error |\n|---|---:|---:|---:|---:|\n"


def volumes_section(folder: Path) -> str:
    """Return the section as Markdown if `folder` has volumes.json, else an empty text."""
    file = folder / "volumes.json"
    if not file.exists():
        return ""
    results = json.loads(file.read_text())
    images = results["test_digits"]
    return _TEXT.format(
        images=images,
        steps=results["steps"],
        batch_size=results["batch_size"],
        drawing=results["drawing_cpu_seconds"] / 60,
        table=_HEADER + "".join(_row(row, images) for row in results["rows"]),
        figure="figures/volumes.png",
    )


def _row(row: dict[str, Any], images: int) -> str:
    error = row["error"]
    deviation = (error * (100 - error) / images) ** 0.5
    values = row["network"], f"{row['parameters']:,}", f"{row['cpu_seconds'] / 60:.0f}", f"{error:.2f}", f"{deviation:.2f}"
    return f"| {' | '.join(values)} |\n"
