"""The page that holds our errors against the source's."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stn_numba._util.files import write_atomically
from stn_numba.data import Digits
from stn_numba.paper.cells import CELLS, Cell, find_cells
from stn_numba.paper.results import Result, read_results

__all__ = ["write_report"]

_COLUMNS = ("R", "RTS", "P", "E", "TC", "addition")
_SHOWN = ("st-cnn/tps", "st-cnn/projective", "st-cnn/affine", "st-fcn/tps", "st-fcn/affine")  # first that has a model
_ROWS = 4

Seeds = dict[str, list[Result]]

_INTRODUCTION = """\
# Results against the paper

Errors in % on the 10,000 test digits of MNIST, distorted once with a fixed seed, beside those of Jaderberg et al., Spatial
Transformer Networks (arXiv 1506.02025). This page is written by `stn-numba results` from [results.json](results.json), which
holds for each run its command, with all settings as they were, and seed, parameters, epochs, seconds and threads. Minutes are
of the wall clock, whatever else ran beside; runs on one thread leave the other cores to other runs. Where seeds had different
numbers of threads, minutes and threads are those of each.

The standard error is that of our mean over the test digits, sqrt(p (1 - p) / n); the paper's means over three seeds have one of
about the same size. Seeds are those of initial parameters, order and distortions; the test digits are the same for all.
"""

_DIFFERENCES = """\
## What differs from the paper

- Adam with one cycle of the learning rate that ends at zero, and for most label smoothing, instead of plain SGD in three steps;
  for ST-CNN on RTS also weight decay, and Muon for the convolutions of its affine one. How these settings were chosen is told
  in docs/training.md.
- Far fewer steps: the paper trains for 150,000 batches of 256, some 640 epochs.
- All networks of a column have at most as many parameters as its heading says and are as wide as that allows; the paper has
  about 400,000 throughout. Kinds of layers, kernel sizes and localisation nets are the paper's, with three exceptions: on
  canvases larger than a digit the localisation nets of ST-FCN see the image at half the size, as those of ST-CNN do, else two
  of them would take more than half of the parameters; so does FCN for TC and addition, whose first layer would otherwise leave
  it fewer than the paper's least 128 units, and higher errors; and for addition CNN has a hidden layer of 256 units, without
  which it learns too slowly for the few epochs here (an error of 66 % after 7 of 10).
- A transformer puts out 28 x 28 pixels on every canvas, and on the larger canvases starts from the middle 28 x 28. For RTS and
  TC it reads 56 x 56, pooled by two, where the paper pools an output of the canvas's size, as ST-FCN does here, too, for RTS.
- The paper does not give the canvas of R, P and E, and does not say whether distortions are drawn anew for each epoch; here
  they are. P is read as moving the corners of the canvas, with the digit in its middle: moving the digit's own corners that
  far folds many of them, and leaves errors several times the paper's. See `stn_numba.data.distortions`.
"""


def write_report(runs: Path, page: Path, digits: Digits | None = None) -> list[Path]:
    """Write the page, a copy of the results beside it, and with `digits` a figure for each column; return the files.

    Figures that an earlier page had, and that are not drawn anew, stay on it.

    Parameters
    ----------
    runs
        Folder that `reproduce` wrote to.
    page
        File to write, Markdown.
    digits
        Whose test part the figures show.
    """
    if page.suffix == ".json":
        raise ValueError(f"out: expected a page, as results.md, beside which the results are copied, got {page}")
    results = [result for result in read_results(runs / "results.json") if result.part == "test"]
    if not results:
        raise ValueError(f"{runs / 'results.json'}: expected results on test digits, got none")
    page.parent.mkdir(parents=True, exist_ok=True)
    figures = {} if digits is None else _draw_figures(runs, page.parent, digits, _by_cell(results))
    copy = page.with_suffix(".json")
    if copy.resolve() != (runs / "results.json").resolve():
        write_atomically(copy, (runs / "results.json").read_bytes())
    there = {column for column in _COLUMNS if (page.parent / _figure(column)).exists()}
    write_atomically(page, _page(_by_cell(results), there, copy.name).encode())
    return [page, copy, *figures.values()]


def _by_cell(results: Sequence[Result]) -> Seeds:
    """Group by cell: of several runs of one seed the last."""
    last = {(result.cell, result.seed): result for result in results}
    groups: Seeds = defaultdict(list)
    for key in sorted(last):
        groups[key[0]].append(last[key])
    return groups


def _figure(column: str) -> str:
    """Where a column's figure lies, seen from the page."""
    return f"figures/results-{column}.png"


