"""Compute the parts of a batch on a cluster: what `fit` asks of one."""

from __future__ import annotations

import contextlib
import pkgutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from stn_numba.nn.layers.container import all_layers, needs_whole_batch
from stn_numba.nn.layers.theta_penalty import ThetaPenalty
from stn_numba.nn.model.base import Model
from stn_numba.nn.model.parts import PartRunner
from stn_numba.nn.training.step import Step

__all__ = ["Cluster", "as_cluster", "computed_on"]

# Which class fulfils `Cluster` for the objects of another library, by the package of their class. It is imported by its name
# when `fit` is given such an object, so that training needs none of these libraries.
_ADAPTERS = {"distributed": "stn_numba.dask.training:DaskCluster"}


@runtime_checkable
class Cluster(Protocol):
    """Machines that compute the parts of a batch: any object with this method.

    `stn_numba.dask.training.DaskCluster` is one; `fit` makes it from a ``dask.distributed.Client``.

    Examples
    --------
    >>> from stn_numba.nn.model.parts import run_here
    >>> class Here:
    ...     def training(self, network, theta_penalty):
    ...         return contextlib.nullcontext(run_here)
    >>> isinstance(Here(), Cluster)
    True
    """

    def training(self, network: Any, theta_penalty: ThetaPenalty | None) -> AbstractContextManager[PartRunner]:
        """Return a context in which workers hold the network and the penalty; its value computes the parts of batches."""


def as_cluster(cluster: Any, model: Model) -> Cluster | None:
    """Return what `fit` was given as a `Cluster`, after a check that the model can be trained on one; None for None."""
    if cluster is None:
        return None
    adapter = _ADAPTERS.get(type(cluster).__module__.partition(".")[0])
    result: Any = cluster if adapter is None else pkgutil.resolve_name(adapter)(cluster)
    if not isinstance(result, Cluster):
        raise TypeError(f"cluster: expected a dask.distributed.Client, or a Cluster, got {type(cluster).__name__}")
    for name, layer in all_layers(model.network):
        if not hasattr(layer, "layers") and needs_whole_batch(layer):
            raise ValueError(
                f"cluster: layer {name!r} ({type(layer).__name__}) looks at the whole batch or has state, so the batch cannot "
                "be shared among workers: train without a cluster, or without this layer"
            )
    return result


@contextlib.contextmanager
def computed_on(cluster: Cluster | None, step: Step) -> Iterator[None]:
    """Let a step compute the parts of its batches on a cluster, in a block."""
    if cluster is None:
        yield
        return
    with cluster.training(step.network, step.theta_penalty) as step.run_parts:
        yield
    step.run_parts = None
