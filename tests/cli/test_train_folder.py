"""The command `train` on a folder of images."""

import csv
import json

import numpy as np
import pytest

click_testing = pytest.importorskip("click.testing", reason="click is not installed")
pytest.importorskip("PIL", reason="Pillow is not installed")
pytest.importorskip("matplotlib", reason="matplotlib is not installed")

import stn_numba  # noqa: E402
from stn_numba.cli.main import main  # noqa: E402
from tests.data.images.examples import write_folder  # noqa: E402

COUNTS = {"dark": 20, "light": 40, "middle": 12}


def run(*arguments):
    return click_testing.CliRunner().invoke(main, [str(argument) for argument in arguments])


def plain(result):
    return " ".join(result.output.replace("│", " ").split())


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("images"), COUNTS)


@pytest.fixture(scope="module")
def trained(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    result = run(
        "train", "--data", root, "--size", "16x14", "--channels", "rgb", "--model", "st-fcn", "--transform", "attention",
        "--epochs", 100, "--patience", 70, "--augment", 0.05, "--batch-size", 16, "--learning-rate", 0.005, "--no-progress",
        "--out", out,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return out, result.output


def test_a_model_is_trained_and_reported(trained):
    out, text = trained
    assert sorted(path.name for path in out.iterdir()) == ["misread.csv", "misread.png", "model.safetensors", "result.json"]
    assert "58 images of 16 x 14 x 3 to train on, 14 held out, 3 classes: middle has 10 images, light 32" in text
    assert "class   images    error  read as" in text
    record = json.loads((out / "result.json").read_text())
    assert record["classes"] == ["dark", "light", "middle"]
    assert record["validation_error"] <= 0.2
    assert f"error {record['validation_error']:.2%} on 14 held-out images" in text


def test_the_model_takes_pixels_from_0_to_255(trained, root):
    model = stn_numba.load(trained[0] / "model.safetensors")
    images = stn_numba.data.folder(root, size=model.input_shape[:2], channels=3)
    _, held_out = images.split(0.2, 0)
    X, y = held_out.arrays()
    error = json.loads((trained[0] / "result.json").read_text())["validation_error"]
    assert np.mean(model.predict(X) != y) == error
    assert model.transformers[0].transform_name == "attention"
    assert model.classes == ("dark", "light", "middle")


def test_misread_images_are_listed(root, tmp_path):
    result = run(
        "train", "--data", root, "--epochs", 1, "--model", "fcn", "--learning-rate", 0, "--no-progress", "--out", tmp_path
    )
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader((tmp_path / "misread.csv").read_text().splitlines()))
    error = json.loads((tmp_path / "result.json").read_text())["validation_error"]
    assert len(rows) == round(error * 14) > 0
    assert all(row["class"] == row["file"].split("/")[-2] != row["read as"] for row in rows)
    chances = [float(row["probability"]) for row in rows]
    assert chances == sorted(chances, reverse=True)


def test_held_out_images_may_be_another_folder(root, tmp_path):
    other = write_folder(tmp_path / "other", {"light": 3}, size=(20, 20))
    options = ("--model", "fcn", "--epochs", 1, "--no-progress", "--out", tmp_path / "out")
    result = run("train", "--data", root, "--validation-data", other, *options)
    assert result.exit_code == 0, result.output
    assert "72 images of 12 x 10 x 1 to train on, 3 held out" in result.output
    result = run("train", "--data", root, "--validation-data", other, "--validation", 0.1, *options)
    assert "validation: expected none with --validation-data" in result.output


def test_class_weights_are_used(root, tmp_path, monkeypatch):
    given = []
    real = stn_numba.fit
    monkeypatch.setattr(
        stn_numba, "fit", lambda *args, **options: given.append(options["class_weight"]) or real(*args, **options)
    )
    options = ("--model", "fcn", "--epochs", 2, "--no-progress", "--class-weights", "balanced", "--out", tmp_path)
    result = run("train", "--data", root, *options)
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(given, [58 / (3 * np.array([16, 32, 10]))])


def test_images_of_several_sizes_need_a_size(root, tmp_path):
    write_folder(tmp_path / "mixed", {"a": 2, "b": 2})
    write_folder(tmp_path / "mixed", {"a": 1}, size=(9, 9))
    result = run("train", "--data", tmp_path / "mixed", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "expected one size, got 2; give `folder` the option size=(H, W)" in plain(result)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--size", "40"), "expected HEIGHTxWIDTH, such as 40x40, got '40'"),
        (("--size", "0x40"), "expected HEIGHTxWIDTH"),
        (("--validation", "1"), "--validation"),
        (("--distortion", "R"), "distortion: expected none with a folder of images"),
        (("--model", "cnn3"), "model: expected one of"),
    ],
)
def test_wrong_options_are_refused(root, tmp_path, arguments, message):
    result = run("train", "--data", root, "--out", tmp_path / "new", *arguments)
    assert result.exit_code
    assert message in plain(result)
    assert not (tmp_path / "new").exists()


def test_options_for_folders_are_refused_with_digits(tmp_path):
    result = run("train", "--size", "40x40", "--out", tmp_path / "new")
    assert result.exit_code == 1
    assert "size: expected with --data FOLDER that has one subfolder of images a class" in plain(result)


def test_damaged_files_are_refused_or_skipped(tmp_path):
    data = write_folder(tmp_path / "data", {"a": 4, "b": 4})
    (data / "a" / "000.png").write_bytes(b"text")
    options = ("train", "--data", data, "--model", "fcn", "--epochs", 1, "--no-progress", "--out", tmp_path / "out")
    assert "1 damaged files" in run(*options).output
    with pytest.warns(RuntimeWarning, match="1 damaged files are left out"):
        assert run(*options, "--damaged", "skip").exit_code == 0


def test_a_stopped_training_resumes(root, tmp_path, monkeypatch):
    options = ("train", "--data", root, "--model", "fcn", "--epochs", 2, "--no-progress", "--out", tmp_path)
    real = stn_numba.save
    monkeypatch.setattr(stn_numba, "save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert run(*options).exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["train.checkpoint"]
    monkeypatch.setattr(stn_numba, "save", real)
    again = run(*options)
    assert again.exit_code == 0, again.output
    assert "trained 2 epochs" in again.output
    assert not (tmp_path / "train.checkpoint").exists()
