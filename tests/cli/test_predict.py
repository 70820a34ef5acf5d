"""The command `predict`."""

import json

import numpy as np
import pytest

click_testing = pytest.importorskip("click.testing", reason="click is not installed")
pytest.importorskip("PIL", reason="Pillow is not installed")

import stn_numba  # noqa: E402
from stn_numba.cli.main import main  # noqa: E402
from tests.data.images.examples import write_folder  # noqa: E402


def run(*arguments):
    return click_testing.CliRunner().invoke(main, [str(argument) for argument in arguments])


def plain(result):
    return " ".join(result.output.replace("│", " ").split())


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("images"), {"dark": 20, "light": 40, "middle": 12})


@pytest.fixture(scope="module")
def model_path(root, tmp_path_factory):
    images = stn_numba.data.folder(root, channels=3, batch_size=16)
    model = stn_numba.nn.rescaled(stn_numba.models.fcn((12, 10, 3), 3, units=16), classes=images.classes)
    stn_numba.fit(model, images, epochs=30, learning_rate=5e-3, progress=False)
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    stn_numba.save(model, path)
    return path


def test_predict_prints_names_and_probabilities(model_path, root):
    files = sorted((root / "light").iterdir())[:3]
    result = run("predict", model_path, *files, "--top", 2)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(f"{files[0]}  light ")
    assert lines[0].count(" %") == 2
    records = json.loads(run("predict", model_path, *files, "--json").output)
    assert [record["file"] for record in records] == [str(file) for file in files]
    assert all(sum(record["classes"].values()) == pytest.approx(1, abs=1e-5) for record in records)


def test_predict_refuses_models_of_another_scale_and_damaged_files(model_path, root, tmp_path):
    model = stn_numba.models.fcn((12, 10, 1), 3, units=8)
    stn_numba.fit(model, np.random.default_rng(0).random((32, 12, 10, 1)), np.arange(32) % 3, epochs=1, progress=False)
    stn_numba.save(model, tmp_path / "floats.safetensors")
    result = run("predict", tmp_path / "floats.safetensors", root / "light" / "000.png")
    assert result.exit_code == 1
    assert "trained on pixels from 0 to 255, got floats from" in plain(result)
    (tmp_path / "bad.png").write_bytes(b"")
    result = run("predict", model_path, tmp_path / "bad.png")
    assert result.exit_code == 1
    assert "bad.png: expected an image file" in plain(result)
