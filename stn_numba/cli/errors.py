"""How commands tell what went wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import click

__all__ = ["plain_errors"]

_FAILURES = (ValueError, TypeError, OSError, ImportError, RuntimeError, ArithmeticError)


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Show what went wrong as one line, without a traceback."""
    try:
        yield
    except BrokenPipeError:  # who reads the output has seen enough: click ends quietly
        raise
    except _FAILURES as error:
        raise click.ClickException(str(error) or type(error).__name__) from error
