"""Work shared between threads."""

import os
import threading

import pytest

from stn_numba.kernels.runtime import dispatch
from stn_numba.nn.engine.thread_pool import each_number, each_part


def test_most_limits_the_number_of_threads(monkeypatch):
    monkeypatch.setattr(dispatch, "count", lambda: 2)
    barrier = threading.Barrier(2)
    each_number(lambda _: barrier.wait(timeout=60), 2)
    with pytest.raises(threading.BrokenBarrierError):
        each_number(lambda _: barrier.wait(timeout=0.1), 2, most=1)


def test_calls_may_be_nested_and_errors_are_raised():
    assert each_number(lambda a: sum(each_number(lambda b: a * b, 5)), 7) == [10 * a for a in range(7)]
    with pytest.raises(KeyError, match="three"):
        each_part(lambda part, _: {}["three"] if part.start == 3 else None, [slice(k, k + 1) for k in range(6)])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_starts_its_own_threads():
    each_number(lambda k: k, 4)
    child = os.fork()
    if not child:
        os._exit(0 if each_number(lambda k: k * k, 9) == [k * k for k in range(9)] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
