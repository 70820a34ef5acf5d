"""Runs with all outcomes of conditions, and the check of what was recorded."""

import numpy as np
import pytest

from stn_numba.onnx.tracing import tracer
from stn_numba.onnx.tracing.symbols import RecordingError
from tests.onnx.tracing.recorded import check_recorded


def test_all_outcomes_are_recorded():
    def steps(theta, points):
        out = np.empty((len(theta), len(points)), theta.dtype)
        for n, row in enumerate(theta):
            for m, point in enumerate(points):
                a, b = row[0] > point[0], row[1] > 0
                out[n, m] = (1.0 if b else 2.0) if a else (3.0 if b else row[0])
        return out

    graph = check_recorded(steps)
    assert [node.operator for node in graph.nodes].count("Where") == 3


def test_wrong_numbers_are_found():
    class Sloppy:
        """Other numbers for symbols than for floats."""

        def __call__(self, theta, points):
            return theta[:, :1] * points[:, 0] * (2.0 if theta.dtype == object else 1.0)

    with pytest.raises(RecordingError, match="does not give the same numbers"):
        check_recorded(Sloppy())


def test_a_wrong_shape_is_found():
    with pytest.raises(RecordingError, match=r"the shape \(1,\), not \(1, 1\)"):
        check_recorded(lambda theta, points: theta[:, 0] if theta.dtype == object else theta[:, :1] + 0 * points[:, 0])


def test_the_line_of_an_error_is_named():
    def of(theta, points):
        if theta.dtype == object:
            raise OSError("no table")
        return theta[:, :1] + points[:, 0]

    with pytest.raises(RecordingError, match=r"OSError: no table \(test_tracer\.py, line \d+: raise OSError"):
        check_recorded(of)


def test_runs_are_limited(monkeypatch):
    monkeypatch.setattr(tracer, "_MOST_RUNS", 3)
    with pytest.raises(RecordingError, match="more than 3 different cases"):
        check_recorded(
            lambda theta, points: theta[:, :1] * points[:, 0] + sum(x > k for x in theta[0] for k in range(3) if x > k)
        )
