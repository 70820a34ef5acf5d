"""Skip without Dask; compute in this thread unless a test says otherwise."""

import contextlib

import pytest

from tests.environment import unchanged


@contextlib.contextmanager
def local_client(workers, *, set_as_default=True, **options):
    """Yield a client of processes on this machine."""
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0", "memory_limit": 0} | options
    with (
        unchanged() as restore,
        distributed.LocalCluster(n_workers=workers, **options) as cluster,
        distributed.Client(cluster, set_as_default=set_as_default) as client,
    ):
        restore()
        yield client


@pytest.fixture(autouse=True)
def in_this_thread():
    dask = pytest.importorskip("dask", reason="Dask is not installed")
    with dask.config.set(scheduler="synchronous"):
        yield
