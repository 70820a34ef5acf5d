"""The command `export`."""

import pytest

click_testing = pytest.importorskip("click.testing", reason="click is not installed")
onnx = pytest.importorskip("onnx", reason="onnx is not installed")

import stn_numba as stn  # noqa: E402
from stn_numba.cli.main import main  # noqa: E402


def run(*arguments):
    return click_testing.CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_saved_model_becomes_a_file(tmp_path):
    model, file = tmp_path / "model.safetensors", tmp_path / "model.onnx"
    stn.save(stn.models.st_fcn((9, 9, 2), 5), model)
    result = run("export", model, file, "--layout", "NCHW", "--probabilities", "--no-theta")
    assert result.exit_code == 0
    assert result.output.startswith(str(file))
    graph = onnx.load(file).graph
    assert [size.dim_value for size in graph.input[0].type.tensor_type.shape.dim] == [0, 2, 9, 9]
    assert [port.name for port in graph.output] == ["logits", "probabilities"]


def test_what_transformers_sample_is_added(tmp_path):
    model, file = tmp_path / "model.safetensors", tmp_path / "model.onnx"
    stn.save(stn.models.st_fcn((9, 9, 2), 5), model)
    assert run("export", model, file, "--transformed").exit_code == 0
    assert [port.name for port in onnx.load(file).graph.output] == ["logits", "theta", "transformed"]


def test_errors_are_one_line(tmp_path):
    model = tmp_path / "model.safetensors"
    stn.save(stn.models.st_fcn((9, 9, 1), antialias=True), model)
    result = run("export", model, tmp_path / "model.onnx")
    assert result.exit_code == 1
    assert "antialias=True" in " ".join(result.output.split())
    assert not (tmp_path / "model.onnx").exists()
