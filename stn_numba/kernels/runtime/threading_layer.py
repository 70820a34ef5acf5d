"""Launch the threads of Numba's threading layer, once, for the first kernel that runs on several: never at import.

The layers are extension modules of Numba that do not need its compiler. They are loaded without Numba, since `import numba`
takes longer than most first calls. Numba itself chooses the layer if it has been imported, or if its settings say more than a
layer's name.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import logging
import multiprocessing
import os
import sys
import threading
from pathlib import Path
from typing import Any

from stn_numba.kernels.runtime import calls
from stn_numba.threads import forks, limits

__all__ = ["LAYERS", "find_tbb", "launch", "load", "load_tbb", "parallel_for", "problems"]

logger = logging.getLogger(__name__)

LAYERS = {"tbb": "tbbpool", "omp": "omppool", "workqueue": "workqueue"}  # modules of numba.np.ufunc, the best first

_OLDEST_TBB = 12060  # as Numba has it
_For = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 5, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int)

_lock = threading.Lock()
_failure: str | None = None


def launch() -> str | None:
    """Launch Numba's threads unless they run; return why that is not possible, or None."""
    global _failure
    if forks.launched_layer() is not None or _failure:
        return _failure
    with _lock:
        if forks.launched_layer() is None and _failure is None:
            _failure = _launch()
    return _failure


def _launch() -> str | None:
    try:
        if "numba" in sys.modules or not _is_plain():
            _launch_by_numba()
        else:
            _launch_layer()
    except (ValueError, ImportError, OSError) as error:  # the requested layer cannot be loaded
        return f"Numba's threads cannot be launched, kernels run on one thread: {' '.join(str(error).split())}"
    logger.info("threading layer %s, up to %d threads", forks.launched_layer(), limits.numba_ceiling())
    return None


def _is_plain() -> bool:
    """Whether Numba's settings for threading layers are at most the name of one."""
    asked = os.environ.get("NUMBA_THREADING_LAYER", "default").lower()
    more = "NUMBA_THREADING_LAYER_PRIORITY" in os.environ or os.path.exists(".numba_config.yaml")
    return (asked == "default" or asked in LAYERS) and not more


def _launch_layer() -> None:
    asked, problem = os.environ.get("NUMBA_THREADING_LAYER", "default").lower(), None
    for name in LAYERS if asked == "default" else [asked]:
        try:
            module = load(name)
        except ImportError as error:
            problem = f"{name}: {error}"
            continue
        number = limits.numba_ceiling()
        for function in (module.launch_threads, module.set_num_threads):
            ctypes.CFUNCTYPE(None, ctypes.c_int)(function)(number)
        forks.note_launch(name)
        return
    raise ImportError(problem)


def _launch_by_numba() -> None:
    import numba

    if numba.config.THREADING_LAYER not in ("omp", "workqueue"):
        load_tbb()
    free = multiprocessing.get_start_method(allow_none=True) is None
    try:
        numba.get_num_threads()
        forks.note_launch(None)
    finally:
        if free:  # Numba reads the start method, which would fix it for the whole program
            multiprocessing.set_start_method(None, force=True)  # type: ignore[arg-type]


@functools.cache
def parallel_for() -> Any:
    """The launched layer's loop over tasks."""
    return _For(load(str(forks.launched_layer())).parallel_for)


def load(name: str) -> Any:
    """Return the extension module of a layer.

    Raises
    ------
    ImportError
        If it cannot be loaded on this machine.
    """
    full = f"numba.np.ufunc.{LAYERS[name]}"
    if name == "tbb":
        _expect_tbb()
    if full in sys.modules or "numba" in sys.modules:
        return importlib.import_module(full)
    numba = importlib.util.find_spec("numba")
    for folder in (numba and numba.submodule_search_locations) or ():
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            path = os.path.join(folder, "np", "ufunc", LAYERS[name] + suffix)
            if os.path.exists(path):
                return _load_extension(full, path)
    raise ImportError(f"no module named {full!r}")


def _load_extension(name: str, path: str) -> Any:
    loader = importlib.machinery.ExtensionFileLoader(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    sys.modules.pop(name, None)  # Numba, if it is imported later, loads it itself
    return module


def _expect_tbb() -> None:
    """Raise ImportError for a TBB that is missing, or older than Numba's layer needs."""
    load_tbb()
    name = {"win32": "tbb12.dll", "darwin": "libtbb.12.dylib"}.get(sys.platform, "libtbb.so.12")
    try:
        version = ctypes.CDLL(name).TBB_runtime_interface_version()
    except OSError as error:
        raise ImportError(f"Problem with TBB. Reason: {error}") from None
    if version < _OLDEST_TBB:
        raise ImportError(f"Problem with TBB. Reason: its interface is {version}, {_OLDEST_TBB} or later is needed")


def problems() -> dict[str, str]:
    """Return for each layer why it cannot be loaded; empty if it can. None of them is launched."""
    return {name: _problem(name) for name in LAYERS}


def _problem(name: str) -> str:
    try:
        load(name)
    except Exception as error:  # ImportError, and warnings turned into errors
        return str(error) or type(error).__name__
    return ""


def find_tbb() -> Path | None:
    """The TBB library of an installed package ``tbb``, which is where the system's loader does not look."""
    try:
        files = importlib.metadata.distribution("tbb").files or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = [Path(str(file.locate())) for file in files if file.name in ("libtbb.so.12", "libtbb.12.dylib", "tbb12.dll")]
    return next((path.resolve() for path in found if path.is_file()), None)


def load_tbb() -> None:
    """Load TBB by its path; Numba, which loads it by name, then finds it."""
    path = find_tbb()
    if path is not None:
        try:
            ctypes.CDLL(str(path))
        except OSError as error:
            logger.info("%s cannot be loaded: %s", path, error)


class _Held:
    """The locks held during a fork: the child would inherit those that other threads hold, and nobody would release them."""

    locks: tuple[Any, ...] = ()


def _before_fork() -> None:
    """Wait until no other thread compiles or launches."""
    compiler = sys.modules.get("numba.core.compiler_lock")
    locks = (calls.lock, *((compiler.global_compiler_lock,) if hasattr(compiler, "global_compiler_lock") else ()), _lock)
    for lock in locks:
        lock.acquire()
    _Held.locks = locks


def _after_fork() -> None:
    for lock in reversed(_Held.locks):
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
