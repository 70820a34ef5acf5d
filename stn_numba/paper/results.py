"""The results of all runs, in one JSON file that several processes may append to."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stn_numba.nn.files import write_atomically

__all__ = ["Result", "append_result", "read_results"]


@dataclass(frozen=True)
class Result:
    """One run of a cell; errors in %."""

    cell: str
    paper: float
    error: float
    loss: float
    images: int
    part: str
    seed: int
    n_params: int
    epochs: int
    seconds: float
    settings: dict[str, Any]
    command: str


def read_results(path: Path) -> list[Result]:
    """Read the results of a file, oldest first.

    Raises
    ------
    ValueError
        If the file does not hold results.
    """
    try:
        return [Result(**row) for row in json.loads(path.read_text())]
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: expected a list of results: {error}") from error


def append_result(path: Path, result: Result) -> None:
    """Append a result; nothing that another process appends meanwhile is lost."""
    with _locked(path.with_suffix(".lock")):
        rows = read_results(path) if path.exists() else []
        text = json.dumps([asdict(row) for row in (*rows, result)], indent=1)
        write_atomically(path, (text + "\n").encode())


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that a killed process gives back; where the system has none, do without."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
