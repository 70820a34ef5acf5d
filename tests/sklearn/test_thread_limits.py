"""The option `n_jobs`."""

import pytest

import stn_numba as stn
from stn_numba.sklearn.thread_limits import at_most


@pytest.mark.parametrize(("n_jobs", "expected"), [(None, 3), (1, 1), (2, 2), (8, 3), (-1, 3), (-2, 2), (-9, 1)])
def test_numbers_of_threads(n_jobs, expected, monkeypatch):
    monkeypatch.setattr("stn_numba.sklearn.thread_limits.get_num_threads", lambda: 3)
    limits = []
    monkeypatch.setattr(
        "stn_numba.sklearn.thread_limits.limit_threads", lambda number: limits.append(number) or stn.limit_threads(1)
    )
    with at_most(n_jobs):
        assert limits == ([] if n_jobs is None else [expected])


def test_a_limit_around_it_counts():
    with stn.limit_threads(1), at_most(2):
        assert stn.get_num_threads() == 1


@pytest.mark.parametrize(("n_jobs", "error"), [(0, ValueError), (1.5, TypeError), ("all", TypeError)])
def test_bad_numbers_are_refused(n_jobs, error):
    with pytest.raises(error, match="n_jobs: expected"), at_most(n_jobs):
        pass
