"""The experiments of the paper's tables: that they exist, are fair, are repeatable, and get into the page."""

import dataclasses
import json
import re

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.data import Digits
from stn_numba.nn import Stream
from stn_numba.paper import EXPERIMENTS, find_experiments, reproduce
from stn_numba.paper.addition import AdditionBatches, addition_set
from stn_numba.paper.networks import BUDGETS, make_network
from stn_numba.paper.reproduce import evaluation_set
from stn_numba.paper.results import Result, append_result, read_results
from stn_numba.paper.results_page import write_results_page
from stn_numba.paper.settings import settings_for

RNG = np.random.default_rng(0)
X, Y = RNG.random((80, 28, 28, 1), np.float32), RNG.integers(0, 10, 80)
DIGITS = Digits(X[:60], Y[:60], X[60:], Y[60:])


def result(experiment, error=1.0, **changes):
    return Result(
        **{
            "experiment": experiment, "paper_error": find_experiments(experiment)[0].paper_error, "error": error,
            "loss": 0.1, "images": 10_000, "part": "test",
            "seed": 0, "n_params": 200_000, "epochs": 40, "seconds": 600.0, "threads": 1, "settings": {},
            "command": "stn-numba reproduce",
        } | changes
    )  # fmt: skip


def small(experiment, **changes):
    return settings_for(experiment, **{"epochs": 2, "batch_size": 20, "budget": 60_000, **changes})


def test_the_tables_are_whole():
    columns = [experiment.column for experiment in EXPERIMENTS]
    assert [columns.count(name) for name in ("R", "RTS", "P", "E", "TC", "addition")] == [8, 8, 8, 8, 4, 8]
    assert len({experiment.name for experiment in EXPERIMENTS}) == len(EXPERIMENTS)


def test_a_budget_that_nothing_fits_is_refused():
    with pytest.raises(ValueError, match="budget: expected at least .*, which fcn/R takes, got 10"):
        make_network(find_experiments("fcn/R")[0], seed=0, budget=10)


def test_cells_are_found_by_name_and_pattern():
    assert [experiment.paper_error for experiment in find_experiments("ST-CNN/tps/e")] == [1.1]
    assert len(find_experiments("st-*/R")) == 6
    with pytest.raises(ValueError, match="none fits 'resnet/R'"):
        find_experiments("resnet/R")


@pytest.mark.parametrize("column", BUDGETS)
def test_networks_of_a_column_are_of_nearly_one_size(column):
    sizes = [make_network(experiment, 0).n_params for experiment in find_experiments(f"*/{column}")]
    assert max(sizes) <= BUDGETS[column] <= 400_000
    assert min(sizes) > 0.9 * BUDGETS[column]


def test_addition_adds_digits_of_both_channels():
    images = np.zeros((6, 28, 28, 1), np.float32)
    images[:, 8:20, 8:20, 0] = np.arange(6)[:, None, None] / 10  # the brightness tells the digit
    stream = AdditionBatches(images, np.arange(6), 4)
    assert isinstance(stream, Stream)
    for pair, sums in stream(np.random.default_rng(0)):
        brightness = np.rint(10 * pair.max(axis=(1, 2))).astype(int)
        assert pair.shape[1:] == (42, 42, 2)
        assert np.array_equal(brightness.sum(axis=1), sums)
    X, y = addition_set(images, np.arange(6), seed=1)
    assert X.shape == (6, 42, 42, 2)
    assert y.sum() == 2 * 15


def test_the_test_set_is_the_same_for_all_runs():
    for name in ("cnn/TC", "st-fcn/tps/E", "fcn/addition"):
        experiment = find_experiments(name)[0]
        first, second = (evaluation_set(experiment, (DIGITS.test_images, DIGITS.test_labels)) for _ in range(2))
        assert np.array_equal(first[0], second[0])
        assert np.array_equal(first[1], second[1])


@pytest.mark.parametrize("name", ["fcn/R", "st-fcn/tps/RTS", "2st-fcn/affine/addition"])
def test_a_cell_is_run_recorded_and_repeatable(tmp_path, name):
    experiment, lines = find_experiments(name)[0], []
    settings = small(experiment, budget=200_000)
    first, second = (
        reproduce(experiment, DIGITS, tmp_path, settings=settings, command=["x"], log=lines.append) for _ in range(2)
    )
    assert (first.error, first.loss) == (second.error, second.loss)
    assert read_results(tmp_path / "results.json") == [first, second]
    assert (first.epochs, first.images, first.part, first.command) == (2, 20, "test", "x")
    assert any(re.search(r"epoch 1 of 2, .* min left", line) for line in lines)
    assert not list(tmp_path.glob("*.checkpoint"))
    model = stn.load(tmp_path / f"{name.replace('/', '-')}-seed0.safetensors")
    assert 100 * model.evaluate(*evaluation_set(experiment, (DIGITS.test_images, DIGITS.test_labels)))[1] == first.error


