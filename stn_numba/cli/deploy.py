"""The commands ``plugins``, ``warmup`` and ``doctor``: what an installation can do, and whether it works."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from stn_numba.cli.options import json_option

__all__ = ["doctor", "plugins", "warmup"]


@click.command()
@json_option
def plugins(as_json: bool) -> None:
    """List the installed transforms.

    Shows name, kind, number of parameters, distribution and status.
    """
    from stn_numba.deploy.doctor import plugin_rows, table

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
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="File of a deployed model; may be repeated.  [default: a network of typical size]",
)
@json_option
def warmup(networks: str, models: tuple[Path, ...], as_json: bool) -> None:
    """Compile the kernels that a deployment needs into the cache.

    Run it when you build a container image. It compiles the kernels that networks need and the wheel does not contain. Exits
    with code 1 if something was compiled but could not be kept.
    """
    from stn_numba.deploy import installation
    from stn_numba.deploy.warmup import warmup as steps

    lost = False
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
@json_option
@click.option("--test/--no-test", default=True, show_default=True, help="Run the self-test.")
def doctor(as_json: bool, test: bool) -> None:
    """Check this installation and give advice.

    Exits with code 1 if calls fail or return wrong results.
    """
    from stn_numba.deploy.doctor import doctor as check
    from stn_numba.deploy.doctor import format_report

    report = check(test=test)
    click.echo(json.dumps(report, indent=2) if as_json else format_report(report))
    if not report["healthy"]:
        sys.exit(1)
