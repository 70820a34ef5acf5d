"""Write the page that compares our errors with the paper's."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from stn_numba._util.files import write_atomically
from stn_numba.data import Digits
from stn_numba.paper.colocalization_section import colocalization_section
from stn_numba.paper.experiments import EXPERIMENTS, Experiment, find_experiments
from stn_numba.paper.results import Result, read_results
from stn_numba.paper.volumes_section import volumes_section

__all__ = ["write_results_page"]

_COLUMNS = ("R", "RTS", "P", "E", "TC", "addition")
# the figure of a column shows the first of these with a saved model
_SHOWN = ("st-cnn/tps", "st-cnn/projective", "st-cnn/affine", "st-fcn/tps", "st-fcn/affine")
_ROWS = 4

Runs = dict[str, list[Result]]

_INTRODUCTION = """\
# Results against the paper

Errors in % on the 10,000 test digits of MNIST, distorted with a fixed seed, compared with those of Jaderberg et al., Spatial
Transformer Networks (arXiv 1506.02025). `stn-numba results` writes this page from [results.json](results.json), which holds the
command, settings, seed, parameters, epochs, seconds and threads of each run. Minutes are wall-clock time, also when several
runs shared the machine, each on one thread. If the seeds of an experiment ran on different numbers of threads, minutes and
threads are given for each.

The standard error is that of our mean over the test digits, sqrt(p (1 - p) / n); that of the paper's means over three seeds is
about the same. Seeds affect initial parameters, order and distortions; the test digits are the same for all.
"""

_DIFFERENCES = """\
## What differs from the paper

- Optimizer: Adam with a one-cycle learning rate, for most networks with label smoothing, instead of SGD with three learning
  rates. ST-CNN on RTS also uses weight decay, and the affine one Muon for its convolutions. docs/training.md explains how these
  settings were chosen.
- Far fewer steps: the paper trains for 150,000 batches of 256, about 640 epochs.
- All networks of a column are as wide as the parameter limit in its heading allows; those of the paper have about 400,000
  parameters throughout. Kinds of layers, kernel sizes and localisation networks are the paper's, with three exceptions. On
  canvases larger than a digit, the localisation networks of ST-FCN see the image at half the size, as those of ST-CNN do;
  otherwise two of them would take more than half of the parameters. FCN for TC and addition also sees half the size; otherwise
  its first layer would leave it fewer than the paper's minimum of 128 units, and the errors are higher. CNN for addition has a
  hidden layer of 256 units; without it, it learns too slowly for the few epochs here (an error of 66 % after 7 of 10).
- The classifier behind a transformer gets 28 x 28 pixels on every canvas, and on the larger canvases the transformer starts
  from the middle 28 x 28. For RTS and TC it samples 56 x 56 and pools by two, where the paper pools an output of the canvas's
  size, as ST-FCN on RTS does here.
- The paper does not give the canvas of R, P and E, and does not say whether each epoch has new random distortions, as it has
  here. P moves the corners of the canvas, with the digit in its middle. Moving the digit's own corners as far folds many
  digits and leads to errors several times the paper's. See `stn_numba.data.distortions`.
"""


def write_results_page(runs: Path, page: Path, digits: Digits | None = None) -> list[Path]:
    """Write a Markdown page with tables of errors and figures, and a copy of the results next to it.

    Existing figures that are not drawn again stay on the page.

    Parameters
    ----------
    runs : Path
        Folder that `reproduce` wrote to.
    page : Path
        File to write, such as ``docs/results.md``.
    digits : Digits, optional
        Draw a figure for each column, with these test digits.

    Returns
    -------
    list of Path
        The written files.

    Raises
    ------
    FileNotFoundError
        If `runs` has no results.
    ValueError
        If there are no results on test digits, or `page` ends in ``.json``.
    """
    if page.suffix == ".json":
        raise ValueError(f"out: expected a page such as results.md, got {page}, where a copy of the results goes")
    if not (runs / "results.json").exists():
        raise FileNotFoundError(f"{runs / 'results.json'}: no such file; `stn-numba reproduce` writes it")
    results = [result for result in read_results(runs / "results.json") if result.part == "test"]
    if not results:
        raise ValueError(f"{runs / 'results.json'}: expected results on test digits, got none")
    page.parent.mkdir(parents=True, exist_ok=True)
    figures = {} if digits is None else _draw_figures(runs, page.parent, digits, _by_experiment(results))
    copy = page.with_suffix(".json")
    if copy.resolve() != (runs / "results.json").resolve():
        write_atomically(copy, (runs / "results.json").read_bytes())
    existing = {column for column in _COLUMNS if (page.parent / _figure(column)).exists()}
    appendix = [section for section in (colocalization_section(page.parent), volumes_section(page.parent)) if section]
    write_atomically(page, _page(_by_experiment(results), existing, copy.name, appendix).encode())
    return [page, copy, *figures.values()]


def _by_experiment(results: Sequence[Result]) -> Runs:
    """Group results by experiment, with the last run of each seed."""
    last = {(result.experiment, result.seed): result for result in results}
    groups: Runs = defaultdict(list)
    for key in sorted(last):
        groups[key[0]].append(last[key])
    return groups


def _figure(column: str) -> str:
    """Return the path of a column's figure relative to the page."""
    return f"figures/results-{column}.png"