def _page(results: Seeds, figures: set[str], copy: str) -> str:
    parts = [_INTRODUCTION, _overview(results)]
    for column in _COLUMNS:
        rows = [_row(cell, results[cell.name]) for cell in CELLS if cell.column == column and cell.name in results]
        if not rows:
            continue
        most = max(run.n_params for cell in find_cells(f"*/{column}") for run in results.get(cell.name, []))
        parts.append(f"## {column}\n\nAt most {most:,} parameters.\n\n{_HEADER}" + "".join(rows))
        if column in figures:
            parts.append(
                f"(a) input, (b) sampled region, (c) what the transformer puts out, (d) prediction:\n\n"
                f"![{column}: input, sampled region, transformer output, prediction]({_figure(column)})\n"
            )
    return "\n".join([*parts, _DIFFERENCES]).replace("results.json", copy)


_HEADER = (
    "| network | transform | parameters | epochs | minutes | threads | seeds | error | paper | difference | standard error |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
)


def _overview(results: Seeds) -> str:
    """All cells at a glance, laid out as the source's table 1."""
    rows: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for cell in CELLS:
        error = f"{_mean_error(results[cell.name]):.2f}" if cell.name in results else "not run"
        rows[cell.model, cell.transform or ""][cell.column] = f"{error} ({cell.paper:.1f})"
    lines = [["network", "transform", *_COLUMNS], ["---", "---", *("---:" for _ in _COLUMNS)]]
    for (model, transform), row in rows.items():
        lines.append([model.upper(), transform, *(row.get(column, "") for column in _COLUMNS)])
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"## At a glance\n\nOur error, and the paper's in brackets.\n\n{table}\n"


def _mean_error(runs: list[Result]) -> float:
    return sum(run.error for run in runs) / len(runs)


def _row(cell: Cell, runs: list[Result]) -> str:
    error = _mean_error(runs)
    images = sum(run.images for run in runs) / len(runs)  # the seeds share their test digits: they are not more of them
    deviation = math.sqrt(error * (100 - error) / images)
    alike = len({run.threads for run in runs}) == 1  # else a mean of minutes says nothing
    seconds = [sum(run.seconds for run in runs) / len(runs)] if alike else [run.seconds for run in runs]
    values = (
        cell.model.upper(), cell.transform or "", _each(f"{run.n_params:,}" for run in runs), _each(run.epochs for run in runs),
        ", ".join(f"{each / 60:.0f}" for each in seconds), _each(run.threads for run in runs), len(runs),
        f"{error:.2f}", f"{cell.paper:.1f}", f"{error - cell.paper:+.2f}", f"{deviation:.2f}",
    )  # fmt: skip
    return "| " + " | ".join(map(str, values)) + " |\n"


def _each(values: Iterable[Any]) -> str:
    """The value of all runs, or those of each where they differ."""
    texts = [str(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)


def _draw_figures(runs: Path, folder: Path, digits: Digits, results: Seeds) -> dict[str, Path]:
    """Draw what one model of each column attends to."""
    from stn_numba.nn import load
    from stn_numba.paper.reproduce import distorted, run_name
    from stn_numba.plot import attention_figure
    from stn_numba.plot.figures import write_figure

    written = {}
    for column in _COLUMNS[:-1]:  # the two channels of an addition are no picture
        for kind in _SHOWN:
            name = f"{kind}/{column}"
            path = runs / f"{run_name(name, results[name][0].seed)}.safetensors" if name in results else None
            if path is None or not path.exists():
                continue
            X, y = distorted(find_cells(name)[0], (digits.test_images[:500], digits.test_labels[:500]))
            axes = attention_figure(load(path), X[:_ROWS], y[:_ROWS])
            written[column] = folder / _figure(column)
            write_figure(axes.flat[0], written[column], dpi=110)
            break
    return written
