"""Transforms by name: those that distributions announce, see `discovery`, and those registered at run time.

Nothing is imported before it is requested. A broken plugin fails only when it is requested; the error names its distribution
and the cause. Built-in names are reserved: only `register_transform` replaces them.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import threading
from collections.abc import Callable
from typing import Any

from stn_numba._util.suggestions import did_you_mean
from stn_numba.transform import discovery
from stn_numba.transform.base import Transform
from stn_numba.transform.discovery import Plugin

__all__ = [
    "Plugin",
    "PluginError",
    "available_transforms",
    "get_transform",
    "name_of",
    "plugins",
    "register_transform",
    "registered",
    "shared",
]

Factory = Callable[..., Transform]

_lock = threading.RLock()
_registered: dict[str, Factory] = {}
_shared: dict[str, Transform | None] = {}
_NAME = "_stn_numba_name"  # attribute of an instance: the name it was requested by, for errors


class PluginError(RuntimeError):
    """A transform cannot be used, or violates the contract."""


def available_transforms() -> list[str]:
    """Sorted names of all transforms; none is imported.

    Returns
    -------
    list of str

    Examples
    --------
    >>> {"affine", "projective", "tps"} <= set(available_transforms())
    True
    """
    return sorted({plugin.name for plugin in plugins() if not plugin.problem})


def plugins() -> list[Plugin]:
    """All transforms that are announced or registered, usable or not, sorted by name; none is imported."""
    with _lock:
        registered = [Plugin(n, "register_transform", getattr(f, "__qualname__", repr(f))) for n, f in _registered.items()]
    announced = [plugin for plugin, _ in discovery.announced() if plugin.name not in _registered]
    return sorted([*registered, *announced], key=lambda plugin: plugin.name)


def get_transform(name: str, **options: Any) -> Transform:
    """Make the transform of the given name.

    Parameters
    ----------
    name : str
        One of `available_transforms()`.
    **options
        Arguments of the plugin's constructor, for instance ``control_points=(4, 4)`` for ``"tps"``.

    Returns
    -------
    Transform

    Raises
    ------
    TypeError
        If `name` is not a str, or the transform does not take these options.
    ValueError
        If no transform has this name; the message suggests the one that was probably meant.
    PluginError
        If the transform cannot be loaded, two distributions claim its name, or it does not make a `Transform`.

    Examples
    --------
    >>> get_transform("affine").n_params
    6
    """
    if not isinstance(name, str):
        raise TypeError(f"name: expected the name of a transform, got {name!r:.60}")
    factory, source = _factory(name)
    if not callable(factory):
        raise PluginError(f"transform {name!r} of {source}: expected a class or a function, got {type(factory).__name__}")
    try:
        transform = factory(**options)
    except TypeError as error:
        problem = _unknown_option(name, factory, options) or _missing_option(name, factory, options)
        if problem:
            raise TypeError(problem) from error
        raise
    except (ValueError, PluginError, MemoryError):
        raise  # errors that concern the caller's options
    except Exception as error:
        raise PluginError(f"transform {name!r} of {source} cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(transform, Transform):
        raise PluginError(f"transform {name!r}: expected a stn_numba.transform.Transform, got {type(transform)}")
    with contextlib.suppress(AttributeError):  # of a class with slots
        object.__setattr__(transform, _NAME, f"transform {name!r} of {source}")
    return transform


def _factory(name: str) -> tuple[Factory, str]:
    """What makes a transform, and where it is from."""
    known = _registered.get(name)
    return (known, "register_transform") if known is not None else _load(name)


def makes(name: str, kind: type) -> bool:
    """Whether a name stands for a subclass of `kind`; False for functions, and for names that stand for nothing.

    Examples
    --------
    >>> makes("affine", Transform), makes("nowhere", Transform)
    (True, False)
    """
    try:
        factory = _factory(name)[0]
    except (ValueError, PluginError):
        return False
    return isinstance(factory, type) and issubclass(factory, kind)


def _unknown_option(name: str, factory: Factory, options: dict[str, Any]) -> str:
    """What is wrong with the names of options; empty if they are known, or the factory does not say what it takes."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return ""
    known = [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    unknown = [option for option in options if option not in known]
    if not unknown or any(each.kind == each.VAR_KEYWORD for each in parameters):
        return ""
    takes = f"expected {', '.join(known)}" if known else "expected none"
    return f"options: {takes} for transform {name!r}, got {unknown[0]!r}{did_you_mean(unknown[0], 'option', known)}"


def _missing_option(name: str, factory: Factory, options: dict[str, Any]) -> str:
    """Which options without a default are missing; empty if none is, or the factory does not say what it takes."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return ""
    named = [each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    missing = [each.name for each in named if each.default is each.empty and each.name not in options]
    given = ", ".join(options) or "none"
    return f"options: transform {name!r} needs {' and '.join(missing)}, got {given}" if missing else ""


def shared(name: str) -> Transform | None:
    """Return a transform that all calls by this name share; None if a new one has to be made for each.

    Built-in transforms and those registered at run time are shared, if they can be.
    """
    try:
        return _shared[name]
    except KeyError:
        pass
    trusted = name in _registered or any(plugin.name == name and plugin.is_built_in for plugin, _ in discovery.announced())
    made = get_transform(name) if trusted else None
    return _shared.setdefault(name, made if made is not None and made.can_be_shared() else None)


def registered(name: str) -> Factory | None:
    """Return what `register_transform` gave a name to; None for other names."""
    return _registered.get(name)


def name_of(transform: Transform) -> str:
    """Name of a transform for errors: the one it was requested by and its distribution, or its class.

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
    name : str
        The name to request it by.
    factory : callable
        A `Transform` class, or a function that makes a transform from options.
    overwrite : bool, default False
        Whether to replace a transform of the same name.

    Raises
    ------
    ValueError
        If the name is taken and `overwrite` is False.
    TypeError
        If `name` is not a str, or `factory` is not callable.

    Examples
    --------
    >>> register_transform("four-points", lambda: get_transform("tps", control_points=(2, 2)), overwrite=True)
    >>> get_transform("four-points").n_params
    8
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
    """Import the announced transform of this name; return it with its distribution."""
    found = discovery.find(name)
    if found is None:
        discovery.forget()
        found = discovery.find(name)
    if found is None:
        names = available_transforms()
        advice = did_you_mean(name, "transform", names) or "; a plugin must be installed first"
        raise ValueError(f"transform: expected one of {', '.join(names)}, got {name!r}{advice}")
    plugin, entry = found
    if plugin.problem:
        raise PluginError(f"{plugin}: {plugin.problem}")
    try:
        factory: Factory = entry.load()
    except Exception as error:  # a plugin's module may raise anything
        raise PluginError(f"{plugin} cannot be loaded: {type(error).__name__}: {error}") from error
    return factory, plugin.source


def _after_fork_in_child() -> None:
    """Replace the lock: the thread that held it does not exist in the child."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
