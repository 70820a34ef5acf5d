"""Write docs/examples.md from what the scripts in examples/ left in a folder of runs.

Use ``python docs/scripts/examples.py [runs]``. Run the scripts in examples/ before, each with its default `--out`. The figures
are copied to docs/figures.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1]

EXAMPLES = {  # figure, sentence about the result, and what the figure shows
    "signs": (
        "misread.png",
        "{error:.2%} of the images that were held out are misread, after {minutes:.1f} minutes of training on the others of "
        "{images:,} images of 43 classes.",
        "The held-out images that are misread",
    ),
    "three_digits": (
        "where_heads_look.png",
        "{error:.2%} of the numbers of test digits are read wrong, after {minutes:.1f} minutes of training; the network has "
        "{parameters:,} parameters.",
        "Where each head looks: the regions of hundreds, tens and ones, and the number that is read",
    ),
    "rotation_angle": (
        "upright.png",
        "The angles of test digits are {degrees:.1f} degrees off on average, after {minutes:.1f} minutes of training.",
        "Turned digits, and the same digits set upright by the measured angle",
    ),
}


_MORE = """\
Co-localization, with a custom training loop: [results.md](results.md#co-localization). Digits turned in space, with a
transformer of volumes: [results.md](results.md).
"""


def main(runs: Path) -> None:
    """Write the page and copy the figures."""
    sections = [section(runs / name, name) for name in EXAMPLES]
    text = "\n".join(
        ["# Examples", "", f"Written by `docs/scripts/{Path(__file__).name}` after the scripts have run.", "", *sections, _MORE]
    )
    (FOLDER / "examples.md").write_text(text)


def section(run: Path, name: str) -> str:
    """Return the part of the page about one example."""
    figure, sentence, caption = EXAMPLES[name]
    script = FOLDER.parent / "examples" / f"{name}.py"
    title, *_ = script.read_text().removeprefix('"""').splitlines()
    shutil.copyfile(run / figure, FOLDER / "figures" / f"{name}.png")
    result = sentence.format(**json.loads((run / "result.json").read_text()))
    link = f"Script: [examples/{script.name}](../examples/{script.name})."
    return "\n".join([f"## {script.name}", "", f"{title} {link}", "", result, "", f"![{caption}](figures/{name}.png)", ""])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER.parent / "runs")
