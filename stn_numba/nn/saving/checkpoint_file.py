"""A run of training as a file: tensors by safetensors, everything else as JSON in its metadata; no pickle, no code."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from stn_numba._util.arguments import as_path
from stn_numba._util.files import write_atomically
from stn_numba.nn.arrays import Arrays
from stn_numba.nn.saving.model_file import CHECKPOINT_KEY as _KEY
from stn_numba.nn.saving.model_file import StorageError, digest, read_tensors, safetensors

__all__ = ["plain", "read_checkpoint", "write_checkpoint"]

_DIGEST, _FORMAT = "stn_numba.checkpoint.sha256", 1

_MOST_HEADER = 1 << 26  # bytes; an optimizer may keep much that is no array

Tree = dict[str, Any]


def write_checkpoint(path: str | os.PathLike[str], state: Tree) -> None:
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
    text = json.dumps({"format": _FORMAT, "state": _without_arrays(state, tensors)}, default=plain)
    metadata = {_KEY: text, _DIGEST: digest(text, tensors)}
    write_atomically(path, safetensors().save(tensors, metadata=metadata))


def read_checkpoint(path: str | os.PathLike[str], *, max_bytes: int = 1 << 32) -> Tree:
    """Read what `write_checkpoint` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    StorageError
        If it is damaged or no checkpoint.
    """
    path = as_path(path, "path")
    metadata, tensors = read_tensors(path, max_bytes, most_header=_MOST_HEADER)
    if _KEY not in metadata:
        raise StorageError(f"{path}: it holds no checkpoint of stn-numba")
    if metadata.get(_DIGEST) != digest(metadata[_KEY], tensors):
        raise StorageError(f"{path}: it was changed or damaged after it was saved: its checksum is wrong")
    try:
        content = json.loads(metadata[_KEY])
    except (ValueError, RecursionError) as error:
        raise StorageError(f"{path}: it holds no checkpoint of stn-numba: {error}") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise StorageError(f"{path}: expected a checkpoint in format {_FORMAT}")
    try:
        state = _with_arrays(content["state"], {name: array.copy() for name, array in tensors.items()})  # to be written to
    except (LookupError, TypeError, RecursionError) as error:
        raise StorageError(f"{path}: it holds no checkpoint of stn-numba: {type(error).__name__}: {error}") from error
    if not isinstance(state, dict):
        raise StorageError(f"{path}: expected a dict as its state, got {type(state).__name__}")
    return state


def plain(value: Any) -> Any:
    """Return a number of NumPy as one of Python, for JSON."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"checkpoint: expected what JSON can hold, and arrays, got {type(value).__name__}")


_MARK = "__tensor__"


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
