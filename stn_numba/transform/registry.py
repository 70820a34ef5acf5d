"""Transforms by name: those of installed distributions, and those registered at run time.

Distributions announce transforms in the entry-point group ``stn_numba.transforms``; the `entrypoints` package reads what
they announce. Nothing is imported before it is asked for. A plugin that is broken, or claimed twice, hurts only
whoever asks for it: it is named with its distribution and the cause, once as a warning and again when asked for. The names of
stn-numba's own transforms are nobody else's; only `register_transform` replaces them.

``STN_NUMBA_PLUGINS`` lists, separated by commas, the distributions or transforms that may be loaded; empty: none. Transforms of
stn-numba itself, and those that the program registers, always may. What may not is never imported.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.util
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from stn_numba._util import environment
from stn_numba._util.suggestions import did_you_mean
from stn_numba.transform.base import MatrixTransform, Transform

__all__ = ["Plugin", "PluginError", "available_transforms", "get_transform", "name_of", "plugins", "register_transform"]

GROUP = "stn_numba.transforms"

_OWN = "stn-numba"
_NOT_ALLOWED = "not allowed by"

Factory = Callable[..., Transform]

_lock = threading.RLock()
_registered: dict[str, Factory] = {}
_NAME = "_stn_numba_name"  # of an instance: what it was asked for by, for errors


class PluginError(RuntimeError):
    """A transform cannot be used, or does not keep to the contract."""


@dataclass(frozen=True)
class Plugin:
    """One announced transform.

    Attributes
    ----------
    name
        The name it is asked for by.
    source
        Name and version of its distribution, or ``"register_transform"``.
    target
        ``module:object``, or the registered object's name.
    problem
        Why it cannot be used as far as is known without importing it; empty if it can.
    """

    name: str
    source: str
    target: str
    problem: str = ""

    def __str__(self) -> str:
        return f"transform {self.name!r} = {self.target} of {self.source}"


def available_transforms() -> list[str]:
    """Sorted names of all transforms; none is imported.

    Examples
    --------
    >>> {"affine", "projective", "tps"} <= set(available_transforms())
    True
    """
    return sorted({plugin.name for plugin in plugins() if not plugin.problem})


def plugins() -> list[Plugin]:
    """Everything that is announced, usable or not, sorted by name; nothing is imported."""
    with _lock:
        own = [Plugin(n, "register_transform", getattr(f, "__qualname__", repr(f))) for n, f in _registered.items()]
    announced = [plugin for plugin, _ in _everything() if plugin.name not in _registered]
    return sorted([*own, *announced], key=lambda plugin: plugin.name)


def get_transform(name: str, **options: Any) -> Transform:
    """Make the transform of the given name.

    Parameters
    ----------
    name
        One of `available_transforms()`.
    **options
        Passed to the plugin's constructor, for instance ``control_points=(4, 4)`` for ``"tps"``.

    Raises
    ------
    TypeError
        If the name is no text.
    ValueError
        If no transform has this name; the message suggests the one that was probably meant.
    PluginError
        If one has, but it cannot be loaded, two distributions claim it, or it makes no `Transform`.

    Examples
    --------
    >>> get_transform("affine").n_params
    6
    """
    if not isinstance(name, str):
        raise TypeError(f"name: expected the name of a transform, got {name!r:.60}")
    factory, source = _registered.get(name), "register_transform"
    if factory is None:
        factory, source = _load(name)
    if not callable(factory):
        raise PluginError(f"transform {name!r} of {source}: expected a class or a function, got {type(factory).__name__}")
    try:
        transform = factory(**options)
    except (ValueError, TypeError, PluginError, MemoryError):
        raise  # options that do not fit are the caller's affair
    except Exception as error:
        raise PluginError(f"transform {name!r} of {source} cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(transform, Transform):
        raise PluginError(f"transform {name!r}: expected a stn_numba.transform.Transform, got {type(transform)}")
    with contextlib.suppress(AttributeError):  # of a class with slots
        object.__setattr__(transform, _NAME, f"transform {name!r} of {source}")
    return transform


def shared(name: str) -> Transform | None:
    """Return a transform of a name that calls may share, since it keeps nothing; None for one that is made anew each time.

    Shared are matrices without options, of this distribution or registered at run time.
    """
    try:
        return _shared[name]
    except KeyError:
        pass
    own = name in _registered or any(plugin.name == name and _is_own(plugin) for plugin, _ in _everything())
    made = get_transform(name) if own else None
    keeps = made is None or type(made).__init__ is not object.__init__ or not isinstance(made, MatrixTransform)
    return _shared.setdefault(name, None if keeps else made)


_shared: dict[str, Transform | None] = {}


def name_of(transform: Transform) -> str:
    """Name of a transform for errors: the one it was asked for by and its distribution, or its class.

    Examples
    --------
    >>> name_of(get_transform("affine")).partition(" of ")[0]
    "transform 'affine'"
    """
    kind = type(transform)
    return getattr(transform, _NAME, None) or f"transform {kind.__module__}.{kind.__qualname__}"


def register_transform(name: str, factory: Factory, *, overwrite: bool = False) -> None:
    """Register a transform at run time, without packaging.

    Parameters
    ----------
    name
        The name to ask for it by.
    factory
        A `Transform` class, or a callable that makes one from options.
    overwrite
        Whether the name may be taken already.

    Raises
    ------
    ValueError
        If the name is taken and `overwrite` is False.
    TypeError
        If the name is no text, or the factory not callable.
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f"name: expected a text, got {name!r}")
    if not callable(factory):
        raise TypeError(f"factory: expected a Transform class or a callable, got {factory!r}")
    with _lock:
        taken = [str(plugin) for plugin in plugins() if plugin.name == name]
        if taken and not overwrite:
            raise ValueError(f"name: {name!r} is taken by {taken[0]}; pass overwrite=True to replace it")
        _registered[name] = factory
        _shared.clear()


