"""Options that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

__all__ = ["Decorator", "data_option", "folder_option", "json_option", "progress_option", "transform_option"]

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def data_option(help: str) -> Decorator:
    """Return the option ``--data``, a folder with MNIST files."""
    return click.option("--data", type=click.Path(path_type=Path), metavar="FOLDER", help=help)


def folder_option(name: str, default: str, help: str) -> Decorator:
    """Return an option for a folder."""
    path = click.Path(path_type=Path)
    return click.option(name, type=path, metavar="FOLDER", default=Path(default), show_default=True, help=help)


def _parsed_options(_: click.Context, __: click.Parameter, given: Sequence[str]) -> dict[str, Any]:
    """The options of a transform: values are JSON, or else the text itself."""
    options: dict[str, Any] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals or not key.isidentifier():
            raise click.BadParameter(f"expected KEY=VALUE, got {each!r}")
        if key in options:
            raise click.BadParameter(f"{key!r} is given twice")
        try:
            options[key] = json.loads(value)
        except ValueError:
            options[key] = value
    return options


transform_option = click.option(
    "--transform-option",
    "transform_options",
    metavar="KEY=VALUE",
    multiple=True,
    callback=_parsed_options,
    help="Option of the transform, such as control_points=[4,4]; may be repeated. VALUE is JSON, or else text.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
progress_option = click.option(
    "--progress/--no-progress", default=True, help="Show progress bars, or one line per epoch without a terminal."
)
