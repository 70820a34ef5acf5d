"""Store the results of all runs in one JSON file. Several processes may append to it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from stn_numba._util.arguments import as_int, as_option, as_real
from stn_numba._util.files import write_atomically
from stn_numba.paper.experiments import EXPERIMENTS

__all__ = ["Result", "append_result", "read_results"]

_MAX_BYTES = 1 << 26  # a run takes a few hundred


@dataclass(frozen=True)
class Result:
    """The result of one run of an experiment. Errors are in %."""

    experiment: str
    paper_error: float
    error: float
    loss: float
    images: int
    part: str
    seed: int
    n_params: int
    epochs: int
    seconds: float
    threads: int
    settings: dict[str, Any]
    command: str


def read_results(path: Path) -> list[Result]:
    """Read a results file, oldest result first.

    Raises
    ------
    ValueError
        If the file does not hold results. The message names the file, the row and the value.
    """
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise ValueError(f"at most {_MAX_BYTES:,} bytes, got {size:,}")
        rows = json.loads(path.read_text(encoding="utf-8"), parse_constant=_reject_constant)
        if not isinstance(rows, list):
            raise TypeError(f"got {type(rows).__name__}")
        return [_result(number, row) for number, row in enumerate(rows, 1)]
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: expected a list of results: {error}") from error


def _reject_constant(constant: str) -> None:
    raise ValueError(f"JSON has no {constant}")


def _result(number: int, row: Any) -> Result:
    """Validate a row of the file and return it as a result."""
    names = [field.name for field in fields(Result)]
    if not isinstance(row, dict) or set(row) != set(names):
        raise TypeError(f"row {number}: expected {', '.join(names)}, got {row!r:.100}")
    for name in names:
        _CHECKS[name](row[name], f"row {number}: {name}")
    return Result(**row)


def _text(value: Any, name: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected a text, got {value!r:.60}")


def _options(value: Any, name: str) -> None:
    if not isinstance(value, dict):
        raise TypeError(f"{name}: expected settings by name, got {value!r:.60}")


def _experiment(value: Any, name: str) -> None:
    _text(value, name)
    if value not in _NAMES:
        raise ValueError(f"{name}: expected the name of an experiment, as 'st-cnn/affine/R', got {value!r:.60}")


_NAMES = {experiment.name for experiment in EXPERIMENTS}
_count, _percent = partial(as_int, least=0), partial(as_real, within="[0, 100]")

_CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "experiment": _experiment, "paper_error": _percent, "error": _percent, "loss": as_real, "images": partial(as_int, least=1),
    "part": partial(as_option, options=("test", "validation")), "seed": _count,
    "n_params": _count, "epochs": _count, "seconds": partial(as_real, within="[0, inf)"), "threads": _count,
    "settings": _options, "command": _text,
}  # fmt: skip


def append_result(path: Path, result: Result) -> None:
    """Append a result to a file, under a lock against other processes that append.

    Raises
    ------
    TypeError, ValueError
        If `read_results` would reject it, for example a loss that is not finite.
    """
    _result(1, asdict(result))
    with _locked(path.with_suffix(".lock")):
        rows = read_results(path) if path.exists() else []
        text = json.dumps([asdict(row) for row in (*rows, result)], indent=1)
        write_atomically(path, (text + "\n").encode())


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a file lock, which is released even if the process is killed; no lock on systems without ``fcntl``."""
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
