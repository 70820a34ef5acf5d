"""Represent objects by the expression that makes them, shortened to fit a line."""

from __future__ import annotations

import inspect
import re
import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["arguments_of", "expression", "short"]

_LONGEST = 60  # characters of one argument
_MOST_NUMBERS = 8  # of an array that is written out


def expression(instance: object, arguments: Mapping[str, Any]) -> str:
    """Return the call that makes an instance, with its arguments shortened; never raises.

    Examples
    --------
    >>> class Shift:
    ...     pass
    >>> expression(Shift(), {"step": 2, "points": np.zeros((100, 2))})
    'Shift(step=2, points=<array (100, 2)>)'
    """
    return f"{type(instance).__name__}({', '.join(f'{name}={short(value)}' for name, value in arguments.items())})"


def arguments_of(instance: object) -> dict[str, Any]:
    """Return the constructor's arguments of any instance, as far as it keeps them in attributes of the same names.

    Examples
    --------
    >>> class Shift:
    ...     def __init__(self, step=1, *, turned=False):
    ...         self.step, self._turned = step, turned
    >>> arguments_of(Shift(3))
    {'step': 3, 'turned': False}
    """
    try:
        names = [
            name
            for name, parameter in inspect.signature(type(instance)).parameters.items()
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ]
    except Exception:  # a signature that cannot be known
        return {}
    found = {name: _attribute(instance, name) for name in names}
    return {name: value for name, value in found.items() if value is not _Absent}


class _Absent:
    """Stands for an attribute that is not there."""


def _attribute(instance: object, name: str) -> Any:
    for attribute in (name, f"_{name}"):
        try:
            return getattr(instance, attribute)
        except Exception:  # a property may raise anything
            continue
    return _Absent


def short(value: Any) -> str:
    """Return a value as a short text: small arrays as lists, large ones by their shape, functions by name; never raises."""
    try:
        text = _text(value)
    except Exception:  # whatever a stranger's __repr__ raises
        return f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return repr(value.tolist()) if value.size <= _MOST_NUMBERS else f"<array {value.shape}>"
    if isinstance(value, np.generic):
        return repr(value.item())
    if callable(value) and hasattr(value, "__qualname__"):
        return str(value.__qualname__)
    return re.sub(r"<[^<>]*?(?:<locals>\.)?(\w+) (?:object|instance) at 0x[0-9a-fA-F]+>", r"<\1>", _CONTAINERS.repr(value))


_CONTAINERS = reprlib.Repr()  # looks at a few members only
_CONTAINERS.maxlist = _CONTAINERS.maxtuple = _CONTAINERS.maxdict = _CONTAINERS.maxset = _MOST_NUMBERS
_CONTAINERS.maxstring = _CONTAINERS.maxother = 2 * _LONGEST
