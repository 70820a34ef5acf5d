"""The number of threads: settings, limits and the machine."""

import threading

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.threads import counts, limits


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    """A machine of eight cores without quota, and nothing set."""
    monkeypatch.delenv("STN_NUMBA_NUM_THREADS", raising=False)
    for name, count in (("affinity", 8), ("cgroup_quota", None), ("numba_ceiling", 8)):
        monkeypatch.setattr(limits, name, lambda count=count: count)
    stn.set_num_threads(None)
    counts._machine.cache_clear()
    yield
    stn.set_num_threads(None)
    counts._machine.cache_clear()


@pytest.mark.parametrize(
    ("name", "count", "expected"),
    [
        ("affinity", 3, (3, "CPU affinity")),
        ("cgroup_quota", 2, (2, "cgroup quota")),
        ("numba_ceiling", 5, (5, "Numba's ceiling (NUMBA_NUM_THREADS)")),
    ],
)
def test_the_default_is_the_smallest_limit_of_the_machine(monkeypatch, name, count, expected):
    monkeypatch.setattr(limits, name, lambda: count)
    assert (stn.get_num_threads(), counts.origin()) == expected


def test_stronger_settings_win(monkeypatch):
    monkeypatch.setenv("STN_NUMBA_NUM_THREADS", "6")
    assert (stn.get_num_threads(), counts.origin()) == (6, "STN_NUMBA_NUM_THREADS=6")
    stn.set_num_threads(4)
    assert (stn.get_num_threads(), counts.origin()) == (4, "set_num_threads")
    with stn.limit_threads(2):
        assert (stn.get_num_threads(), counts.origin()) == (2, "limit_threads")
    assert stn.get_num_threads() == 4
    stn.set_num_threads(None)
    assert stn.get_num_threads() == 6


def test_the_ceiling_cannot_be_exceeded(monkeypatch):
    stn.set_num_threads(100)
    assert stn.get_num_threads() == 8
    with stn.limit_threads(100):
        assert stn.get_num_threads() == 8


def test_a_limit_holds_in_its_own_thread_and_ends_with_the_block():
    seen = []

    def fail():
        with stn.limit_threads(2):
            other = threading.Thread(target=lambda: seen.append(stn.get_num_threads()))
            other.start()
            other.join()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert seen == [8]
    assert stn.get_num_threads() == 8


@pytest.mark.parametrize(("number", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("2", TypeError)])
def test_other_numbers_are_refused(number, error):
    with pytest.raises(error, match="num_threads: expected"):
        stn.set_num_threads(number)
    with pytest.raises(error, match="num_threads: expected"), stn.limit_threads(number):
        pass


@pytest.mark.parametrize("text", ["0", "many", "-2", "1.5"])
def test_a_bad_environment_variable_is_named(monkeypatch, text):
    monkeypatch.setenv("STN_NUMBA_NUM_THREADS", text)
    with pytest.raises(ValueError, match=f"STN_NUMBA_NUM_THREADS: expected a whole number of at least 1, got '{text}'"):
        stn.get_num_threads()


def test_numba_s_own_thread_mask_is_respected():
    import numba

    stn.sample(np.ones((1, 128, 128, 1)), np.zeros((1, 256, 256, 2)), num_threads=2)  # launches
    from stn_numba.kernels.runtime import dispatch

    numba.set_num_threads(1)
    try:
        assert dispatch.count() == 1
    finally:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
