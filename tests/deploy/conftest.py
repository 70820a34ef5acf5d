"""The report that several tests look at."""

import pytest

from stn_numba.deploy import doctor


@pytest.fixture(scope="session")
def report():
    return doctor()
