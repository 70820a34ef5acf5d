"""Clusters of processes on this machine."""

import pytest

from tests.dask.conftest import local_client


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
