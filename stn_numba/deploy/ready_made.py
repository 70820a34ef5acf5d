"""The kernels that ready-made networks need, to be compiled ahead."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stn_numba.nn.classifier import Classifier

__all__ = ["network_jobs"]


def network_jobs(level: str) -> set[tuple[str, Any]]:
    """Return (kernel, signature) for the networks of `stn_numba.models` and of the paper, on CPUs of a level."""
    from stn_numba.deploy.network_kernels import kernels_of

    return kernels_of(_makers(), level)


def _makers() -> list[Callable[[], Classifier]]:
    from stn_numba import models
    from stn_numba.paper import find_cells
    from stn_numba.paper.networks import make_network

    plain = [getattr(models, name) for name in models.__all__]
    return [*plain, *(functools.partial(make_network, cell, 0) for cell in find_cells("*"))]
