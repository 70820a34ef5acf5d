"""Save and load models: parameters and state as tensors, the architecture as JSON."""

from __future__ import annotations

import json
import os
from dataclasses import asdict

import numpy as np

from stn_numba._util.arguments import as_int, as_path
from stn_numba.nn.model.base import Model
from stn_numba.nn.model.classifier import Classifier
from stn_numba.nn.saving.architecture import expect_known
from stn_numba.nn.saving.rebuild import arrays_by_tensor, rebuild
from stn_numba.nn.saving.tensor_file import MODEL, StorageError, read_tensor_file, safetensors, write_tensor_file

__all__ = ["load", "save"]


def save(model: Model, path: str | os.PathLike[str]) -> None:
    """Write a model to a safetensors file, all or nothing: an old file stays until the new one is complete.

    Parameters
    ----------
    model : Model
        A model whose transforms were given by registered names.
    path : path
        File to write.

    Raises
    ------
    ImportError
        If safetensors is not installed.
    FileNotFoundError, IsADirectoryError
        If the folder does not exist, or the path is one.
    TypeError
        If the model is no `Model`.
    ValueError
        If a layer or a transform has no registered name, or options that JSON cannot hold.

    Examples
    --------
    >>> import tempfile
    >>> from stn_numba.models import fcn
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(fcn(units=8), f"{folder}/model.safetensors")
    ...     load(f"{folder}/model.safetensors").n_params
    6442
    """
    if not isinstance(model, Model):
        raise TypeError(f"model: expected a Model, got {type(model).__name__}")
    path = as_path(path, "path")
    safetensors()  # says first what is not installed
    expect_known(model.network)
    try:
        pixels = None if model.pixels is None else asdict(model.pixels)
        architecture = json.dumps({"format": 1, "dtype": model.dtype.name, "pixels": pixels, **model.config()})
    except TypeError as error:
        raise ValueError(f"model: an option of a layer or transform cannot be saved: {error}") from error
    tensors = {name: np.asarray(array, order="C") for name, array in arrays_by_tensor(model.network).items()}
    write_tensor_file(path, MODEL, architecture, tensors)


def load(path: str | os.PathLike[str], *, n_classes: int | None = None, max_bytes: int = 1 << 30) -> Model:
    """Read a model that `save` wrote; the file is not trusted.

    Layers come from a table of known classes, so the file runs no code. It does choose the transform and its options, among the
    plugins that may be loaded (``STN_NUMBA_PLUGINS``).

    Parameters
    ----------
    path : path
        The file.
    n_classes : int, default None
        Put a new last layer for so many classes on a `Classifier`, to train it further; see `Classifier.with_head`.
    max_bytes : int, default 1 GiB
        Largest size of the file. Loading takes a small multiple of the file's size.

    Returns
    -------
    Model
        Of the class that was saved: `Classifier`, `Regressor`, `MultiHead` or `Model`.

    Raises
    ------
    ImportError
        If safetensors is not installed.
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    StorageError
        If the file is damaged or too large, is not a model, names an unknown layer or transform, or its tensors do not fit its
        layers.
    """
    path = as_path(path, "path")
    architecture, tensors = read_tensor_file(path, MODEL, as_int(max_bytes, "max_bytes"))
    try:
        model = rebuild(architecture, tensors)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError) as error:
        raise StorageError(f"{path}: {error}") from error
    if n_classes is None:
        return model
    if not isinstance(model, Classifier):
        raise TypeError(f"n_classes: expected None for a {type(model).__name__}, since only a Classifier has classes")
    return model.with_head(n_classes)