def _load(name: str) -> tuple[Factory, str]:
    """Import the one announced transform of this name; returns it with its distribution."""
    found = _find(name)
    if found is None:
        _announced.cache_clear()  # a distribution may have been installed since
        found = _find(name)
    if found is None:
        names = available_transforms()
        advice = did_you_mean(name, "transform", names) or "; a plugin must be installed first"
        raise ValueError(f"transform: expected one of {', '.join(names)}, got {name!r}{advice}")
    plugin, entry = found
    if plugin.problem:
        raise PluginError(f"{plugin}: {plugin.problem}")
    try:
        factory: Factory = entry.load()
    except Exception as error:  # whatever a stranger's module raises
        raise PluginError(f"{plugin} cannot be loaded: {type(error).__name__}: {error}") from error
    return factory, plugin.source


def _find(name: str) -> tuple[Plugin, Any] | None:
    """The announced transform of a name; of several the one that can be used, else one that may be loaded."""
    found = [(plugin, entry) for plugin, entry in _everything() if plugin.name == name]
    return min(found, key=lambda pair: (bool(pair[0].problem), pair[0].problem.startswith(_NOT_ALLOWED)), default=None)


def _everything() -> list[tuple[Plugin, Any]]:
    return _announced(tuple(sys.path), environment.allowed_plugins())


@functools.cache
def _announced(path: tuple[str, ...], allowed: frozenset[str] | None) -> list[tuple[Plugin, Any]]:
    """All entry points of the group on `path`, with a warning for each that is broken or whose name is not its own."""
    found = list(_scan(path, allowed))
    heard = [plugin for plugin, _ in found if not plugin.problem.startswith(_NOT_ALLOWED)]
    found = [(_among(plugin, [rival for rival in heard if rival.name == plugin.name]), entry) for plugin, entry in found]
    for plugin, _ in found:
        if plugin.problem and not plugin.problem.startswith(_NOT_ALLOWED):
            warnings.warn(f"{plugin}: {plugin.problem}", RuntimeWarning, stacklevel=2)
    return found


def _among(plugin: Plugin, rivals: list[Plugin]) -> Plugin:
    """The plugin, with what comes of others that claim its name: stn-numba's own names stay its own, others are nobody's."""
    if plugin.problem or len(rivals) < 2 or _is_own(plugin):
        return plugin
    if any(map(_is_own, rivals)):
        return dataclasses.replace(plugin, problem=f"the name belongs to {_OWN} itself")
    return dataclasses.replace(plugin, problem=f"two distributions claim one name: {' and '.join(map(str, rivals))}")


def _is_own(plugin: Plugin) -> bool:
    return plugin.source.partition(" ")[0] == _OWN


def _scan(path: tuple[str, ...], allowed: frozenset[str] | None) -> Iterator[tuple[Plugin, Any]]:
    import entrypoints

    seen = set()
    for folder in path:
        for config, distribution in _distributions(folder):
            name = (getattr(distribution, "name", None) or "?").lower().replace("_", "-")
            if name in seen:  # shadowed by the same distribution earlier on the path
                continue
            seen.add(name)
            if GROUP not in config:
                continue
            source = f"{name} {distribution.version}"
            for key, text in config.items(GROUP, raw=True):
                if not _may_load(environment.normalized_name(name), environment.normalized_name(key), allowed):
                    yield Plugin(key, source, text, f"{_NOT_ALLOWED} {environment.PLUGINS}"), None
                    continue
                try:
                    entry = entrypoints.EntryPoint.from_string(text, key, distribution)
                except entrypoints.BadEntryPoint:
                    yield Plugin(key, source, text, "the entry point is not of the form module:object"), None
                else:
                    yield Plugin(key, source, text, _missing_module(entry.module_name)), entry


def _may_load(distribution: str, name: str, allowed: frozenset[str] | None) -> bool:
    return allowed is None or distribution == _OWN or bool({distribution, name} & allowed)


def _distributions(folder: str) -> Iterator[tuple[Any, Any]]:
    """Entry-point files of one folder of the path; a folder that cannot be read is skipped with a warning."""
    import entrypoints

    try:
        yield from entrypoints.iter_files_distros(path=[folder])
    except Exception as error:  # one distribution's malformed file must not take the others down
        warnings.warn(
            f"entry points of {folder} cannot all be read: {type(error).__name__}: {error}",
            RuntimeWarning,
            stacklevel=2,
        )


def _missing_module(module: str) -> str:
    """Say that the top-level module is missing, without importing anything; empty if it is there."""
    top = module.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError) as error:
        return f"module {top!r} cannot be found: {error}"
    return "" if spec else f"there is no module {top!r}"


def _after_fork_in_child() -> None:
    """Make the lock anew: whoever held it is not in the child."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
