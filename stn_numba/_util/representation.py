"""Build ``repr`` strings that show the constructor call, shortened to fit a line."""

from __future__ import annotations

import inspect
import re
import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["call_repr", "constructor_arguments", "short_repr"]

_MAX_LENGTH = 60  # characters of one argument
_MAX_ITEMS = 8  # arrays with more are shown by their shape


def call_repr(instance: object, arguments: Mapping[str, Any]) -> str:
    """Return ``ClassName(name=value, ...)`` with shortened values; never raises.

    Examples
    --------
    >>> class Shift:
    ...     pass
    >>> call_repr(Shift(), {"step": 2, "points": np.zeros((100, 2))})
    'Shift(step=2, points=<array (100, 2)>)'
    """
    return f"{type(instance).__name__}({', '.join(f'{name}={short_repr(value)}' for name, value in arguments.items())})"


def constructor_arguments(instance: object) -> dict[str, Any]:
    """Return those constructor arguments that an instance stores as ``name`` or ``_name``.

    Examples
    --------
    >>> class Shift:
    ...     def __init__(self, step=1, *, mirror=False):
    ...         self.step, self._mirror = step, mirror
    >>> constructor_arguments(Shift(3))
    {'step': 3, 'mirror': False}
    """
    found = {name: _attribute(instance, name) for name in argument_names(type(instance))}
    return {name: value for name, value in found.items() if value is not _Absent}


def argument_names(kind: type) -> list[str]:
    """Return the names of a constructor's arguments, without ``*args`` and ``**kwargs``; none if there is no signature.

    Examples
    --------
    >>> argument_names(type("Plain", (), {}))
    []
    """
    try:
        parameters = inspect.signature(kind).parameters
    except Exception:  # classes without a readable signature
        return []
    variable = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    return [name for name, parameter in parameters.items() if parameter.kind not in variable]


class _Absent:
    """Marks a missing attribute."""


def _attribute(instance: object, name: str) -> Any:
    for attribute in (name, f"_{name}"):
        try:
            return getattr(instance, attribute)
        except Exception:  # a property may raise anything
            continue
    return _Absent


def short_repr(value: Any) -> str:
    """Return a short ``repr``: small arrays as lists, large ones by shape, functions by name; never raises."""
    try:
        text = _text(value)
    except Exception:  # a foreign __repr__ may raise anything
        return f"<{type(value).__name__}>"
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 3]}..."


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return repr(value.tolist()) if value.size <= _MAX_ITEMS else f"<array {value.shape}>"
    if isinstance(value, np.generic):
        return repr(value.item())
    if callable(value) and hasattr(value, "__qualname__"):
        return str(value.__qualname__)
    return re.sub(r"<[^<>]*?(?:<locals>\.)?(\w+) (?:object|instance) at 0x[0-9a-fA-F]+>", r"<\1>", _CONTAINERS.repr(value))


_CONTAINERS = reprlib.Repr()  # shows only the first few members
_CONTAINERS.maxlist = _CONTAINERS.maxtuple = _CONTAINERS.maxdict = _CONTAINERS.maxset = _MAX_ITEMS
_CONTAINERS.maxstring = _CONTAINERS.maxother = 2 * _MAX_LENGTH
