"""Write files atomically, and check output paths before long work."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["check_output_path", "ensure_writable", "write_atomically"]


def check_output_path(path: Path) -> Path:
    """Return the path of an output file; raise if its folder does not exist or the path is a folder."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: no such folder: {path.parent}")
    if path.is_dir():
        raise IsADirectoryError(f"{path}: expected a file, got a folder")
    return path


def ensure_writable(folder: Path) -> None:
    """Create a folder if needed, and raise OSError if it is not writable."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder}: expected a folder, got a file")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file so that it is never half-written: the new content replaces the old in one step, once it is on disk.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder) / "note", b"text")
    ...     (Path(folder) / "note").read_bytes()
    b'text'
    """
    path = check_output_path(Path(path))
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
    """Flush the rename to disk, on systems where folders can be opened."""
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
