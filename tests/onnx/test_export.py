"""Whole models: outputs, options, metadata, files and errors."""

import json
import subprocess
import sys

import numpy as np
import pytest

import stn_numba as stn
from stn_numba import models
from stn_numba.nn import (
    BatchNorm,
    Chain,
    Classifier,
    Conv2d,
    Dense,
    Flatten,
    Heads,
    Model,
    MultiHead,
    Regressor,
    ReLU,
    Rescale,
    SpatialTransformer,
)
from tests.onnx.running import Exported, images, onnx, randomized

NETWORKS = {
    "st_cnn": lambda **options: models.st_cnn((28, 30, 1), 5, filters=6, localisation_filters=4, **options),
    "st_fcn": lambda **options: models.st_fcn((14, 18, 2), 5, downsample=2, **options),
    "two_st_fcn": lambda **options: models.two_st_fcn((16, 20, 2), 7, shape=(9, 11), **options),
    "tutorial": lambda **options: models.tutorial((28, 28, 1), **options),
}


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("transform", ["affine", "projective", "tps"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_networks_of_the_paper(name, transform, align_corners, tmp_path):
    model = randomized(NETWORKS[name](transform=transform, align_corners=align_corners), spread=0.1)
    exported = Exported(model, tmp_path / "m.onnx")
    for count in (1, 7):
        exported.check(images(model, count))


def small(units=3, **options):
    return Classifier(Chain(SpatialTransformer(Flatten()), Flatten(), Dense(units)), (6, 7, 2), units, **options)


def test_a_trained_model_with_batch_norm_and_heads(tmp_path):
    features = Conv2d(4, 3), BatchNorm(), ReLU(), SpatialTransformer(Chain(Flatten(), Dense(6)), "affine", (6, 6)), Flatten()
    network = Chain(Rescale(1 / 255), *features, Heads(digit=Dense(4), angle=Dense(1)))
    model = MultiHead(network, (12, 12, 1), losses={"digit": "cross_entropy", "angle": "huber"})
    X = np.random.default_rng(0).integers(0, 256, (60, 12, 12, 1)).astype(np.uint8)
    stn.fit(model, X, {"digit": np.arange(60) % 4, "angle": np.linspace(-1, 1, 60)}, epochs=1, progress=False)
    Exported(model, tmp_path / "m.onnx").check(X[:7].astype(np.float32))


@pytest.mark.parametrize("kind", [Regressor, Model])
def test_models_without_classes_have_outputs(kind, tmp_path):
    model = randomized(kind(Chain(SpatialTransformer(Flatten(), "rotation"), Flatten(), Dense(2)), (6, 7, 2)))
    exported = Exported(model, tmp_path / "m.onnx")
    exported.check(images(model, 3))
    assert list(exported.run(images(model, 3))) == ["outputs", "theta"]


@pytest.mark.parametrize("multi_label", [True, False])
def test_probabilities(multi_label, tmp_path):
    model = randomized(small(multi_label=multi_label))
    found = Exported(model, tmp_path / "m.onnx", probabilities=True).run(X := images(model, 5))
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(X), atol=1e-5)


def test_theta_can_be_left_out(tmp_path):
    model = small()
    exported = Exported(model, tmp_path / "m.onnx", theta=False)
    assert list(exported.run(images(model, 2))) == ["logits"]


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_what_transformers_sample(layout, tmp_path):
    network = Chain(
        SpatialTransformer(Flatten(), shape=(5, 4)), Conv2d(3, 2), SpatialTransformer(Flatten()), Flatten(), Dense(2)
    )
    model = randomized(Model(network, (6, 7, 2)))
    X = images(model, 3)
    given = X.transpose(0, 3, 1, 2) if layout == "NCHW" else X
    found = Exported(model, tmp_path / "m.onnx", layout=layout, theta=False, transformed=True).run(given)
    assert list(found) == ["outputs", "transformed1", "transformed2"]
    for number in (0, 1):
        values = found[f"transformed{number + 1}"]
        shown = values.transpose(0, 2, 3, 1) if layout == "NCHW" else values
        np.testing.assert_allclose(shown, model.transform(X, transformer=number), atol=1e-5)


def test_what_the_only_transformer_samples(tmp_path):
    model = randomized(small())
    found = Exported(model, tmp_path / "m.onnx", transformed=True).run(X := images(model, 2))
    assert list(found) == ["logits", "theta", "transformed"]
    np.testing.assert_allclose(found["transformed"], model.transform(X), atol=1e-5)


def test_no_images(tmp_path):
    assert Exported(small(), tmp_path / "m.onnx").run(np.zeros((0, 6, 7, 2), np.float32))["logits"].shape == (0, 3)


def test_a_model_of_float64_is_rounded(tmp_path):
    model = randomized(small(dtype=np.float64))
    Exported(model, tmp_path / "m.onnx").check(images(model, 4))


def test_what_the_file_says(tmp_path):
    model = small(classes=["cat", "dog", "cow"])
    stn.fit(model, images(model, 30), np.arange(30) % 3, epochs=1, progress=False)
    proto = Exported(model, tmp_path / "m.onnx", layout="NCHW").proto
    assert (proto.producer_name, proto.producer_version) == ("stn-numba", stn.__version__)
    assert "image (batch, 2, 6, 7)" in proto.doc_string
    assert "trained on floats from " in proto.doc_string
    assert [entry.version for entry in proto.opset_import] == [20]
    texts = {entry.key: entry.value for entry in proto.metadata_props}
    assert texts["layout"] == "NCHW"
    assert texts["model"] == "Classifier"
    assert json.loads(texts["classes"]) == ["cat", "dog", "cow"]
    assert json.loads(texts["pixels"])["high"] == pytest.approx(model.pixels.high)
    assert json.loads(texts["transformers"])["theta"] == {
        "layer": "spatialtransformer1", "transform": "affine", "kernel": "bilinear", "padding": "zeros",
        "align_corners": True,
    }  # fmt: skip
    shapes = {port.name: [d.dim_param or d.dim_value for d in port.type.tensor_type.shape.dim] for port in proto.graph.input}
    assert shapes == {"image": ["batch", 2, 6, 7]}


def test_the_same_model_makes_the_same_file(tmp_path):
    for name in ("a", "b"):
        stn.export_onnx(models.st_fcn((9, 9, 1), transform="radial"), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="antialias"):
        stn.export_onnx(models.st_fcn(antialias=True), path)
    assert path.read_bytes() == b"old"
    stn.export_onnx(models.st_fcn(), path)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    assert [each.name for each in tmp_path.iterdir()] == ["m.onnx"]


def test_arguments_are_checked_first(tmp_path):
    path = tmp_path / "m.onnx"
    with pytest.raises(TypeError, match="model: expected a Model, got str"):
        stn.export_onnx("model", path)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        stn.export_onnx(small(), tmp_path / "none" / "m.onnx")
    with pytest.raises(ValueError, match="layout: expected one of NHWC, NCHW, got 'channels_first'; did you mean 'NCHW'"):
        stn.export_onnx(small(), path, layout="channels_first")
    with pytest.raises(ValueError, match="probabilities: expected False for a Regressor"):
        stn.export_onnx(Regressor(Chain(Flatten(), Dense(1)), (4, 4, 1)), path, probabilities=True)
    with pytest.raises(ValueError, match=r"model: expected one of images \(H, W, C\); models of volumes \(4, 5, 6, 1\) cannot"):
        stn.export_onnx(Model(Chain(Flatten(), Dense(1)), (4, 5, 6, 1)), path)


@pytest.mark.parametrize(
    ("name", "message"),
    [("image", "heads of other names"), ("theta", "theta: expected False"), ("transformed", "transformed: expected False")],
)
def test_names_that_are_taken(name, message, tmp_path):
    heads = Heads(**{name: Dense(2), "Gemm": Dense(2)})
    model = MultiHead(Chain(SpatialTransformer(Flatten()), Flatten(), heads), (5, 5, 1))
    with pytest.raises(ValueError, match=message):
        stn.export_onnx(model, tmp_path / "m.onnx", transformed=True)
    if name != "image":
        Exported(model, tmp_path / "m.onnx", **{name: False})


def test_a_missing_library_is_named(tmp_path):
    code = (
        "import sys; sys.modules['onnx'] = None; import stn_numba as stn\n"
        f"try: stn.export_onnx(stn.models.fcn(), {str(tmp_path / 'm.onnx')!r})\n"
        "except ImportError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "stn-numba[onnx]"' in run.stdout