def _page(results: Runs, figures: set[str], copy: str, appendix: list[str]) -> str:
    parts = [_INTRODUCTION, _overview(results)]
    for column in _COLUMNS:
        finished = [experiment for experiment in find_experiments(f"*/{column}") if experiment.name in results]
        if not finished:
            continue
        rows = [_row(experiment, results[experiment.name]) for experiment in finished]
        largest = max(run.n_params for experiment in finished for run in results[experiment.name])
        parts.append(f"## {column}\n\nAt most {largest:,} parameters.\n\n{_HEADER}" + "".join(rows))
        if column in figures:
            parts.append(
                f"(a) input, (b) sampled region, (c) transformer output, (d) prediction:\n\n"
                f"![{column}: input, sampled region, transformer output, prediction]({_figure(column)})\n"
            )
    return "\n".join([*parts, *appendix, _DIFFERENCES]).replace("results.json", copy)


_HEADER = (
    "| network | transform | parameters | epochs | minutes | threads | seeds | error | paper | difference | standard error |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
)


def _overview(results: Runs) -> str:
    """Return a table of all experiments, laid out as table 1 of the paper."""
    rows: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for experiment in EXPERIMENTS:
        error = f"{_mean_error(results[experiment.name]):.2f}" if experiment.name in results else "not run"
        rows[experiment.model, experiment.transform or ""][experiment.column] = f"{error} ({experiment.paper_error:.1f})"
    lines = [["network", "transform", *_COLUMNS], ["---", "---", *("---:" for _ in _COLUMNS)]]
    for (model, transform), row in rows.items():
        lines.append([model.upper(), transform, *(row.get(column, "") for column in _COLUMNS)])
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"## Overview\n\nOur error, with the paper's in parentheses.\n\n{table}\n"


def _mean_error(runs: list[Result]) -> float:
    return sum(run.error for run in runs) / len(runs)


def _row(experiment: Experiment, runs: list[Result]) -> str:
    error = _mean_error(runs)
    images = sum(run.images for run in runs) / len(runs)  # not their sum, since all seeds share the same test digits
    deviation = math.sqrt(error * (100 - error) / images)
    comparable = len({run.threads for run in runs}) == 1  # otherwise a mean of times is meaningless
    seconds = [sum(run.seconds for run in runs) / len(runs)] if comparable else [run.seconds for run in runs]
    values = (
        experiment.model.upper(), experiment.transform or "",
        _each(f"{run.n_params:,}" for run in runs), _each(run.epochs for run in runs),
        ", ".join(f"{each / 60:.0f}" for each in seconds), _each(run.threads for run in runs), len(runs),
        f"{error:.2f}", f"{experiment.paper_error:.1f}", f"{error - experiment.paper_error:+.2f}", f"{deviation:.2f}",
    )  # fmt: skip
    return "| " + " | ".join(map(str, values)) + " |\n"


def _each(values: Iterable[Any]) -> str:
    """Return the value that all runs share, or the value of each."""
    texts = [str(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)


def _draw_figures(runs: Path, folder: Path, digits: Digits, results: Runs) -> dict[str, Path]:
    """Draw what one model of each column attends to; return the files by column."""
    from stn_numba.nn import load
    from stn_numba.paper.reproduce import evaluation_set, run_name
    from stn_numba.plot import attention_figure
    from stn_numba.plot.figures import write_figure

    written = {}
    for column in _COLUMNS[:-1]:  # two channels cannot be drawn as one image
        for kind in _SHOWN:
            name = f"{kind}/{column}"
            path = runs / f"{run_name(name, results[name][0].seed)}.safetensors" if name in results else None
            if path is None or not path.exists():
                continue
            X, y = evaluation_set(find_experiments(name)[0], (digits.test_images[:500], digits.test_labels[:500]))
            axes = attention_figure(load(path), X[:_ROWS], y[:_ROWS])
            written[column] = folder / _figure(column)
            write_figure(axes.flat[0], written[column], dpi=110)
            break
    return written
