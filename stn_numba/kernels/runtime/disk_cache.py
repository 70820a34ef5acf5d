"""Cache compiled kernels on disk: one file for each kernel and signature, found by its name alone.

Numba's own cache keeps an index file for each kernel. Two processes that start at the same time can overwrite each other's
index and leave it pointing at the code of another signature, and it notices changes only in the file of the kernel itself. Here

- a folder holds the kernels of one version of sources, Numba, Python and options, so an upgrade never meets old code;
- a file holds one signature for one CPU, is written under another name and moved into place whole, and carries a checksum:
  processes that compile the same kernel at once write the same file twice;
- a damaged or unreadable file is ignored: the kernel is compiled, and the call goes on.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import logging
import os
import pickle
import platform
import re
import shutil
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numba
from numba.core import caching, serialize
from numba.core.runtime import rtsys

from stn_numba.kernels.runtime import cache_folders, source_digest

__all__ = ["KernelCache", "failures", "folders"]

logger = logging.getLogger(__name__)

failures: dict[str, str] = {}  # kernels that this process could not save, and why

_SUFFIX = ".kernel"
_DIGEST = 32
_VERSION = re.compile("kernels-[0-9a-f]{16}")
_KEPT = 30 * 86400  # seconds after which an unused version is removed

_OPTIONS = ("BOUNDSCHECK", "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "DEBUGINFO_DEFAULT", "CPU_NAME", "CPU_FEATURES")


class KernelCache(caching._Cache):
    """Disk cache of one kernel, with the interface that Numba's dispatchers expect."""

    def __init__(self, function: Any, form: str) -> None:
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        self._source = (source_digest.file_digest(inspect.getfile(function)), form)
        self._implementation = _Implementation(function)
        self.enable()

    @property
    def cache_path(self) -> str:
        """The folder that is written to; empty if there is none."""
        return str(folders().write or "")

    def enable(self) -> None:
        """Use the files."""
        self._enabled = True

    def disable(self) -> None:
        """Use no files."""
        self._enabled = False

    def flush(self) -> None:
        """Delete this kernel's files."""
        for folder in folders().read:
            for path in folder.glob(f"{self._name}-*{_SUFFIX}"):
                path.unlink(missing_ok=True)

    def holds(self, sig: Any, target_context: Any) -> bool:
        """Whether there is a file for a signature, damaged or not."""
        name = self._file_name(self._key(sig, target_context.codegen()))
        return self._enabled and any((folder / name).exists() for folder in folders().read)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled kernel for a signature, or None."""
        if not self._enabled:
            return None
        # All that machine code from disk needs. refresh(), as for compiling, imports SciPy and takes half a second.
        rtsys.initialize(target_context)
        key = self._key(sig, target_context.codegen())
        for folder in folders().read:
            data = _read(folder / self._file_name(key), key)
            if data is not None:
                return self._implementation.rebuild(target_context, data)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save a compiled kernel for a signature."""
        folder = folders().write
        if not self._enabled or folder is None or not self._implementation.check_cachable(data):
            return
        key = self._key(sig, data.codegen)
        content = serialize.dumps((key, self._implementation.reduce(data)))
        try:
            _write(folder / self._file_name(key), hashlib.sha256(content).digest() + content)
        except OSError as error:  # a full disk must not stop a call
            failures[self._name] = str(error)
            logger.info("kernel %s is not saved: %s", self._name, error)

    def _key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return (self._source, str(sig), codegen.magic_tuple())

    def _file_name(self, key: tuple[Any, ...]) -> str:
        return f"{self._name}-{hashlib.sha256(repr(key).encode()).hexdigest()[:24]}{_SUFFIX}"


class _Implementation(caching.CompileResultCacheImpl):
    """Numba's serialization of compiled code, without its search for a folder."""

    def __init__(self, function: Any) -> None:
        self._lineno = function.__code__.co_firstlineno
        self._locator = type("Locator", (), {"_py_file": inspect.getfile(function)})()


@functools.cache
def folders() -> cache_folders.CacheFolders:
    """The folders in use; chosen once."""
    found = cache_folders.find(numba.config.CACHE_DIR, _version())
    if found.write:
        _remove_old_versions(found.write)
    else:
        logger.info("new kernels are not cached on disk: %s", found.why)
    return found


def _read(path: Path, key: tuple[Any, ...]) -> Any:
    """Content of a file; None if it is missing, damaged, or of another kernel."""
    try:
        content = path.read_bytes()
        if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
            raise ValueError("its checksum is wrong")
        stored, data = pickle.loads(content[_DIGEST:])
        return data if stored == key else None
    except FileNotFoundError:
        return None
    except Exception as error:  # whatever a damaged pickle raises
        logger.info("%s is ignored: %s: %s", path, type(error).__name__, error)
        return None


def _write(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)  # an image may be built by one user and run by another
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _remove_old_versions(folder: Path) -> None:
    """Mark a version's folder as in use, and remove those that have not been for long."""
    try:
        os.utime(folder)
        for other in folder.parent.iterdir():
            if _VERSION.fullmatch(other.name) and not other.is_symlink() and other.stat().st_mtime < time.time() - _KEPT:
                shutil.rmtree(other, ignore_errors=True)
    except OSError:
        pass  # another process may do it at the same time


def _version() -> str:
    """Hash of everything that all kernels depend on; the name of a folder."""
    options = [f"{name}={getattr(numba.config, name, None)}" for name in _OPTIONS]
    parts = [numba.__version__, version("llvmlite"), sys.version, platform.machine(), *options, source_digest.digest()]
    return f"kernels-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:16]}"
