"""Keep decoded images in memory or in a folder. Files that change are read again."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.arguments import as_path
from stn_numba._util.files import ensure_writable

__all__ = ["Cache", "FolderCache", "MemoryCache", "NoCache", "as_cache", "file_key"]

Array = NDArray[Any]


class Cache(Protocol):
    """Where decoded images are kept."""

    def get(self, path: Path, options: str, read: Callable[[], Array]) -> Array:
        """Return the image of a file, from the cache or by `read`; `options` says how it is read."""


def as_cache(value: Any) -> Cache:
    """Return the cache for an argument: None, ``"memory"``, or the path of a folder, which is made."""
    if value is None:
        return NoCache()
    if value == "memory":
        return MemoryCache()
    return FolderCache(as_path(value, "cache"))


def file_key(path: Path, options: str) -> str:
    """Return a text that differs when a file or the way it is read has changed."""
    status = path.stat()
    return f"{os.path.abspath(path)}\0{status.st_size}\0{status.st_mtime_ns}\0{options}"


class NoCache:
    """Keep nothing."""

    def get(self, path: Path, options: str, read: Callable[[], Array]) -> Array:
        """Read the file."""
        return read()

    def __repr__(self) -> str:
        return "None"


class MemoryCache:
    """Keep all images in memory; a pickled one is empty."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, Array]] = {}

    def get(self, path: Path, options: str, read: Callable[[], Array]) -> Array:
        """Return the image, read once for each state of the file."""
        name, key = str(path), file_key(path, options)
        kept = self._kept.get(name)
        if kept is None or kept[0] != key:
            kept = self._kept[name] = key, read()
            kept[1].flags.writeable = False
        return kept[1]

    def __getstate__(self) -> dict[str, Any]:
        return {"_kept": {}}

    def __repr__(self) -> str:
        return "'memory'"


class FolderCache:
    """Keep each image as an ``.npy`` file; entries of files that have changed stay until you delete the folder."""

    def __init__(self, folder: Path) -> None:
        ensure_writable(folder)
        self.folder = folder

    def get(self, path: Path, options: str, read: Callable[[], Array]) -> Array:
        """Return the image from its file; without one, or if that is damaged, read the image and write it."""
        name = hashlib.blake2b(file_key(path, options).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
        entry = self.folder / name[:2] / f"{name}.npy"
        try:
            image: Array = np.load(entry)
        except (OSError, ValueError, EOFError):
            image = read()
            _write(entry, image)
        return image

    def __repr__(self) -> str:
        return repr(str(self.folder))


def _write(entry: Path, image: Array) -> None:
    """Write an entry in one step, so that other processes never read half of it."""
    entry.parent.mkdir(exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=entry.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, image)
        os.replace(temporary, entry)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
