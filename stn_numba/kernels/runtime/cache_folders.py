"""Choose the folders in which compiled kernels are cached.

Kernels are read from every folder of the list, and written to the first that is writable. So a container image whose kernels
were compiled when it was built can be run read-only, by any user.

1. ``STN_NUMBA_CACHE_DIR``, else ``NUMBA_CACHE_DIR``: if one of these is set, no other folder is used. ``off``: none at all.
2. ``__pycache__`` of the package.
3. The user's cache folder.
4. ``stn-numba-<user>`` in the folder for temporary files, for users without a home.

Cached kernels are machine code, so folders 3 and 4 must belong to the user and be writable by the user alone.
"""

from __future__ import annotations

import getpass
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stn_numba._util import environment

__all__ = ["CacheFolders", "find"]

PACKAGE = Path(__file__).parents[2]


@dataclass(frozen=True)
class CacheFolders:
    """Where compiled kernels are read and written.

    Attributes
    ----------
    read
        Folders to look into, in this order.
    write
        The folder to write to, or None.
    why
        The reason, for people.
    """

    read: tuple[Path, ...]
    write: Path | None
    why: str


def find(numba_cache_dir: str, key: str) -> CacheFolders:
    """Choose the folders for kernels; `key` is the folder name of their version.

    `numba_cache_dir` is Numba's own setting, or empty.
    """
    setting = environment.cache_dir()
    if setting == "off":
        return CacheFolders((), None, f"turned off by {environment.CACHE_DIR}")
    if setting or numba_cache_dir:
        name = environment.CACHE_DIR if setting else "NUMBA_CACHE_DIR"
        folder = os.path.expanduser(setting or os.path.join(numba_cache_dir, "stn_numba"))
        return _choose([(f"set by {name}", Path(folder).absolute(), False)], key)
    return _choose(_default_folders(), key)


def _default_folders() -> Iterator[tuple[str, Path | None, bool]]:
    yield "beside the package", PACKAGE / "__pycache__" / "kernels", False
    yield "the user's cache folder", _user_folder(), True
    yield "the folder for temporary files, since nothing better can be written to", _temporary_folder(), True


def _choose(candidates: Iterable[tuple[str, Path | None, bool]], key: str) -> CacheFolders:
    """Choose from (reason, folder, whether it must be private), the best first."""
    read, refused = [], []
    for why, base, private in candidates:
        if base is None:
            continue
        if _is_writable(base / key, base if private else None):
            return CacheFolders((*read, base / key), base / key, why)
        refused.append(str(base))
        if os.path.isdir(base / key) and not (private and not _is_mine(base)):
            read.append(base / key)
    return CacheFolders(tuple(read), None, "read-only" if read else f"no folder can be written to ({', '.join(refused)})")


def _is_writable(folder: Path, private: Path | None) -> bool:
    """Make a folder, and try to write to it; `private`, if given, is the folder above it that must be the user's alone."""
    try:
        if private is not None:
            private.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_mine(private):
                return False
        folder.mkdir(mode=0o777 if private is None else 0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _is_mine(folder: Path) -> bool:
    """Whether this is a folder, not a link, that belongs to this user, and only this user may write to it."""
    if not hasattr(os, "geteuid"):
        return True  # Windows: these folders are in the user's profile
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _user_folder() -> Path | None:
    """The system's usual folder for a user's caches; None without a home."""
    home = os.path.expanduser("~")
    base = {
        "win32": os.environ.get("LOCALAPPDATA", os.path.join(home, "AppData", "Local")),
        "darwin": os.path.join(home, "Library", "Caches"),
    }.get(sys.platform, os.environ.get("XDG_CACHE_HOME", "") or os.path.join(home, ".cache"))
    return Path(base) / "stn-numba" if os.path.isabs(base) else None


def _temporary_folder() -> Path | None:
    try:
        user = str(os.geteuid()) if hasattr(os, "geteuid") else getpass.getuser()
        folder = tempfile.gettempdir()
        # the last resort of tempfile is the current folder
        return None if os.path.realpath(folder) == os.getcwd() else Path(folder) / f"stn-numba-{user}"
    except (OSError, KeyError, ImportError):  # no folder for temporary files, or no name
        return None
