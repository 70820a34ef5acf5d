"""Skip without Dask; compute in this thread unless a test says otherwise."""

import pytest


@pytest.fixture(autouse=True)
def in_this_thread():
    dask = pytest.importorskip("dask", reason="Dask is not installed")
    with dask.config.set(scheduler="synchronous"):
        yield
