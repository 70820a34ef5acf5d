"""The file of results."""

import dataclasses
import json

import pytest

from stn_numba.paper.results import append_result, read_results
from tests.paper.examples import result


def test_incomplete_results_are_refused(tmp_path):
    (tmp_path / "results.json").write_text('[{"experiment": "fcn/R"}]')
    with pytest.raises(ValueError, match="expected a list of results"):
        read_results(tmp_path / "results.json")


def test_results_that_could_not_be_read_back_are_not_written(tmp_path):
    append_result(tmp_path / "results.json", result("fcn/R"))
    with pytest.raises(ValueError, match="loss: expected"):
        append_result(tmp_path / "results.json", dataclasses.replace(result("fcn/E"), loss=float("nan")))
    assert [row.experiment for row in read_results(tmp_path / "results.json")] == ["fcn/R"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("experiment", "foo/R", "row 1: experiment: expected the name of an experiment"),
        ("part", "tset", "row 1: part: expected"),
        ("images", 0, "row 1: images: expected at least 1"),
        ("error", 150.0, r"row 1: error: expected a number in \[0, 100\]"),
    ],
)
def test_bad_rows_are_named(name, value, message, tmp_path):
    row = dataclasses.asdict(result("fcn/R")) | {name: value}
    (tmp_path / "results.json").write_text(json.dumps([row]))
    with pytest.raises(ValueError, match=message):
        read_results(tmp_path / "results.json")
