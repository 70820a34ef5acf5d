"""Skip without Dask; compute in this thread unless a test says otherwise."""

import contextlib
import os

import pytest


@contextlib.contextmanager
def local_client(workers, **options):
    """Yield a client of processes on this machine.

    Dask sets OMP_NUM_THREADS and others in this process too, while it starts workers: that is undone, so that it does not slow
    or change tests that come later.
    """
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    before, client_options = dict(os.environ), {"set_as_default": options.pop("set_as_default", True)}
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0", "memory_limit": 0} | options
    try:
        with (
            distributed.LocalCluster(n_workers=workers, **options) as cluster,
            distributed.Client(cluster, **client_options) as client,
        ):
            _restore(before)
            yield client
    finally:
        _restore(before)


def _restore(environment):
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


@pytest.fixture(autouse=True)
def in_this_thread():
    dask = pytest.importorskip("dask", reason="Dask is not installed")
    with dask.config.set(scheduler="synchronous"):
        yield
