"""Checkpoints: nested dicts with their arrays as tensors and everything else as JSON; no pickle, no code."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from stn_numba._util.arguments import as_path
from stn_numba.nn.arrays import Arrays
from stn_numba.nn.saving.tensor_file import CHECKPOINT, StorageError, read_tensor_file, write_tensor_file

__all__ = ["as_json_number", "read_checkpoint", "write_checkpoint"]

_MARK = "__tensor__"  # the only key of a dict that stands for an array


def write_checkpoint(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write nested dicts of arrays and of what JSON can hold, all or nothing.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_checkpoint(Path(folder) / "run", {"step": 3, "params": {"dense1.bias": np.zeros(2)}})
    ...     read_checkpoint(Path(folder) / "run")
    {'step': 3, 'params': {'dense1.bias': array([0., 0.])}}
    """
    tensors: Arrays = {}
    text = json.dumps({"format": 1, "state": _without_arrays(state, tensors)}, default=as_json_number)
    write_tensor_file(path, CHECKPOINT, text, tensors)


def read_checkpoint(path: str | os.PathLike[str], *, max_bytes: int = 1 << 32) -> dict[str, Any]:
    """Read what `write_checkpoint` wrote, with writable arrays; a StorageError says what is wrong with the file."""
    path = as_path(path, "path")
    content, tensors = read_tensor_file(path, CHECKPOINT, max_bytes)
    try:
        state = _with_arrays(content["state"], {name: array.copy() for name, array in tensors.items()})
    except (LookupError, TypeError, RecursionError) as error:
        raise StorageError(f"{path}: it holds no checkpoint of stn-numba: {type(error).__name__}: {error}") from error
    if not isinstance(state, dict):
        raise StorageError(f"{path}: expected a dict as its state, got {type(state).__name__}")
    return state


def as_json_number(value: Any) -> Any:
    """Return a number of NumPy as one of Python."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"checkpoint: expected what JSON can hold, and arrays, got {type(value).__name__}")


def _without_arrays(value: Any, tensors: Arrays) -> Any:
    """Return `value` with each array moved to `tensors` and its number in its place."""
    if isinstance(value, dict):
        return {key: _without_arrays(inner, tensors) for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        name = str(len(tensors))
        tensors[name] = np.asarray(value, order="C")  # np.ascontiguousarray gives a number an axis
        return {_MARK: name}
    return value


def _with_arrays(value: Any, tensors: Arrays) -> Any:
    if not isinstance(value, dict):
        return value
    if set(value) == {_MARK}:
        return tensors[value[_MARK]]
    return {key: _with_arrays(inner, tensors) for key, inner in value.items()}
