"""What `fit` needs to train on a Dask cluster."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator

import cloudpickle
from distributed import Client

from stn_numba._util.arguments import as_int, as_real
from stn_numba.dask.training.pace import Pace
from stn_numba.dask.training.parts import ClusterParts
from stn_numba.dask.training.traffic import Traffic
from stn_numba.dask.training.workers import Workers
from stn_numba.nn.layers.chain import Chain
from stn_numba.nn.layers.theta_penalty import ThetaPenalty
from stn_numba.nn.model.parts import PartRunner

__all__ = ["DaskCluster"]


class DaskCluster:
    """Train on the workers of a Dask cluster: what ``fit(..., cluster=client)`` makes of a client, with options.

    In each step all workers get the parameters and their parts of the batch, compute the outputs and then the gradients, and
    return the sums of these. The driver, which is the program that calls `fit`, draws the batches, computes the loss and
    updates the parameters. The result has the same bits for any number of workers, and without a cluster, if `parts` of `fit`
    is the same.

    A worker that is lost is replaced by one that joins the cluster, as a nanny starts it, and the step is repeated by those
    that are left in the meantime. Layers that look at the whole batch, as `BatchNorm`, are refused.

    Parameters
    ----------
    client : dask.distributed.Client
        Connected to a cluster. The driver must be able to connect to its workers, and all machines need the same versions of
        this library and of the classes in the model.
    workers : int, default None
        The largest number of workers to use, at least 1; None for as many as there are when training begins.
    slow_factor : float, default 3.0
        A worker that takes this many times as long for an image as the others, five steps in a row, is named in a warning; more
        than 1.
    stall_seconds : float, default 10.0
        A worker that has not answered for this time, and for `slow_factor` times as long as the others, is named as well.
    timeout : float, default 300.0
        Seconds after which a worker that does not answer counts as lost, if others have answered, and after which training ends
        with a TimeoutError if there is no worker at all. Larger than 0.

    Attributes
    ----------
    traffic : Traffic
        What has been moved in the last training.

    Raises
    ------
    TypeError, ValueError
        If the client is none, or an asynchronous one, or an option does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from dask.distributed import Client
    >>> from stn_numba.models import fcn
    >>> from stn_numba.nn import fit
    >>> X, y = np.random.default_rng(0).random((64, 8, 8), np.float32), np.arange(64) % 2
    >>> with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=":0") as client:
    ...     cluster = DaskCluster(client)
    ...     history = fit(fcn((8, 8, 1), 2, units=4), X, y, epochs=1, cluster=cluster, progress=False)
    >>> cluster.traffic.steps
    1
    """

    def __init__(
        self,
        client: Client,
        *,
        workers: int | None = None,
        slow_factor: float = 3.0,
        stall_seconds: float = 10.0,
        timeout: float = 300.0,
    ) -> None:
        if not isinstance(client, Client):
            hint = ": give it Client(cluster)" if hasattr(client, "scheduler_address") else ""
            raise TypeError(f"cluster: expected a dask.distributed.Client, got {type(client).__name__}{hint}")
        if client.asynchronous:
            raise TypeError("cluster: expected a client that is not asynchronous")
        self.client = client
        self.workers = None if workers is None else as_int(workers, "workers", least=1)
        self.slow_factor = as_real(slow_factor, "slow_factor", "(1, inf)")
        self.stall_seconds = as_real(stall_seconds, "stall_seconds", "[0, inf)")
        self.timeout = as_real(timeout, "timeout", "(0, inf)")
        self.traffic = Traffic()

    @contextlib.contextmanager
    def training(self, network: Chain, theta_penalty: ThetaPenalty | None) -> Iterator[PartRunner]:
        """Return a context in which the workers hold the network; its value computes the parts of batches on them."""
        try:
            job = cloudpickle.dumps((network, theta_penalty))
        except Exception as error:
            raise TypeError(f"cluster: expected layers and a theta_penalty that can be sent to workers, got {error}") from error
        pace, self.traffic = Pace(self.slow_factor), Traffic()
        name = f"stn_numba_{uuid.uuid4().hex}"
        workers = Workers(self.client, name, job, self.workers, self.timeout, pace, self.stall_seconds)
        try:
            workers.start()
            yield ClusterParts(workers, pace, self.traffic)
        finally:
            workers.close()
