"""Models as safetensors files: the parameters as tensors, the architecture as JSON in the metadata."""

from __future__ import annotations

import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from stn_numba.nn.architecture import build
from stn_numba.nn.chain import Chain
from stn_numba.nn.classifier import Classifier
from stn_numba.nn.layer import Arrays

__all__ = ["StorageError", "load", "save"]

_KEY, _FORMAT = "stn_numba", 1
_MOST_VALUES = 1 << 31  # a model larger than this is taken for a lie


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
    ValueError
        If a layer or a transform has no name to save it by.
    """
    content = _safetensors().save(
        {name: np.ascontiguousarray(array) for name, array in model.params.items()},
        metadata={_KEY: json.dumps({"format": _FORMAT, "dtype": model.dtype.name, **model.config()})},
    )
    path = Path(path)
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


def load(path: str | os.PathLike[str]) -> Classifier:
    """Read a model that `save` wrote. Layers come from a table of known classes: the file runs no code.

    Raises
    ------
    ImportError
        If safetensors is not installed.
    FileNotFoundError
        If there is no such file.
    StorageError
        If the file is damaged, is not a model, names an unknown layer or transform, or its tensors do not fit its layers.
    """
    architecture, tensors = _read(Path(path))
    try:
        model = _rebuild(architecture, tensors)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, RuntimeError) as error:
        raise StorageError(f"{path}: {error}") from error
    for name, array in model.params.items():
        array[...] = tensors[name]
    return model


def _read(path: Path) -> tuple[dict[str, Any], Arrays]:
    _safetensors()
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, TypeError, ValueError, MemoryError) as error:
        raise StorageError(f"{path}: not a whole safetensors file: {error}") from error
    try:
        architecture = json.loads(metadata[_KEY])
    except (KeyError, ValueError, RecursionError) as error:
        raise StorageError(f"{path}: it holds no model of stn-numba") from error
    if not isinstance(architecture, dict) or architecture.get("format") != _FORMAT:
        raise StorageError(f"{path}: expected a model in format {_FORMAT}, got {architecture!r:.60}")
    return architecture, tensors


def _rebuild(architecture: dict[str, Any], tensors: Arrays) -> Classifier:
    """Build the model, then check that every tensor has its place and shape."""
    dtype = architecture["dtype"]
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype: expected float32 or float64, got {dtype!r}")
    _check_promise(architecture, sum(array.size for array in tensors.values()))
    network = build({"layer": "Chain", "layers": architecture["layers"]})
    assert isinstance(network, Chain)
    model = Classifier(network, tuple(architecture["input_shape"]), architecture["n_classes"], dtype=dtype)
    if set(model.params) != set(tensors):
        odd = sorted(set(model.params) ^ set(tensors))
        raise ValueError(f"tensors: expected those of the architecture; {odd[0]!r} is missing or too many")
    for name, array in model.params.items():
        if (tensors[name].shape, tensors[name].dtype) != (array.shape, array.dtype):
            raise ValueError(
                f"tensor {name!r}: expected {array.dtype} {array.shape}, got {tensors[name].dtype} {tensors[name].shape}"
            )
    return model


def _check_promise(architecture: dict[str, Any], values: int) -> None:
    """Refuse sizes that the tensors cannot fill before anything of that size is allocated."""

    def sizes(part: Any) -> list[int]:
        if isinstance(part, dict):
            return [n for key, value in part.items() if key in _SIZES for n in _numbers(value)] + [
                n for key, value in part.items() if key not in _SIZES for n in sizes(value)
            ]
        return [n for value in part for n in sizes(value)] if isinstance(part, list) else []

    limit = min(_MOST_VALUES, max(values, 1))
    largest = max(sizes(architecture["layers"]), default=0)
    inputs = math.prod(_numbers(architecture["input_shape"]))
    if largest > limit or inputs > _MOST_VALUES or architecture["n_classes"] > limit:
        raise ValueError(f"architecture: promises layers of {largest} units, but the file holds {values} values")


_SIZES = ("units", "filters", "size")


def _numbers(value: Any) -> list[int]:
    numbers = value if isinstance(value, list) else [value]
    if not all(isinstance(n, int) for n in numbers):
        raise TypeError(f"architecture: expected whole numbers, got {value!r:.60}")
    return numbers


def _safetensors() -> Any:
    try:
        from safetensors import numpy as safetensors
    except ImportError as error:
        raise ImportError("saving and loading models needs safetensors: pip install stn-numba[files]") from error
    return safetensors
