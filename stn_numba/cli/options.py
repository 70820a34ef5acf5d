"""Options that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

__all__ = ["Decorator", "data_option", "folder_option", "json_option", "progress_option", "transform_options"]

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def data_option(help: str) -> Decorator:
    """Return the option ``--data``, a folder with MNIST files."""
    return click.option("--data", type=click.Path(path_type=Path), metavar="FOLDER", help=help)


def folder_option(name: str, default: str, help: str) -> Decorator:
    """Return an option for a folder."""
    path = click.Path(path_type=Path)
    return click.option(name, type=path, metavar="FOLDER", default=Path(default), show_default=True, help=help)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
progress_option = click.option(
    "--progress/--no-progress", default=True, help="Show progress bars, or one line per epoch without a terminal."
)


def _parse_options(context: click.Context, parameter: click.Parameter, pairs: tuple[str, ...]) -> dict[str, Any]:
    """Return options by name; values are JSON, or else text, as in ``transform=rotation``."""
    options: dict[str, Any] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not name.isidentifier() or not separator:
            raise click.BadParameter(f"expected NAME=VALUE, such as degree=3, got {pair!r}", context, parameter)
        if name in options:
            raise click.BadParameter(f"{name!r} is given twice", context, parameter)
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options


transform_options = click.option(
    "--transform-option",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_parse_options,
    help="An option of the transform, such as control_points=[4,4]; may be repeated.",
)
