"""Callbacks: early stopping, logs and custom ones."""

import csv
import json

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.models import fcn
from stn_numba.nn import CSVLog, EarlyStopping, History, JSONLinesLog, TensorBoardLog
from stn_numba.nn.training.reports.history import Epoch

RNG = np.random.default_rng(0)
X = RNG.random((32, 6, 6, 1), np.float32)
Y = RNG.integers(0, 2, 32)


def history_of(*losses):
    return History([Epoch(n + 1, loss, 0.5, None, None, 1.0, 0.1) for n, loss in enumerate(losses)])


def train(model=None, **options):
    return stn.fit(model or fcn((6, 6, 1), 2, units=4), X, Y, **{"epochs": 3, "batch_size": 8, "progress": False, **options})


@pytest.mark.parametrize(
    ("losses", "stop"),
    [((3, 2, 1), False), ((1, 2), False), ((1, 2, 2), True), ((1, 1, 1), True), ((2, 3, 1, 2), False), ((3, 2.95, 2.9), True)],
)
def test_early_stopping_waits_for_patience_epochs(losses, stop):
    assert EarlyStopping(2, "loss", min_delta=0.2)(None, history_of(*losses)) is stop


def test_early_stopping_ends_training_and_restore_best_restores_the_best_weights():
    model, held_out = fcn((6, 6, 1), 2, units=64), (X[:8], 1 - Y[:8])  # learning makes it worse on these
    options = {"epochs": 60, "learning_rate": 0.02, "schedule": lambda progress: 1.0, "validation": held_out}
    history = train(model, callbacks=[EarlyStopping(3)], restore_best="validation_loss", **options)
    losses = history.column("validation_loss")
    assert len(history) < 60
    assert losses.index(min(losses)) == len(history) - 4
    assert model.evaluate(*held_out)[0] == min(losses)


def test_early_stopping_needs_values():
    with pytest.raises(ValueError, match="'validation_loss' is empty: give fit validation data"):
        train(callbacks=[EarlyStopping(3)])
    with pytest.raises(ValueError, match="patience: expected at least 1"):
        EarlyStopping(0)
    with pytest.raises(ValueError, match="monitor: expected one of epoch, loss"):
        EarlyStopping(1, "accuracy")


@pytest.mark.parametrize(
    ("restore_best", "message"), [("accuracy", "restore_best: expected one of"), ("validation_loss", "needs validation")]
)
def test_unknown_or_missing_restore_best_columns_are_refused(restore_best, message):
    with pytest.raises(ValueError, match=message):
        train(restore_best=restore_best)


def test_tables_hold_the_history(tmp_path):
    logs = [CSVLog(tmp_path / "log.csv"), JSONLinesLog(tmp_path / "log.jsonl")]
    history = train(callbacks=logs, validation=(X, Y))
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["validation_loss"]) for row in rows] == history.column("validation_loss")
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["loss"] for line in lines] == history.column("loss")
    assert [line["epoch"] for line in lines] == [1, 2, 3]


def test_the_log_of_a_resumed_run_is_that_of_an_uninterrupted_run(tmp_path):
    def stop(model, history):
        if len(history) == 2:
            raise ArithmeticError

    def losses(path):
        return [json.loads(line)["loss"] for line in path.read_text().splitlines()]

    uninterrupted, cut = JSONLinesLog(tmp_path / "uninterrupted"), JSONLinesLog(tmp_path / "cut")
    train(callbacks=[uninterrupted])
    with pytest.raises(ArithmeticError):
        train(callbacks=[cut, stop], checkpoint=tmp_path / "run")
    train(callbacks=[cut], checkpoint=tmp_path / "run")
    assert losses(cut.path) == losses(uninterrupted.path)


def test_tensorboard_gets_every_epoch(tmp_path):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    history = train(callbacks=[TensorBoardLog(tmp_path)], validation=(X, Y))
    content, values = next(tmp_path.iterdir()).read_bytes(), []
    while content:  # TFRecords: length, its checksum, as many bytes, their checksum
        length = int.from_bytes(content[:8], "little")
        event = Event.FromString(content[12 : 12 + length])
        values += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
        content = content[16 + length :]
    losses = [value for tag, _, value in values if tag == "loss"]
    np.testing.assert_allclose(losses, history.column("loss"), rtol=1e-6)
    assert {tag for tag, _, _ in values} == {"loss", "error", "validation/loss", "validation/error", "seconds", "learning_rate"}
    assert [step for tag, step, _ in values if tag == "validation/error"] == [1, 2, 3]


@pytest.mark.parametrize("log", [CSVLog, JSONLinesLog])
def test_a_log_in_a_missing_folder_is_refused_when_made(log, tmp_path):
    with pytest.raises(FileNotFoundError, match="log: no such folder: .*missing"):
        log(tmp_path / "missing" / "log")


@pytest.mark.parametrize("answer", [True, np.True_])
def test_a_callback_that_returns_true_stops_training(answer):
    assert len(train(epochs=3, callbacks=[lambda model, history: answer])) == 1


@pytest.mark.parametrize("answer", [None, 1, "yes", np.ones(2), np.False_])
def test_a_callback_that_returns_anything_else_does_not(answer):
    assert len(train(epochs=2, callbacks=[lambda model, history: answer])) == 2
