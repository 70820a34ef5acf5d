"""Make ready before the first request what networks need: kernels that the wheel does not bring are compiled into the cache."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stn_numba._util.arguments import as_option
from stn_numba.deploy.networks import USES, network_calls
from stn_numba.kernels.runtime import calls as kernel_calls

__all__ = ["Warmed", "warmup"]

_SOURCES = ("compiled", "cache", "prebuilt")  # the slowest first


@dataclass(frozen=True)
class Warmed:
    """What one step needed.

    Attributes
    ----------
    name
        What was done, with which model.
    seconds
        How long it took.
    source
        Where its kernels came from: ``"compiled"`` if any of them was compiled, else ``"cache"`` if any was read from the cache
        on disk, else ``"prebuilt"`` (from the wheel); ``"shared"`` if steps before it needed the same kernels.
    """

    name: str
    seconds: float
    source: str


def warmup(*, networks: str = "predict", models: Sequence[str | os.PathLike[str]] = ()) -> Iterator[Warmed]:
    """Use networks as a deployment will, and yield each step as it is done.

    Kernels that no library of the wheel holds are compiled on the way, and kept in the cache. The sampler's own kernels need no
    warmup where a library is in use, see `stn_numba.kernels.runtime.prebuilt`.

    Parameters
    ----------
    networks
        What networks are to do: ``"predict"`` or ``"train"``, which includes prediction.
    models
        Files of models. Kernels of layers depend on a network's sizes, so give those that are deployed; without any,
        ``stn_numba.models.st_cnn()`` stands in for them.

    Raises
    ------
    ValueError
        If the use of networks is not offered, or a file holds no model.
    """
    as_option(networks, "networks", USES)
    return _steps(list(network_calls(networks, models)))


def _steps(calls: list[tuple[str, Callable[[], Any]]]) -> Iterator[Warmed]:
    known = set(kernel_calls.loaded())
    for name, call in calls:
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        new = set(kernel_calls.loaded()) - known
        yield Warmed(name, seconds, _source({kernel.source for kernel in new}))
        known |= new


def _source(sources: set[str]) -> str:
    return next((source for source in _SOURCES if source in sources), "shared")
