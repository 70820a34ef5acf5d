"""The page of results."""

import dataclasses
import json

import pytest

from stn_numba.paper import find_experiments, reproduce
from stn_numba.paper.results import append_result
from stn_numba.paper.results_page import write_results_page
from tests.paper.examples import DIGITS, result, small


def test_the_page_has_a_table_for_each_distortion(tmp_path):
    path, page = tmp_path / "results.json", tmp_path / "docs" / "results.md"
    rows = [
        result("st-cnn/affine/R", 0.9),
        result("st-cnn/affine/R", 0.8),  # run again: the last one counts
        result("st-cnn/affine/R", 0.7, seed=1),
        result("st-cnn/affine/R", 9.9, seed=2, part="validation"),
        result("2st-fcn/affine/addition", 8.0),
    ]
    for row in rows:
        append_result(path, row)
    assert write_results_page(tmp_path, page) == [page, page.with_suffix(".json")]
    text = page.read_text()
    assert "| ST-CNN | affine | 200,000 | 40 | 10 | 1 | 2 | 0.75 | 0.7 | +0.05 | 0.09 |" in text
    assert "| 2ST-FCN | affine | 200,000 | 40 | 10 | 1 | 1 | 8.00 | 9.0 | -1.00 | 0.27 |" in text
    assert "| ST-CNN | affine | 0.75 (0.7) | not run (0.5) |" in text
    assert "| 2ST-FCN | affine |  |  |  |  |  | 8.00 (9.0) |" in text
    assert "## P" not in text
    assert json.loads(page.with_suffix(".json").read_text()) == json.loads(path.read_text())


def test_times_with_different_numbers_of_threads_are_not_averaged(tmp_path):
    for seed, seconds, threads in ((0, 60.0, 1), (1, 180.0, 1), (2, 120.0, 2)):
        append_result(tmp_path / "results.json", result("cnn/R", seed=seed, seconds=seconds, threads=threads))
    for seed, seconds in ((0, 60.0), (1, 180.0)):
        append_result(tmp_path / "results.json", result("cnn/E", seed=seed, seconds=seconds))
    page = tmp_path / "page.md"
    write_results_page(tmp_path, page)
    assert "| 200,000 | 40 | 1, 3, 2 | 1, 1, 2 | 3 |" in page.read_text()
    assert "| 200,000 | 40 | 2 | 1 | 2 |" in page.read_text()


def test_a_page_beside_the_results_does_not_change_them(tmp_path):
    append_result(tmp_path / "results.json", result("fcn/R"))
    before = (tmp_path / "results.json").stat()
    assert write_results_page(tmp_path, tmp_path / "results.md")[1] == tmp_path / "results.json"
    assert (tmp_path / "results.json").stat() == before


def test_the_page_has_figures(tmp_path):
    pytest.importorskip("matplotlib")
    experiment = find_experiments("st-fcn/affine/R")[0]
    reproduce(experiment, DIGITS, tmp_path, settings=small(experiment), log=lambda line: None)
    files = write_results_page(tmp_path, tmp_path / "docs" / "results.md", DIGITS)
    assert files[-1].name == "results-R.png"
    assert files[-1].read_bytes().startswith(b"\x89PNG")
    assert "](figures/results-R.png)" in files[0].read_text()
    assert files[-1] not in write_results_page(tmp_path, files[0])
    assert "](figures/results-R.png)" in files[0].read_text()  # drawn before, and still there


def test_a_page_needs_results(tmp_path):
    append_result(tmp_path / "results.json", result("fcn/R", part="validation"))
    with pytest.raises(ValueError, match="expected results on test digits, got none"):
        write_results_page(tmp_path, tmp_path / "results.md")


def test_a_page_cannot_overwrite_the_results(tmp_path):
    append_result(tmp_path / "results.json", result("fcn/R"))
    before = (tmp_path / "results.json").read_text()
    with pytest.raises(ValueError, match="out: expected a page such as results.md"):
        write_results_page(tmp_path, tmp_path / "results.json")
    assert (tmp_path / "results.json").read_text() == before


def test_a_page_of_another_name_links_to_its_own_copy(tmp_path):
    append_result(tmp_path / "results.json", result("fcn/R"))
    page, copy = write_results_page(tmp_path, tmp_path / "docs" / "report.md")
    assert copy.name == "report.json"
    assert "(report.json)" in page.read_text()
    assert "results.json" not in page.read_text()


def test_seeds_with_different_epochs_are_shown_separately(tmp_path):
    for seed, epochs in ((0, 40), (1, 2)):
        append_result(tmp_path / "results.json", dataclasses.replace(result("cnn/R", seed=seed), epochs=epochs))
    page, _ = write_results_page(tmp_path, tmp_path / "page.md")
    assert "| 200,000 | 40, 2 |" in page.read_text()
