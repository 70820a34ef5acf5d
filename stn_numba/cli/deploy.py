"""The commands ``plugins``, ``warmup`` and ``doctor``: what an installation can do, and whether it is sound."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from stn_numba.cli.errors import plain_errors

__all__ = ["doctor", "plugins", "warmup"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plugins(as_json: bool) -> None:
    """List all transforms: name, kind, parameters, distribution, status."""
    from stn_numba.deploy.doctor import plugin_rows
    from stn_numba.deploy.report import table

    with plain_errors():
        rows = plugin_rows()
        if as_json:
            click.echo(json.dumps(rows, indent=2))
            return
        for line in table([("name", "kind", "parameters", "distribution", "status"), *(tuple(row.values()) for row in rows)]):
            click.echo(line)


@click.command()
@click.option(
    "--networks",
    type=click.Choice(["predict", "train"]),
    default="predict",
    show_default=True,
    help="What the deployed networks do.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    type=click.Path(path_type=Path),
    help="File of a model that is deployed; may be repeated. Without any, a network of usual size stands in.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line a step.")
def warmup(networks: str, models: tuple[Path, ...], as_json: bool) -> None:
    """Compile into the cache what networks need beyond the kernels that the wheel brings. Run it when an image is built.

    Exits with 1 if something was compiled that no folder keeps.
    """
    from stn_numba.deploy import installation
    from stn_numba.deploy.warmup import warmup as steps

    lost = False
    with plain_errors():
        for step in steps(networks=networks, models=models):
            lost |= step.source == "compiled"
            row = {"name": step.name, "seconds": round(step.seconds, 3), "source": step.source}
            click.echo(json.dumps(row) if as_json else f"{step.seconds:7.2f} s  {step.source:8}  {step.name}")
        cache = installation.cache()
    if not as_json:
        click.echo(f"kept in {cache['write']}" if cache["write"] else f"not kept: {cache['why']}")
        for kernel, why in cache["failures"].items():
            click.echo(f"not kept: {kernel}: {why}")
    if cache["failures"] or (lost and not cache["write"]):
        sys.exit(1)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--test/--no-test", default=True, help="Run the self-test.")
def doctor(as_json: bool, test: bool) -> None:
    """Look this installation over and give advice. Exits with 1 if calls fail or give wrong results."""
    from stn_numba.deploy.doctor import doctor as look_over
    from stn_numba.deploy.report import text

    with plain_errors():
        report = look_over(test=test)
        click.echo(json.dumps(report, indent=2) if as_json else text(report))
    if not report["healthy"]:
        sys.exit(1)
