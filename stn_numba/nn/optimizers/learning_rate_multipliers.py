"""Multipliers of the learning rate by parameter name."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from stn_numba._util.arguments import as_real

__all__ = ["LOCALIZATION", "check_multipliers", "resolve_multipliers"]

LOCALIZATION = "localisation"

_WILDCARDS = frozenset("*?[")


def resolve_multipliers(names: Iterable[str], given: Mapping[str, float]) -> dict[str, float]:
    """Return the multiplier of each parameter: that of the most specific key that matches its name, else 1.

    From most to least specific: the parameter's full name; the name of a layer that contains it, the innermost first; a
    pattern, the one with the most characters besides wildcards first, among which ``"localisation"`` stands for all
    localisation nets.

    Examples
    --------
    >>> names = ["spatialtransformer1.localisation.dense1.bias", "dense1.weight", "dense1.bias"]
    >>> list(resolve_multipliers(names, {"dense1": 0.5, "*.bias": 2, "dense1.bias": 0}).values())
    [2.0, 0.5, 0.0]
    """
    return {name: _multiplier(name, given) for name in names}


def check_multipliers(names: Collection[str], given: Any) -> None:
    """Reject keys that match no parameter, and multipliers that are negative or not finite."""
    if not isinstance(given, Mapping):
        raise TypeError(
            f"learning_rate_multipliers: expected multipliers by names of parameters or layers, got {type(given).__name__}"
        )
    for key, multiplier in given.items():
        if not isinstance(key, str):
            raise TypeError(f"learning_rate_multipliers: expected names of parameters or layers as keys, got {key!r:.60}")
        if key != LOCALIZATION and not any(_matches(key, name) for name in names):
            layers = ", ".join(dict.fromkeys(name.split(".")[0] for name in names))
            raise ValueError(
                "learning_rate_multipliers: expected parts of parameter names from their start "
                f"({layers}, and more after a dot), patterns with *, or {LOCALIZATION!r}, "
                f"got {key!r:.60}{_suggestion(key, names)}"
            )
        as_real(multiplier, f"learning_rate_multipliers[{key!r}]", "[0, inf)")


def _multiplier(name: str, given: Mapping[str, float]) -> float:
    matching = [key for key in given if _matches(key, name)]
    return float(given[max(matching, key=lambda key: _specificity(key, name))]) if matching else 1.0


def _matches(key: str, name: str) -> bool:
    if _WILDCARDS & set(key):
        return fnmatch.fnmatchcase(name, key)
    return name == key or name.startswith(f"{key}.") or (key == LOCALIZATION and LOCALIZATION in name.split("."))


def _specificity(key: str, name: str) -> tuple[int, int]:
    """Rank a key that matches a parameter's name: by its kind, then by its length."""
    rank = 3 if key == name else 2 if name.startswith(f"{key}.") else 1
    return rank, sum(letter not in _WILDCARDS for letter in key)


def _suggestion(key: str, names: Iterable[str]) -> str:
    """Suggest a layer or parameter that lies deeper, or one of a similar name."""
    known: dict[str, None] = {LOCALIZATION: None}
    for name in names:
        parts = name.split(".")
        if key == parts[-1]:
            return f"; did you mean {'*.' + key!r}?"
        known |= dict.fromkeys(".".join(parts[: place + 1]) for place in range(len(parts)))
    near = [each for each in known if each.endswith(f".{key}")] or difflib.get_close_matches(key, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""
