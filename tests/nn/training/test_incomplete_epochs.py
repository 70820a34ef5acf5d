"""An epoch cut short by a time budget is shown as incomplete and is not the best."""

import json
import time

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.models import fcn
from stn_numba.nn import CSVLog, History, JSONLinesLog
from stn_numba.nn.training.reports.history import Epoch, summary

X, Y = np.random.default_rng(0).random((32, 6, 6, 1), np.float32), np.arange(32) % 2


class Slow:
    """Four batches an epoch, of which the last one takes long."""

    def __len__(self):
        return 4

    def __call__(self, rng):
        for part in range(4):
            if part == 2:
                time.sleep(0.6)
            yield X[8 * part : 8 * part + 8], Y[8 * part : 8 * part + 8]


def test_the_history_records_how_much_of_an_epoch_was_completed():
    history = stn.fit(fcn((6, 6, 1), 2, units=4), Slow(), epochs=100, seconds=0.3, progress=False)
    assert history.column("completed") == [0.75]
    whole = stn.fit(fcn((6, 6, 1), 2, units=4), X, Y, epochs=2, progress=False)
    assert whole.column("completed") == [1.0, 1.0]


def test_the_summary_names_an_incomplete_epoch():
    assert (
        summary(Epoch(2, 0.5, 0.25, None, 0.5, 1.0, 0.1, 0.75))
        == "loss 0.5000, error 25.00% in 75% of the epoch, validation 50.00%"
    )
    assert "of the epoch" not in summary(Epoch(2, 0.5, 0.25, None, 0.5, 1.0, 0.1))


def test_logs_record_how_much_was_completed(tmp_path):
    history = History([Epoch(1, 2.5, 0.5, None, None, 1.0, 0.01, 0.25)])
    CSVLog(tmp_path / "log.csv")(None, history)
    JSONLinesLog(tmp_path / "log.jsonl")(None, history)
    assert (tmp_path / "log.csv").read_text().splitlines() == [
        "epoch,loss,error,validation_loss,validation_error,seconds,learning_rate,completed", "1,2.5,0.5,,,1.0,0.01,0.25"
    ]  # fmt: skip
    assert json.loads((tmp_path / "log.jsonl").read_text())["completed"] == 0.25


@pytest.mark.parametrize(("best", "kept"), [("error", 0.5), ("loss", 0.5), ("validation_error", 0.1)])
def test_an_incomplete_epoch_is_not_the_best(best, kept):
    from stn_numba.nn import Adam
    from stn_numba.nn.training.clock import Clock
    from stn_numba.nn.training.state import TrainingState
    from stn_numba.nn.training.step import Step

    model = fcn((6, 6, 1), 2, units=4)
    state = TrainingState(model, Step(model, Adam(), {}), Clock(1, None), 0)
    for epoch in (Epoch(1, 0.5, 0.5, 0.5, 0.5, 1, 1), Epoch(2, 0.1, 0.1, 0.1, 0.1, 1, 1, 0.1)):
        model.params["dense3.bias"][:] = epoch.error
        state.end_epoch(epoch)
        state.keep_best(best)
    state.restore_best()
    assert model.params["dense3.bias"][0] == np.float32(kept)


def test_a_single_incomplete_epoch_is_the_best():
    model = fcn((6, 6, 1), 2, units=4)
    before = model.params["dense1.weight"].copy()
    stn.fit(model, Slow(), epochs=100, seconds=0.3, restore_best="loss", progress=False)
    assert not np.array_equal(model.params["dense1.weight"], before)
