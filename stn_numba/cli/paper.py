"""The commands ``demo``, ``reproduce`` and ``results``: the experiments of the paper."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from stn_numba.cli.errors import plain_errors

__all__ = ["demo", "reproduce", "results"]


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/demo"), show_default=True)
@click.option("--seconds", default=100.0, show_default=True, help="Training time of each of the two networks.")
@click.option("--seed", default=0, show_default=True, help="Of parameters, order and distortions.")
@click.option("--progress/--no-progress", default=True, help="Show progress bars; without a terminal, a line an epoch.")
def demo(out: Path, seconds: float, seed: int, progress: bool) -> None:
    """Train a plain network and a spatial transformer on cluttered digits, and compare them.

    Both have about as many parameters and the same training time. Writes the figure, the learning curves and both models.
    """
    from stn_numba.paper import demo as run

    with plain_errors():
        click.echo(run.run(out, seconds=seconds, seed=seed, progress=progress, say=click.echo))


@click.command()
@click.argument("patterns", metavar="CELL...", nargs=-1)
@click.option("--data", type=click.Path(path_type=Path), help="Folder of MNIST's four files.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/paper"), show_default=True)
@click.option("--seed", "seeds", multiple=True, type=int, default=(0,), show_default=True, help="May be repeated.")
@click.option("--validate", is_flag=True, help="Hold out 5,000 training digits and evaluate on them.")
@click.option("--optimizer", type=click.Choice(["adam", "muon"]), help="Instead of the cell's own.")
@click.option("--epochs", type=click.IntRange(1), help="Instead of the cell's own.")
@click.option("--batch-size", type=click.IntRange(1), help="Instead of the cell's own.")
@click.option("--learning-rate", type=float, help="At its peak, instead of the cell's own.")
@click.option("--localisation-rate", type=float, help="Multiplies the rate of the localisation net.")
@click.option("--label-smoothing", type=float, help="Instead of the cell's own.")
@click.option("--weight-decay", type=float, help="Instead of the cell's own.")
@click.option("--budget", type=int, help="Most parameters, instead of the column's.")
@click.option("--again", is_flag=True, help="Run cells that have a result, too.")
@click.option("--list", "only_list", is_flag=True, help="List the cells and stop.")
def reproduce(
    patterns: tuple[str, ...], data: Path | None, out: Path, seeds: tuple[int, ...], validate: bool, again: bool,
    only_list: bool, **changes: Any,
) -> None:  # fmt: skip
    """Train and test cells of the paper's tables: st-cnn/affine/R, 'fcn/*', 2st-fcn/tps/addition.

    A killed run goes on where it was when the same command is given again; with --again, leave out the cells that were done.
    Results are appended to results.json. A run with other options needs another --out while an unfinished one is there.
    """
    from stn_numba import paper
    from stn_numba.data import load_mnist
    from stn_numba.paper.results import read_results
    from stn_numba.paper.settings import settings_of

    with plain_errors():
        cells = list(dict.fromkeys(cell for pattern in patterns or ("*",) for cell in paper.find_cells(pattern)))
        if only_list:
            for cell in cells:
                click.echo(f"{cell.name:28} {cell.paper:5.1f} % in the paper")
            return
        if not patterns or data is None:
            raise ValueError("reproduce: expected cells and --data FOLDER; --list shows the cells")
        digits = load_mnist(data)
        command = ["stn-numba", *sys.argv[1:]]
        part = "validation" if validate else "test"
        for seed in seeds:
            for cell in cells:
                settings = settings_of(cell, **changes)
                path = out / "results.json"
                done = {(r.cell, r.seed, r.part) for r in (read_results(path) if path.exists() else [])}
                if (cell.name, seed, part) in done and not again:
                    click.echo(f"{cell.name}, seed {seed}: has a result, left out (--again runs it again)")
                    continue
                paper.reproduce(
                    cell, digits, out, seed=seed, validate=validate, settings=settings, command=command, say=click.echo
                )


@click.command()
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs/paper"), show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results.md"), show_default=True)
@click.option("--data", type=click.Path(path_type=Path), help="Folder of MNIST's four files, for the figures.")
def results(runs: Path, out: Path, data: Path | None) -> None:
    """Write what `reproduce` found beside the paper's errors, as a page with figures."""
    from stn_numba.data import load_mnist
    from stn_numba.paper.report import write_report

    with plain_errors():
        for path in write_report(runs, out, None if data is None else load_mnist(data)):
            click.echo(f"wrote {path}")
