"""BLAS runs on one thread while any caller holds it to one, and gets its old number back afterward."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from stn_numba.nn.engine.blas_threads import one_blas_thread

threadpoolctl = pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed")


def libraries():
    return [library for library in threadpoolctl.ThreadpoolController().lib_controllers if library.user_api == "blas"]


def counts():
    return {library.get_num_threads() for library in libraries()}


def set_counts(number):
    for library in libraries():
        library.set_num_threads(number)
        if hasattr(library, "clear_controlling_thread"):  # or no other thread could change it
            library.clear_controlling_thread()


@pytest.fixture(autouse=True)
def three_threads():
    """A number of threads that is neither one nor the default of this machine."""
    before = [(library, library.get_num_threads()) for library in libraries()]
    set_counts(3)
    if counts() != {3}:
        pytest.skip("this BLAS does not take a number of threads")
    yield
    assert counts() == {3}
    for library, number in before:
        library.set_num_threads(number)
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread()


def test_holds_may_be_nested():
    with one_blas_thread():
        with one_blas_thread():
            assert counts() == {1}
        assert counts() == {1}
    assert counts() == {3}


def test_the_last_of_overlapping_holds_restores_the_number():
    """By pairs of threads: A enters, B enters, A leaves, B leaves."""
    a, b = one_blas_thread(), one_blas_thread()
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        none = (None, None, None)
        steps = (one, a.__enter__, (), 1), (other, b.__enter__, (), 1), (one, a.__exit__, none, 1), (other, b.__exit__, none, 3)
        for thread, step, arguments, held in steps:
            thread.submit(step, *arguments).result()
            assert counts() == {held}


def test_holds_of_many_threads_may_overlap():
    wrong, start = [], threading.Barrier(8)

    def work():
        start.wait()
        for _ in range(100):
            with one_blas_thread():
                if counts() != {1}:
                    wrong.append(counts())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert counts() == {3}


def test_an_error_restores_the_number():
    with pytest.raises(ZeroDivisionError), one_blas_thread():
        1 / 0  # noqa: B018
    assert counts() == {3}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_forked_during_another_thread_s_hold_can_restore_the_number():
    """The other thread does not exist in the child; the child's next hold resets the number."""
    inside, over = threading.Event(), threading.Event()

    def hold():
        with one_blas_thread():
            inside.set()
            over.wait()

    other = threading.Thread(target=hold)
    other.start()
    inside.wait()
    try:
        child = os.fork()
        if not child:
            with one_blas_thread():
                held = counts() == {1}
            os._exit(0 if held and counts() == {3} else 1)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        over.set()
        other.join()


def test_children_forked_while_another_thread_enters_and_leaves_do_not_hang():
    """A child once hung on a lock of OpenBLAS that the other thread held at the fork."""
    stop = threading.Event()

    def work():
        while not stop.is_set():
            with one_blas_thread():
                pass

    other = threading.Thread(target=work)
    other.start()
    try:
        for _ in range(100):
            child = os.fork()
            if not child:
                signal.alarm(600)  # ends the child if it hangs
                with one_blas_thread():
                    pass
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        other.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_forked_inside_a_hold_is_still_inside():
    with one_blas_thread():
        child = os.fork()
        if not child:
            with one_blas_thread():
                pass
            os._exit(0 if counts() == {1} else 1)  # it is still inside
        assert os.waitpid(child, 0)[1] == 0


def test_a_blas_loaded_later_is_held_too():
    with one_blas_thread():
        pass
    with one_blas_thread():  # another caller holds NumPy's alone
        with one_blas_thread(of_scipy=True):
            assert len(libraries()) >= 1
            assert counts() == {1}
        assert counts() == {1}
    set_counts(3)


def test_a_number_set_by_the_program_is_restored():
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        with one_blas_thread():
            assert counts() == {1}
        assert counts() == {2}


@pytest.mark.skipif(
    not any(hasattr(library, "clear_controlling_thread") for library in libraries()),
    reason="before threadpoolctl 3.8 any thread may overrule another",
)
def test_a_number_set_by_another_thread_stays_with_that_thread():
    hold = one_blas_thread()
    with ThreadPoolExecutor(1) as other:
        with threadpoolctl.threadpool_limits(2, user_api="blas"):
            other.submit(hold.__enter__).result()
        other.submit(hold.__exit__, None, None, None).result()
    assert counts() == {3}


def test_one_image_does_not_load_scipy_and_a_batch_holds_its_blas():
    code = """
import sys, numpy as np, stn_numba as stn, threadpoolctl
from stn_numba.nn.engine import blas_threads
model, images = stn.models.fcn((6, 6, 1), units=4), np.zeros((64, 6, 6, 1), np.float32)
model.predict(images[:1])
assert "scipy.linalg" not in sys.modules
seen, release = [], blas_threads._Limit.release
def watched(limit):
    seen.extend(library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas")
    release(limit)
blas_threads._Limit.release = watched
model.predict(images)
assert "scipy.linalg" in sys.modules
assert set(seen) == {1}, seen
"""
    subprocess.run([sys.executable, "-c", code], check=True)
