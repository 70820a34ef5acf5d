"""Models as safetensors files: the parameters as tensors, the architecture as JSON in the metadata."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from stn_numba._util.arguments import as_int, as_path
from stn_numba._util.files import write_atomically
from stn_numba.nn.arrays import Arrays
from stn_numba.nn.classifier import Classifier
from stn_numba.nn.saving.architecture import expect_known
from stn_numba.nn.saving.untrusted import rebuild

__all__ = ["StorageError", "load", "save"]

_MOST_HEADER = 1 << 20  # bytes; a large model takes some thousands
_KEY, _DIGEST, _FORMAT = "stn_numba", "stn_numba.sha256", 1
CHECKPOINT_KEY = "stn_numba.checkpoint"  # of the files that `stn_numba.nn.saving.checkpoint_file` writes


class StorageError(ValueError):
    """A file that is not a model, or not a whole one."""


def save(model: Classifier, path: str | os.PathLike[str]) -> None:
    """Write a model to a safetensors file, all or nothing: the old file stays until the new one is complete.

    Parameters
    ----------
    model
        A `Classifier` whose transforms are given by registered names.
    path
        File to write.

    Raises
    ------
    ImportError
        If safetensors is not installed.
    TypeError
        If it is no `Classifier`.
    ValueError
        If a layer or a transform has no name to save it by, or options that JSON cannot hold.
    """
    if not isinstance(model, Classifier):
        raise TypeError(f"model: expected a Classifier, got {type(model).__name__}")
    path = as_path(path, "path")
    write = safetensors().save
    expect_known(model.network)
    try:
        pixels = None if model.pixels is None else asdict(model.pixels)
        architecture = json.dumps({"format": _FORMAT, "dtype": model.dtype.name, "pixels": pixels, **model.config()})
    except TypeError as error:
        raise ValueError(f"model: an option of a layer or transform cannot be saved: {error}") from error
    tensors = {name: np.asarray(array, order="C") for name, array in model.params.items()}
    content = write(tensors, metadata={_KEY: architecture, _DIGEST: digest(architecture, tensors)})
    write_atomically(path, content)


def load(path: str | os.PathLike[str], *, max_bytes: int = 1 << 30) -> Classifier:
    """Read a model that `save` wrote, trusting nothing that the file says.

    Layers come from a table of known classes: the file runs no code. It does choose the transform and its options, among the
    plugins that may be loaded (``STN_NUMBA_PLUGINS``).

    Parameters
    ----------
    path
        The file.
    max_bytes
        Largest size of the file; 1 GiB unless told. Loading takes a small multiple of the file's size.

    Raises
    ------
    ImportError
        If safetensors is not installed.
    FileNotFoundError
        If there is no such file.
    StorageError
        If the file is damaged or too large, is not a model, names an unknown layer or transform, or its tensors do not fit its
        layers.
    """
    architecture, tensors = _read(as_path(path, "path"), as_int(max_bytes, "max_bytes"))
    try:
        return rebuild(architecture, tensors)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError) as error:
        raise StorageError(f"{path}: {error}") from error


def _read(path: Path, max_bytes: int) -> tuple[dict[str, Any], Arrays]:
    metadata, tensors = read_tensors(path, max_bytes)
    if _DIGEST in metadata and metadata[_DIGEST] != digest(metadata.get(_KEY, ""), tensors):
        raise StorageError(f"{path}: it was changed or damaged after it was saved: its checksum is wrong")
    if _KEY not in metadata and CHECKPOINT_KEY in metadata:
        raise StorageError(f"{path}: it holds a run of training: give it to `fit` as its checkpoint, and `save` the model")
    try:
        architecture = json.loads(metadata[_KEY])
    except (KeyError, ValueError, RecursionError) as error:
        raise StorageError(f"{path}: it holds no model of stn-numba") from error
    if not isinstance(architecture, dict) or architecture.get("format") != _FORMAT:
        raise StorageError(f"{path}: expected a model in format {_FORMAT}, got {architecture!r:.60}")
    return architecture, tensors


def read_tensors(path: Path, max_bytes: int, *, most_header: int = _MOST_HEADER) -> tuple[dict[str, str], Arrays]:
    """Read metadata and tensors of a safetensors file of at most `max_bytes`."""
    unpack = safetensors().load
    if path.is_dir():
        raise IsADirectoryError(f"{path}: expected a file, got a folder")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    with path.open("rb") as file:  # read, not mapped: a file cut short while it is mapped would end the process
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise StorageError(f"{path}: expected at most {max_bytes:,} bytes, got {size:,}")
        content = file.read(size)
    metadata = _metadata(path, content, most_header)
    try:
        tensors: Arrays = unpack(content)
    except Exception as error:  # its own errors, and those of NumPy for dtypes that it lacks
        raise StorageError(f"{path}: not a whole safetensors file: {type(error).__name__}: {error}") from error
    return metadata, tensors


def _metadata(path: Path, content: bytes, most: int) -> dict[str, str]:
    """Read texts from the header: its length in eight bytes, then JSON."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8:
        if content[8:9] not in (b"", b"{"):
            raise StorageError(f"{path}: not a safetensors file: it begins with {content[:12]!r}")
        raise StorageError(f"{path}: not a whole safetensors file: it ends within its header")
    if length > most:
        raise StorageError(f"{path}: expected a header of at most {most:,} bytes, got {length:,}")
    try:
        metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    except (ValueError, RecursionError, AttributeError) as error:
        raise StorageError(f"{path}: not a whole safetensors file: its header is no JSON object: {error}") from error
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise StorageError(f"{path}: not a whole safetensors file: its metadata are no texts")
    return metadata


def digest(architecture: str, tensors: Arrays) -> str:
    """Checksum of everything that makes the model."""
    digest = hashlib.sha256(architecture.encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tensors[name].shape}".encode())
        digest.update(tensors[name].tobytes())
    return digest.hexdigest()


def safetensors() -> Any:
    """Return the library that reads and writes the files."""
    try:
        from safetensors import numpy as library
    except ImportError as error:
        raise ImportError("saving and loading models needs safetensors: pip install stn-numba[files]") from error
    return library
