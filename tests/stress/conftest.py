"""Fixtures that run the stress programs in separate processes."""

import pytest

from tests.stress.processes import LONG, PROGRAMS, ROOT, environment, run, why_not


@pytest.fixture(params=["tbb", "omp", "workqueue"])
def layer(request):
    reason = why_not(request.param)
    if reason:
        pytest.skip(reason)
    return request.param


@pytest.fixture
def program():
    """program(name, layer, **environment) runs one of `programs` and returns what it printed, and its warnings."""

    def make(name, layer=None, **changes):
        result = run(PROGRAMS, name, *(["long"] if LONG else []), env=environment(layer, **changes))
        assert result.returncode == 0, f"{name}, {layer}: exit code {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    make.path = [str(ROOT), str(ROOT / "plugins")]
    return make
