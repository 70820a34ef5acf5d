"""Compile before the first request: run networks once, so that kernels that the wheel does not contain get into the cache."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from stn_numba._util.arguments import as_option, as_path
from stn_numba.kernels.runtime import calls as kernel_calls

if TYPE_CHECKING:
    from stn_numba.nn import Model
    from stn_numba.nn.losses.base import Loss

__all__ = ["WarmupStep", "warmup"]

_FEW, _MANY = 3, 64  # images; networks have different kernels for small and large batches
_SLOWEST_FIRST = ("compiled", "cache", "prebuilt")


@dataclass(frozen=True)
class WarmupStep:
    """One step of `warmup`.

    Attributes
    ----------
    name : str
        What was run, with which model.
    seconds : float
        How long it took.
    source : str
        Where its kernels came from: ``"compiled"`` if any was compiled, else ``"cache"`` if any was read from the disk cache,
        else ``"prebuilt"`` if any came with the wheel, or ``"shared"`` if earlier steps had loaded all of them.
    """

    name: str
    seconds: float
    source: str


def warmup(*, networks: str = "predict", models: Sequence[str | os.PathLike[str]] = ()) -> Iterator[WarmupStep]:
    """Run networks as a deployment will, so that their kernels are in the cache; yield each step when it is done.

    The kernels of the sampler itself need no warmup if the wheel contains prebuilt kernels.

    Parameters
    ----------
    networks : {"predict", "train"}, default "predict"
        What the networks will do. ``"train"`` includes prediction.
    models : sequence of paths, optional
        Files of the deployed models. Kernels depend on the sizes of a network, so pass all of them. The default is
        ``stn_numba.models.st_cnn()``.

    Yields
    ------
    WarmupStep

    Raises
    ------
    ValueError
        If `networks` is unknown, or a file is not a model.
    """
    as_option(networks, "networks", ("predict", "train"))
    return _run(list(_network_calls(networks, models)))


def _run(calls: list[tuple[str, Callable[[], Any]]]) -> Iterator[WarmupStep]:
    known = set(kernel_calls.loaded())
    for name, call in calls:
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        new = set(kernel_calls.loaded()) - known
        sources = {kernel.source for kernel in new}
        yield WarmupStep(name, seconds, next((source for source in _SLOWEST_FIRST if source in sources), "shared"))
        known |= new


def _network_calls(use: str, paths: Sequence[str | os.PathLike[str]]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield (name, call) for each model file, or for ``st_cnn`` if there is none."""
    from stn_numba import models
    from stn_numba.nn.saving.model_file import load

    checked = [as_path(path, "models") for path in paths]
    makers: dict[str, Callable[[], Model]] = {path.name: partial(load, path) for path in checked}
    for name, make in (makers or {"st_cnn": models.st_cnn}).items():
        model = make()
        for words, count in (("one image", 1), ("few images", _FEW), ("many", _MANY)):
            yield f"predict by {name}, {words}", partial(model.predict, _images(model, count))
        if use == "train" and model.loss is not None:
            for count in (_FEW, _MANY):
                yield f"train {name}, batches of {count}", partial(_train, make, count)


def _train(make: Callable[[], Model], count: int) -> None:
    """Run one step of each optimizer, on a new copy of the model."""
    from stn_numba.nn import SGD, Adam, fit

    for optimizer in (Adam(), SGD()):
        model = make()
        X, y = _images(model, count), _targets(model, count)
        fit(model, X, y, epochs=1, batch_size=count, optimizer=optimizer, progress=False)


def _images(model: Model, count: int) -> Any:
    return np.zeros((count, *model.input_shape), model.dtype)


def _targets(model: Model, count: int) -> Any:
    """Return targets of the shapes that the model's loss takes."""
    from stn_numba.nn import CrossEntropy

    def zeros(loss: Loss, shape: tuple[int, ...]) -> Any:
        return np.zeros(count, int) if isinstance(loss, CrossEntropy) else np.zeros((count, *shape))

    losses = getattr(model.loss, "losses", None)  # of several heads
    if losses is not None:
        return {name: zeros(loss, model.target_shape[name]) for name, loss in losses.items()}
    return zeros(model.loss_of(), model.target_shape)
