"""Progress of training: a bar on a terminal, lines elsewhere."""

import logging
import subprocess
import sys

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.models import fcn
from stn_numba.nn.training.reports.progress import progress_display

X, Y = np.random.default_rng(0).random((16, 6, 6, 1), np.float32), np.arange(16) % 2
LOGGER = "stn_numba.nn.training.reports.progress"


def train(**options):
    stn.fit(fcn((6, 6, 1), 2, units=4), X, Y, **{"epochs": 3, **options})


@pytest.fixture
def logger():
    """The package's logger, put back as it was afterward."""
    log = logging.getLogger("stn_numba")
    before = log.level, list(log.handlers)
    yield log
    log.setLevel(before[0])
    log.handlers = before[1]


def test_without_a_terminal_each_epoch_prints_a_line(capsys):
    train(validation=(X, Y))
    out, err = capsys.readouterr()
    assert not out
    assert "\r" not in err
    lines = err.splitlines()
    assert [line[:13] for line in lines] == [f"epoch {n} of 3," for n in (1, 2, 3)]
    assert all("loss 0." in line and "error " in line and "validation " in line for line in lines)


def test_a_piped_program_prints_lines():
    program = (
        "import numpy as np, stn_numba as stn\n"
        "stn.fit(stn.models.fcn((6, 6, 1), 2, units=4), np.zeros((8, 6, 6)), np.arange(8) % 2, epochs=2)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not done.stdout
    assert "\r" not in done.stderr
    assert [line.split(",")[0] for line in done.stderr.splitlines()] == ["epoch 1 of 2", "epoch 2 of 2"]


def test_without_progress_nothing_is_printed_or_logged(capsys, caplog):
    with caplog.at_level(logging.INFO):
        train(progress=False)
    assert capsys.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.name == LOGGER]


def test_epochs_are_logged_as_well(caplog, capsys):
    with caplog.at_level(logging.INFO, "stn_numba"):
        train()
    records = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert records == capsys.readouterr().err.splitlines()
    assert len(records) == 3


@pytest.mark.parametrize("stream", ["stderr", "stdout"])
def test_lines_are_not_printed_twice_when_logging_writes_to_the_console(logger, capsys, stream):
    logger.setLevel(logging.INFO)
    logger.addHandler(logging.StreamHandler(getattr(sys, stream)))
    train()
    out, err = capsys.readouterr()
    assert len((out if stream == "stdout" else err).splitlines()) == 3
    assert not (err if stream == "stdout" else out)


def test_lines_are_printed_despite_a_handler_for_warnings_only(logger, capsys):
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING)
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    train()
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_a_log_file_gets_the_same_lines(logger, capsys, tmp_path):
    handler = logging.FileHandler(tmp_path / "log")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    train()
    handler.close()
    assert (tmp_path / "log").read_text() == capsys.readouterr().err


def test_a_resumed_run_prints_only_new_epochs(capsys, tmp_path):
    def cut(model, history):
        if len(history) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(checkpoint=tmp_path / "run", callbacks=[cut])
    capsys.readouterr()
    train(checkpoint=tmp_path / "run")
    assert [line[:12] for line in capsys.readouterr().err.splitlines()] == ["epoch 2 of 3", "epoch 3 of 3"]
    train(checkpoint=tmp_path / "run")
    assert not capsys.readouterr().err


def test_a_terminal_shows_a_bar(monkeypatch, capsys):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    train()
    err = capsys.readouterr().err
    assert "\r" in err
    line = err.split("\r")[-1]
    assert ", loss " in line
    assert ", ," not in line


def test_a_notebook_shows_a_bar(monkeypatch):
    pytest.importorskip("tqdm")

    class Shell:
        config = {"IPKernelApp": {}}  # noqa: RUF012

    class IPython:
        get_ipython = Shell

    monkeypatch.setitem(sys.modules, "IPython", IPython)
    with progress_display(3, None, True) as progress:
        assert hasattr(progress, "bar")


def test_without_tqdm_a_terminal_shows_lines(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    train()
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_training_works_without_a_standard_error_stream(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    train()
    assert not capsys.readouterr().out


def test_with_a_time_budget_the_line_shows_the_seconds(capsys):
    train(epochs=10**6, seconds=0.1)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith(" s of 0 s")
    assert " of 1000000" not in last
