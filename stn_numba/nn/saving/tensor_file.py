"""safetensors files with a JSON text in their metadata and a checksum over all: the format of models and checkpoints."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from stn_numba._util.files import write_atomically
from stn_numba.nn.arrays import Arrays

__all__ = ["CHECKPOINT", "MODEL", "Kind", "StorageError", "digest", "read_tensor_file", "safetensors", "write_tensor_file"]

_FORMAT = 1


class StorageError(ValueError):
    """A model file or a checkpoint that is damaged, or that is none."""


class Kind(NamedTuple):
    """What a file contains: the metadata key of its text, the noun for errors, a limit of the header, a required checksum."""

    key: str
    noun: str
    max_header: int
    needs_checksum: bool


MODEL = Kind("stn_numba", "model", 1 << 20, False)  # a large model takes some thousand bytes; other programs write no checksum
CHECKPOINT = Kind("stn_numba.checkpoint", "checkpoint", 1 << 26, True)  # an optimizer may keep much that is no array


def write_tensor_file(path: str | os.PathLike[str], kind: Kind, text: str, tensors: Arrays) -> None:
    """Write a file, all or nothing; `text` is a JSON object whose ``"format"`` is 1."""
    metadata = {kind.key: text, f"{kind.key}.sha256": digest(text, tensors)}
    write_atomically(path, safetensors().save(tensors, metadata=metadata))


def read_tensor_file(path: Path, kind: Kind, max_bytes: int) -> tuple[dict[str, Any], Arrays]:
    """Read the JSON object and the tensors of a file; a StorageError says what is wrong with it."""
    content = _read_bytes(path, max_bytes)
    metadata = _metadata(path, content, kind.max_header)
    try:
        tensors: Arrays = safetensors().load(content)
    except Exception as error:  # its own errors, and those of NumPy for dtypes that it lacks
        raise StorageError(f"{path}: not a whole safetensors file: {type(error).__name__}: {error}") from error
    if kind.key not in metadata and CHECKPOINT.key in metadata:
        raise StorageError(f"{path}: it holds a run of training: give it to `fit` as its checkpoint, and `save` the model")
    if kind.key not in metadata:
        raise StorageError(f"{path}: it holds no {kind.noun} of stn-numba")
    text, checksum = metadata[kind.key], metadata.get(f"{kind.key}.sha256")
    if (kind.needs_checksum or checksum is not None) and checksum != digest(text, tensors):
        raise StorageError(f"{path}: it was changed or damaged after it was saved: its checksum is wrong")
    try:
        description = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StorageError(f"{path}: it holds no {kind.noun} of stn-numba: {error}") from error
    if not isinstance(description, dict) or description.get("format") != _FORMAT:
        raise StorageError(f"{path}: expected a {kind.noun} in format {_FORMAT}, got {description!r:.60}")
    return description, tensors


def _read_bytes(path: Path, max_bytes: int) -> bytes:
    safetensors()  # says first what is not installed
    if path.is_dir():
        raise IsADirectoryError(f"{path}: expected a file, got a folder")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    with path.open("rb") as file:  # read, not mapped: a file cut short while it is mapped would end the process
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise StorageError(f"{path}: expected at most {max_bytes:,} bytes, got {size:,}")
        return file.read(size)


def _metadata(path: Path, content: bytes, max_header: int) -> dict[str, str]:
    """Read texts from the header: its length in eight bytes, then JSON."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8:
        if content[8:9] not in (b"", b"{"):
            raise StorageError(f"{path}: not a safetensors file: it begins with {content[:12]!r}")
        raise StorageError(f"{path}: not a whole safetensors file: it ends within its header")
    if length > max_header:
        raise StorageError(f"{path}: expected a header of at most {max_header:,} bytes, got {length:,}")
    try:
        metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    except (ValueError, RecursionError, AttributeError) as error:
        raise StorageError(f"{path}: not a whole safetensors file: its header is no JSON object: {error}") from error
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise StorageError(f"{path}: not a whole safetensors file: its metadata are no texts")
    return metadata


def digest(text: str, tensors: Arrays) -> str:
    """Return the checksum of a text and of names, dtypes, shapes and values of tensors."""
    digest = hashlib.sha256(text.encode())
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
