"""The command ``stn-numba``, a group of commands."""

from __future__ import annotations

import sys

try:
    import click
except ImportError:
    sys.exit("stn-numba: the command line needs click: pip install stn-numba[cli]")

import stn_numba
from stn_numba.cli import deploy, paper, train
from stn_numba.cli.errors import OneLineErrors
from stn_numba.cli.export import export
from stn_numba.cli.predict import predict
from stn_numba.cli.register import register

__all__ = ["main"]


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(stn_numba.__version__, prog_name="stn-numba")
def main() -> None:
    """Train spatial transformer networks on the CPU, see what they attend to, and register images."""


for command in (
    paper.demo,
    train.train,
    train.evaluate,
    train.figure,
    predict,
    export,
    register,
    paper.reproduce,
    paper.results,
    deploy.plugins,
    deploy.warmup,
    deploy.doctor,
):
    main.add_command(command)
