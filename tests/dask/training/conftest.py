"""Clusters of processes on this machine."""

import contextlib

import pytest


@contextlib.contextmanager
def local_client(workers):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    with (
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit=0
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="package")
def client():
    """A client of four workers, which stay as they are."""
    with local_client(4) as client:
        yield client


@pytest.fixture
def own_client():
    """A client of two workers, for tests that kill them."""
    with local_client(2) as client:
        yield client
