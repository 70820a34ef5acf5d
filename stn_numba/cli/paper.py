"""The commands ``demo``, ``reproduce`` and ``results``: the experiments of the paper."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from stn_numba.cli.options import data_option, folder_option, progress_option

__all__ = ["demo", "reproduce", "results"]


@click.command()
@folder_option("--out", "runs/demo", "Output folder.")
@click.option(
    "--epochs", type=click.IntRange(1), default=60, show_default=True, help="Epochs of the network with a transformer."
)
@click.option("--seed", default=0, show_default=True, help="Seed of parameters, order and distortions.")
@progress_option
def demo(out: Path, epochs: int, seed: int, progress: bool) -> None:
    """Compare a plain and a spatial transformer network.

    Trains both on digits in clutter, with about the same number of parameters: the plain one for as many epochs as the one
    with a transformer, and for the same time. Writes a figure of what the transformer attends to, the learning curves, the test
    errors and the models.
    """
    from stn_numba.paper.demo import run_demo

    click.echo(run_demo(out, epochs=epochs, seed=seed, progress=progress, log=click.echo))


@click.command()
@click.argument("patterns", metavar="EXPERIMENT...", nargs=-1)
@data_option("Folder with MNIST's four files.")
@folder_option("--out", "runs/paper", "Output folder.")
@click.option("--seed", "seeds", multiple=True, type=int, default=(0,), show_default=True, help="Seed; may be repeated.")
@click.option("--validate", is_flag=True, help="Hold out 5,000 training digits and evaluate on them.")
@click.option("--optimizer", type=click.Choice(["adam", "muon"]), help="Replace the experiment's optimizer.")
@click.option("--epochs", type=click.IntRange(1), help="Replace the experiment's number of epochs.")
@click.option("--batch-size", type=click.IntRange(1), help="Replace the experiment's batch size.")
@click.option("--learning-rate", type=float, help="Replace the experiment's peak learning rate.")
@click.option("--localisation-rate", type=float, help="Replace the multiplier of the localisation network's learning rate.")
@click.option("--label-smoothing", type=float, help="Replace the experiment's label smoothing.")
@click.option("--weight-decay", type=float, help="Replace the experiment's weight decay.")
@click.option("--budget", type=int, help="Replace the maximum number of parameters.")
@click.option("--again", is_flag=True, help="Also run experiments that already have a result.")
@click.option(
    "--cluster", metavar="ADDRESS", help="Run experiments side by side on the workers of the Dask scheduler at ADDRESS."
)
@click.option("--list", "only_list", is_flag=True, help="List the experiments and exit.")
def reproduce(
    patterns: tuple[str, ...], data: Path | None, out: Path, seeds: tuple[int, ...], validate: bool, again: bool,
    cluster: str | None, only_list: bool, **changes: Any,
) -> None:  # fmt: skip
    """Run experiments of the paper's tables.

    EXPERIMENT is a name or a pattern, such as cnn/TC, st-cnn/affine/R or 'fcn/*'.

    Appends results to results.json. To resume an interrupted run, repeat the command; with --again, leave out the experiments
    that had finished. For a run with other options while an interrupted one exists, choose another --out. With --cluster, as
    tcp://192.168.1.5:8786, experiments that had not finished start again.
    """
    from stn_numba import paper
    from stn_numba.data import load_mnist
    from stn_numba.paper.cluster import Cell, run_on_cluster
    from stn_numba.paper.settings import settings_for

    experiments = list(dict.fromkeys(each for pattern in patterns or ("*",) for each in paper.find_experiments(pattern)))
    if only_list:
        for experiment in experiments:
            click.echo(f"{experiment.name:28} {experiment.paper_error:5.1f} % in the paper")
        return
    if not patterns or data is None:
        raise ValueError("reproduce: expected EXPERIMENT and --data FOLDER; --list shows the experiments")
    digits = load_mnist(data)
    command = ("stn-numba", *sys.argv[1:])
    cells = [
        Cell(experiment, seed, settings_for(experiment, **changes), validate, command)
        for seed in seeds
        for experiment in experiments
        if again or not _has_result(experiment.name, seed, "validation" if validate else "test", out)
    ]
    if cluster is not None:
        run_on_cluster(cluster, cells, digits, out, log=click.echo)
        return
    for cell in cells:
        paper.reproduce(
            cell.experiment, digits, out, seed=cell.seed, validate=validate, settings=cell.settings, command=command,
            log=click.echo,
        )  # fmt: skip


def _has_result(experiment: str, seed: int, part: str, out: Path) -> bool:
    """Say that an experiment is skipped, if it has a result."""
    from stn_numba.paper.results import read_results

    path = out / "results.json"
    if (experiment, seed, part) not in {(r.experiment, r.seed, r.part) for r in (read_results(path) if path.exists() else [])}:
        return False
    click.echo(f"{experiment}, seed {seed}: skipped, it has a result (--again runs it again)")
    return True


@click.command()
@folder_option("--runs", "runs/paper", "Output folder of `stn-numba reproduce`.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("docs/results.md"), show_default=True, help="The page to write."
)
@data_option("Folder with MNIST's four files, to draw figures.")
def results(runs: Path, out: Path, data: Path | None) -> None:
    """Compare the results of `reproduce` with the paper's.

    Writes a Markdown page with tables and figures.
    """
    from stn_numba.data import load_mnist
    from stn_numba.paper.results_page import write_results_page

    for path in write_results_page(runs, out, None if data is None else load_mnist(data)):
        click.echo(f"wrote {path}")
