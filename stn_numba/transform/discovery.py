"""Find the transforms that installed distributions announce, without importing any.

Distributions announce transforms in the entry-point group ``stn_numba.transforms``, which the `entrypoints` package reads. A
plugin that is broken, or whose name is claimed twice, is found with a description of the problem; there is one warning.

``STN_NUMBA_PLUGINS`` lists, separated by commas, the distributions or transforms that may be loaded; if it is empty, none. The
transforms of stn-numba itself are always allowed. A transform that is not allowed is never imported.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stn_numba._util import environment

__all__ = ["GROUP", "Plugin", "announced", "find", "forget"]

GROUP = "stn_numba.transforms"

_BUILT_IN = "stn-numba"
_NOT_ALLOWED = "not allowed by"


@dataclass(frozen=True)
class Plugin:
    """One announced transform.

    Attributes
    ----------
    name : str
        The name to ask for it by.
    source : str
        Name and version of its distribution, or ``"register_transform"``.
    target : str
        ``module:object``, or the registered object's name.
    problem : str
        Why it cannot be used, as far as is known without importing it; empty if it can.
    """

    name: str
    source: str
    target: str
    problem: str = ""

    def __str__(self) -> str:
        return f"transform {self.name!r} = {self.target} of {self.source}"

    @property
    def is_built_in(self) -> bool:
        """Whether it belongs to stn-numba itself."""
        return self.source.partition(" ")[0] == _BUILT_IN

    @property
    def is_blocked(self) -> bool:
        """Whether ``STN_NUMBA_PLUGINS`` does not allow it."""
        return self.problem.startswith(_NOT_ALLOWED)


Found = tuple[Plugin, Any]  # with its entry point, None if that cannot be loaded


def announced() -> list[Found]:
    """All announced transforms, usable or not, with their entry points."""
    return _announced(tuple(sys.path), environment.allowed_plugins())


def find(name: str) -> Found | None:
    """The announced transform of a name; of several the one that can be used, else one that is allowed."""
    found = [(plugin, entry) for plugin, entry in announced() if plugin.name == name]
    return min(found, key=lambda pair: (bool(pair[0].problem), pair[0].is_blocked), default=None)


def forget() -> None:
    """Search again at the next call: a distribution may have been installed."""
    _announced.cache_clear()


@functools.cache
def _announced(path: tuple[str, ...], allowed: frozenset[str] | None) -> list[Found]:
    """All entry points of the group on `path`, with a warning for each that is broken or has a reserved or ambiguous name."""
    found = list(_scan(path, allowed))
    considered = [plugin for plugin, _ in found if not plugin.is_blocked]
    found = [
        (_resolved(plugin, [rival for rival in considered if rival.name == plugin.name]), entry) for plugin, entry in found
    ]
    for plugin, _ in found:
        if plugin.problem and not plugin.is_blocked:
            warnings.warn(f"{plugin}: {plugin.problem}", RuntimeWarning, stacklevel=2)
    return found


def _resolved(plugin: Plugin, rivals: list[Plugin]) -> Plugin:
    """The plugin, with a problem if others claim its name: built-in names are reserved, other names must be unique."""
    if plugin.problem or len(rivals) < 2 or plugin.is_built_in:
        return plugin
    if any(rival.is_built_in for rival in rivals):
        return dataclasses.replace(plugin, problem=f"the name belongs to {_BUILT_IN} itself")
    return dataclasses.replace(plugin, problem=f"two distributions claim one name: {' and '.join(map(str, rivals))}")


def _scan(path: tuple[str, ...], allowed: frozenset[str] | None) -> Iterator[Found]:
    seen = set()
    for folder in path:
        for config, distribution in _distributions(folder):
            name = (getattr(distribution, "name", None) or "?").lower().replace("_", "-")
            if name in seen:  # shadowed by the same distribution earlier on the path
                continue
            seen.add(name)
            if GROUP in config:
                for key, text in config.items(GROUP, raw=True):
                    yield _plugin(key, text, name, distribution, allowed)


def _plugin(key: str, text: str, distribution_name: str, distribution: Any, allowed: frozenset[str] | None) -> Found:
    """Read one line of an entry-point file."""
    import entrypoints

    source, names = f"{distribution_name} {distribution.version}", {*map(environment.normalized_name, (distribution_name, key))}
    if not (allowed is None or environment.normalized_name(distribution_name) == _BUILT_IN or names & allowed):
        return Plugin(key, source, text, f"{_NOT_ALLOWED} {environment.PLUGINS}"), None
    try:
        entry = entrypoints.EntryPoint.from_string(text, key, distribution)
    except entrypoints.BadEntryPoint:
        return Plugin(key, source, text, "the entry point is not of the form module:object"), None
    return Plugin(key, source, text, _missing_module(entry.module_name)), entry


def _distributions(folder: str) -> Iterator[tuple[Any, Any]]:
    """Entry-point files of one folder of the path; a folder that cannot be read is skipped with a warning."""
    import entrypoints

    try:
        yield from entrypoints.iter_files_distros(path=[folder])
    except Exception as error:  # one distribution's malformed file must not affect the others
        warnings.warn(
            f"entry points of {folder} cannot all be read: {type(error).__name__}: {error}",
            RuntimeWarning,
            stacklevel=2,
        )


def _missing_module(module: str) -> str:
    """Say that the top-level module is missing, without importing anything; empty if it exists."""
    top = module.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError) as error:
        return f"module {top!r} cannot be found: {error}"
    return "" if spec else f"there is no module {top!r}"
