"""Workers that are too slow are named once."""

import warnings

import pytest

pytest.importorskip("distributed", reason="Dask is not installed")

from stn_numba.dask.training.pace import Pace

IMAGES = {"a": 10, "b": 10, "c": 5}


def test_the_slowest_is_named_once_after_five_steps():
    pace, slow = Pace(3.0), {"a": 0.1, "b": 0.5, "c": 0.05}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            pace.note(slow, IMAGES)
    with pytest.warns(RuntimeWarning, match=r"worker b took 0\.5 s for its 10 images .*the others take 0\.1 s") as found:
        pace.note(slow, IMAGES)
    assert len(found) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pace.note(slow, IMAGES)


@pytest.mark.parametrize(
    "seconds",
    [
        {"a": 0.1, "b": 0.25, "c": 0.05},  # not slow enough
        {"a": 1e-4, "b": 1e-3, "c": 5e-5},  # too short to matter
        {"a": 0.1, "b": 0.1, "c": 0.1},  # c has half the images
        {"a": 5.0},  # alone
    ],
)
def test_usual_differences_are_not_mentioned(seconds):
    pace = Pace(3.0)
    for _ in range(8):
        pace.note(seconds, IMAGES)


def test_one_slow_step_is_not_mentioned():
    pace = Pace(3.0)
    for step in range(20):
        pace.note({"a": 0.1, "b": 0.1 if step % 4 else 5.0, "c": 0.05}, IMAGES)
    pace.forget("b")
    pace.note({"b": 5.0, "a": 0.1}, IMAGES)
