"""Files that are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["expect_writable", "with_folder", "write_atomically"]


def with_folder(path: Path) -> Path:
    """Return the path of a file to write, if its folder exists."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: no such folder: {path.parent}")
    if path.is_dir():
        raise IsADirectoryError(f"{path}: expected a file, got a folder")
    return path


def expect_writable(folder: Path) -> None:
    """Make a folder if there is none, and see that files can be written to it: before hours of work, not after them."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file, all or nothing: the old one stays until the new one is on the disk.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder) / "note", b"text")
    ...     (Path(folder) / "note").read_bytes()
    b'text'
    """
    path = with_folder(Path(path))
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself last through a power cut, where the system lets folders be opened."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
