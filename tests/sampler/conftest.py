"""Fixtures for tests of plans."""

import pytest

from stn_numba import warp_plans
from stn_numba.sampler import plans
from stn_numba.transform import registry


@pytest.fixture
def no_plans():
    plans._plans.clear()
    warp_plans._plans.clear()
    registry._shared.clear()


@pytest.fixture
def without_plans(monkeypatch):
    """Call a function without any plan."""

    def call(function):
        with monkeypatch.context() as context:
            context.setattr(plans, "find", lambda key: None)
            context.setattr(warp_plans, "find", lambda *_: (None, None))
            return function()

    return call