def test_a_killed_cell_goes_on(tmp_path):
    experiment = find_experiments("st-fcn/affine/R")[0]
    calm = reproduce(experiment, DIGITS, tmp_path / "calm", settings=small(experiment, epochs=3), log=lambda line: None)

    def die(line):
        if "epoch 2" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reproduce(experiment, DIGITS, tmp_path, settings=small(experiment, epochs=3), log=die)
    assert list(tmp_path.glob("*.checkpoint"))
    assert (
        reproduce(experiment, DIGITS, tmp_path, settings=small(experiment, epochs=3), log=lambda line: None).loss == calm.loss
    )


def test_validation_never_touches_the_test_digits(tmp_path):
    many = Digits(np.zeros((5040, 28, 28, 1), np.float32), np.zeros(5040, int), None, None)
    experiment = find_experiments("fcn/R")[0]
    run = reproduce(
        experiment, many, tmp_path, validate=True, settings=small(experiment, epochs=1, budget=8000), log=lambda line: None
    )
    assert (run.part, run.images) == ("validation", 5000)
    with pytest.raises(ValueError, match="more than 5,000 training digits, got 60"):
        reproduce(experiment, DIGITS, tmp_path, validate=True, log=lambda line: None)


def test_results_that_do_not_fit_are_refused(tmp_path):
    (tmp_path / "results.json").write_text('[{"experiment": "fcn/R"}]')
    with pytest.raises(ValueError, match="expected a list of results"):
        read_results(tmp_path / "results.json")


def test_the_page(tmp_path):
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


def test_minutes_on_unlike_numbers_of_threads_are_not_averaged(tmp_path):
    for seed, seconds, threads in ((0, 60.0, 1), (1, 180.0, 1), (2, 120.0, 2)):
        append_result(tmp_path / "results.json", result("cnn/R", seed=seed, seconds=seconds, threads=threads))
    for seed, seconds in ((0, 60.0), (1, 180.0)):
        append_result(tmp_path / "results.json", result("cnn/E", seed=seed, seconds=seconds))
    page = tmp_path / "page.md"
    write_results_page(tmp_path, page)
    assert "| 200,000 | 40 | 1, 3, 2 | 1, 1, 2 | 3 |" in page.read_text()
    assert "| 200,000 | 40 | 2 | 1 | 2 |" in page.read_text()


def test_a_page_among_the_runs_leaves_the_results_alone(tmp_path):
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


def test_a_page_cannot_take_the_place_of_results(tmp_path):
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


def test_results_that_could_not_be_read_again_are_not_written(tmp_path):
    append_result(tmp_path / "results.json", result("fcn/R"))
    with pytest.raises(ValueError, match="loss: expected"):
        append_result(tmp_path / "results.json", dataclasses.replace(result("fcn/E"), loss=float("nan")))
    assert [row.experiment for row in read_results(tmp_path / "results.json")] == ["fcn/R"]


def test_a_run_that_diverged_is_no_result(tmp_path, monkeypatch):
    experiment = find_experiments("fcn/R")[0]
    monkeypatch.setattr("stn_numba.nn.Classifier.evaluate", lambda *_: (float("inf"), 0.9))
    with pytest.raises(ArithmeticError, match="the loss is inf after training; try a smaller learning rate"):
        reproduce(experiment, DIGITS, tmp_path, settings=small(experiment, epochs=1), log=lambda line: None)
    assert not (tmp_path / "results.json").exists()


def test_without_test_digits_nothing_is_trained(tmp_path):
    none = Digits(DIGITS.train_images, DIGITS.train_labels, DIGITS.test_images[:0], DIGITS.test_labels[:0])
    with pytest.raises(ValueError, match="digits: expected test digits, got none"):
        reproduce(find_experiments("fcn/R")[0], none, tmp_path, log=lambda line: None)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("experiment", "foo/R", "row 1: experiment: expected the name of an experiment"),
        ("part", "tset", "row 1: part: expected"),
        ("images", 0, "row 1: images: expected at least 1"),
        ("error", 150.0, r"row 1: error: expected a number in \[0, 100\]"),
    ],
)
def test_rows_edited_by_hand_are_named(name, value, message, tmp_path):
    row = dataclasses.asdict(result("fcn/R")) | {name: value}
    (tmp_path / "results.json").write_text(json.dumps([row]))
    with pytest.raises(ValueError, match=message):
        read_results(tmp_path / "results.json")


def test_seeds_with_unlike_epochs_are_told_apart(tmp_path):
    for seed, epochs in ((0, 40), (1, 2)):
        append_result(tmp_path / "results.json", dataclasses.replace(result("cnn/R", seed=seed), epochs=epochs))
    page, _ = write_results_page(tmp_path, tmp_path / "page.md")
    assert "| 200,000 | 40, 2 |" in page.read_text()
