"""Work shared between threads."""

import os
import threading

import pytest

from stn_numba.kernels.runtime import dispatch
from stn_numba.nn.engine.thread_pool import parallel_map


def test_most_limits_the_number_of_threads(monkeypatch):
    monkeypatch.setattr(dispatch, "count", lambda: 2)
    barrier = threading.Barrier(2)
    parallel_map(lambda _: barrier.wait(timeout=60), range(2))
    with pytest.raises(threading.BrokenBarrierError):
        parallel_map(lambda _: barrier.wait(timeout=0.1), range(2), max_threads=1)


def test_calls_may_be_nested_and_errors_are_raised():
    assert parallel_map(lambda a: sum(parallel_map(lambda b: a * b, range(5))), range(7)) == [10 * a for a in range(7)]
    with pytest.raises(KeyError, match="three"):
        parallel_map(lambda k: {}["three"] if k == 3 else None, range(6))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_starts_its_own_threads():
    parallel_map(lambda k: k, range(4))
    child = os.fork()
    if not child:
        os._exit(0 if parallel_map(lambda k: k * k, range(9)) == [k * k for k in range(9)] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
