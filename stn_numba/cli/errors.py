"""Report errors of commands on one line, without a traceback."""

from __future__ import annotations

from typing import Any

import click

__all__ = ["OneLineErrors"]

_ERRORS = (ValueError, TypeError, OSError, ImportError, RuntimeError, ArithmeticError)


class OneLineErrors(click.Group):
    """A group whose commands end with ``Error: <message>`` and exit code 1 for the errors that the library raises."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (click.Abort, click.exceptions.Exit, BrokenPipeError):  # click handles these itself
            raise
        except _ERRORS as error:
            raise click.ClickException(str(error) or type(error).__name__) from error
