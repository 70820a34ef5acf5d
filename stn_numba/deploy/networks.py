"""Predict and train once in small: kernels of layers depend on the sizes of a network."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from stn_numba._util.arguments import as_path

if TYPE_CHECKING:
    from stn_numba.nn.classifier import Classifier

__all__ = ["USES", "network_calls"]

USES = ("predict", "train")

_FEW, _MANY = 3, 64  # images: by products of matrices, and by vectors of samples

Named = tuple[str, Callable[[], Any]]


def network_calls(use: str, paths: Sequence[str | os.PathLike[str]]) -> Iterator[Named]:
    """(name, call) for each model of a file, or for ``st_cnn`` if there is none."""
    from stn_numba import models
    from stn_numba.nn.saving.model_file import load

    checked = [as_path(path, "models") for path in paths]
    makers: dict[str, Callable[[], Classifier]] = {path.name: partial(load, path) for path in checked}
    for name, make in (makers or {"st_cnn": models.st_cnn}).items():
        model = make()
        for words, count in (("one image", 1), ("few images", _FEW), ("many", _MANY)):
            yield f"predict by {name}, {words}", partial(model.predict, _images(model, count))
        if use == "train":
            for count in (_FEW, _MANY):
                yield f"train {name}, batches of {count}", partial(_train, make, count)


def _train(make: Callable[[], Classifier], count: int) -> None:
    """A step of each optimizer, of a model that is thrown away."""
    from stn_numba.nn import SGD, Adam, fit

    for optimizer in (Adam(), SGD()):
        model = make()
        labels = np.zeros(count, int)
        fit(model, _images(model, count), labels, epochs=1, batch_size=count, optimizer=optimizer, progress=False)


def _images(model: Classifier, count: int) -> Any:
    return np.zeros((count, *model.input_shape), model.dtype)
