"""Experiments run, are recorded and can be repeated."""

import re

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.data import Digits
from stn_numba.paper import find_experiments, reproduce
from stn_numba.paper.reproduce import evaluation_set
from stn_numba.paper.results import read_results
from tests.paper.examples import DIGITS, small


def test_the_evaluation_set_is_the_same_for_all_runs():
    for name in ("cnn/TC", "st-fcn/tps/E", "fcn/addition"):
        experiment = find_experiments(name)[0]
        first, second = (evaluation_set(experiment, (DIGITS.test_images, DIGITS.test_labels)) for _ in range(2))
        assert np.array_equal(first[0], second[0])
        assert np.array_equal(first[1], second[1])


@pytest.mark.parametrize("name", ["fcn/R", "st-fcn/tps/RTS", "2st-fcn/affine/addition"])
def test_an_experiment_is_run_recorded_and_repeatable(tmp_path, name):
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


def test_a_killed_experiment_resumes(tmp_path):
    experiment = find_experiments("st-fcn/affine/R")[0]

    def run(folder, log=lambda line: None):
        return reproduce(experiment, DIGITS, folder, settings=small(experiment, epochs=3), log=log)

    def die(line):
        if "epoch 2" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, die)
    assert list(tmp_path.glob("*.checkpoint"))
    assert run(tmp_path).loss == run(tmp_path / "uninterrupted").loss


def test_validation_does_not_use_the_test_digits(tmp_path):
    many = Digits(np.zeros((5040, 28, 28, 1), np.float32), np.zeros(5040, int), None, None)
    experiment = find_experiments("fcn/R")[0]
    run = reproduce(
        experiment, many, tmp_path, validate=True, settings=small(experiment, epochs=1, budget=8000), log=lambda line: None
    )
    assert (run.part, run.images) == ("validation", 5000)
    with pytest.raises(ValueError, match="more than 5,000 training digits, got 60"):
        reproduce(experiment, DIGITS, tmp_path, validate=True, log=lambda line: None)


def test_a_diverged_run_is_not_recorded(tmp_path, monkeypatch):
    experiment = find_experiments("fcn/R")[0]
    monkeypatch.setattr("stn_numba.nn.Classifier.evaluate", lambda *_: (float("inf"), 0.9))
    with pytest.raises(ArithmeticError, match="the loss is inf after training; try a smaller learning rate"):
        reproduce(experiment, DIGITS, tmp_path, settings=small(experiment, epochs=1), log=lambda line: None)
    assert not (tmp_path / "results.json").exists()


def test_missing_test_digits_are_refused(tmp_path):
    none = Digits(DIGITS.train_images, DIGITS.train_labels, DIGITS.test_images[:0], DIGITS.test_labels[:0])
    with pytest.raises(ValueError, match="digits: expected test digits, got none"):
        reproduce(find_experiments("fcn/R")[0], none, tmp_path, log=lambda line: None)
