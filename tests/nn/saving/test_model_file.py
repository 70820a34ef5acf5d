"""Model files."""

import json

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import AvgPool, AvgPool3d, Chain, Classifier, Dense, Flatten, SpatialTransformer, StorageError

safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")

X = np.random.default_rng(0).random((4, 28, 28), np.float32)


@pytest.fixture
def model():
    return stn.models.st_fcn(transform="tps", options={"control_points": [3, 4]}, shape=(14, 14), units=8)


@pytest.fixture
def path(model, tmp_path):
    stn.save(model, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def rewrite(path, change):
    """Save the file again with its architecture and tensors changed."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        architecture = json.loads(file.metadata()["stn_numba"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(architecture, tensors)
    path.write_bytes(safetensors.save(tensors, metadata={"stn_numba": json.dumps(architecture)}))


@pytest.mark.parametrize("make", [stn.models.fcn, stn.models.cnn, stn.models.st_fcn, stn.models.st_cnn])
def test_a_loaded_model_predicts_the_same(make, tmp_path):
    model = make()
    stn.save(model, tmp_path / "model.safetensors")
    assert np.array_equal(stn.load(tmp_path / "model.safetensors").logits(X), model.logits(X))


def test_options_of_the_transform_are_loaded(model, path):
    assert np.array_equal(stn.load(path).theta(X), model.theta(X))


@pytest.mark.parametrize(
    ("transform", "options", "size"),
    [
        ("bspline", {"control_points": [40, 40]}, (64, 64)),
        ("bspline", {"control_points": [16, 16, 16]}, (32, 32, 32)),
        ("flow", {"shape": [100, 50]}, (64, 64)),
        ("tps", {"control_points": [33, 33]}, (64, 64)),
    ],
)
def test_splines_of_many_control_points_are_loaded(transform, options, size, tmp_path):
    """Files of them were refused from 1,024 control points on, and volumes from fewer."""
    pooling = AvgPool(32) if len(size) == 2 else AvgPool3d(8)
    layers = Chain(SpatialTransformer(Chain(pooling, Flatten()), transform, options=options), Flatten(), Dense(2))
    model = Classifier(layers, (*size, 1), 2)
    stn.save(model, tmp_path / "model.safetensors")
    x = np.random.default_rng(0).random((1, *size, 1), np.float32)
    assert np.array_equal(stn.load(tmp_path / "model.safetensors").logits(x), model.logits(x))


def test_damaged_files_are_refused(path):
    whole = path.read_bytes()
    for damaged in (b"", whole[:7], whole[:200], whole[:-1], b"\xff" * 8 + whole[8:], whole + b"more"):
        path.write_bytes(damaged)
        with pytest.raises(StorageError, match="not a whole safetensors file"):
            stn.load(path)


def test_other_safetensors_files_are_refused(path):
    path.write_bytes(safetensors.save({"a": np.zeros(3)}))
    with pytest.raises(StorageError, match="it holds no model"):
        stn.load(path)


@pytest.mark.parametrize(("old", "new"), [(b'"zeros"', b'"borde"'), (b"[28, 28, 1]", b"[28, 28, 2]"), (None, None)])
def test_changed_bytes_are_refused(path, old, new):
    whole = path.read_bytes()
    path.write_bytes(whole.replace(old.replace(b'"', b'\\"'), new.replace(b'"', b'\\"')) if old else whole[:-1] + b"\x7f")
    assert path.read_bytes() != whole
    with pytest.raises(StorageError, match="its checksum is wrong"):
        stn.load(path)


def widen(architecture, tensors):
    architecture["layers"][-1]["units"] = 10**9


def two_wide_layers(architecture, tensors):
    """Promise a product of two numbers, each of which alone would pass."""
    tensors["extra"] = np.zeros(10**6, np.float32)
    wide = {"layer": "Dense", "units": 1200}
    architecture["layers"] = [{"layer": "Flatten"}, wide, wide, {"layer": "Dense", "units": 10}]


def pad(architecture, tensors):
    architecture["layers"].insert(1, {"layer": "Conv2d", "filters": 1, "kernel_size": 3, "padding": 10**8})


def transformer(**options):
    return lambda architecture, tensors: architecture["layers"][0].update(options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, t: t.pop("dense1.bias"), "'dense1.bias' is missing or too many"),
        (lambda a, t: t.update(extra=np.zeros(1)), "'extra' is missing or too many"),
        (lambda a, t: t.update({"dense1.bias": np.zeros(5, np.float32)}), r"expected float32 \(8,\), got float32 \(5,\)"),
        (lambda a, t: t.update({"dense1.bias": np.zeros(8)}), r"expected float32 \(8,\), got float64"),
        (lambda a, t: a["layers"].append({"layer": "Exec"}), "layer: expected a description of one of"),
        (lambda a, t: a["layers"][0].update(transform="nowhere"), "got 'nowhere'"),
        (lambda a, t: a["layers"][0].update(options={"evil": 1}), "evil"),
        (lambda a, t: a.update(format=2), "expected a model in format 1"),
        (lambda a, t: a.pop("n_classes"), "n_classes"),
        (lambda a, t: a.update(n_classes="10"), "n_classes: expected a whole number"),
        (lambda a, t: a.update(input_shape=["x"]), "input_shape: expected 3 whole numbers, or 4 of a volume"),
        (lambda a, t: a.update(input_shape=[28, 28]), "input_shape: expected 3 whole numbers"),
        (lambda a, t: a.update(input_shape=[10**5, 10**5, 1]), "input_shape: expected at most"),
        (lambda a, t: a.update(layers=None), "layers: expected a list"),
        (pad, "padding: expected less than the kernel_size"),
        (transformer(shape=[14]), "shape: expected 2 whole numbers"),
        (transformer(shape=[10**5, 10**5]), "shape: expected at most"),
        (transformer(padding="wrong"), "padding: expected"),
        (transformer(align_corners=[]), r"align_corners: expected True or False, got \[\]"),
        (transformer(options={"control_points": [10**7, 10**7]}), "control_points: expected at most 14881, as the file holds"),
        (transformer(options={"control_points": [10**7, -(10**7)]}), "control_points: expected at most 14881"),
        (transformer(transform="flow", options={"shape": [10**7, 10**7]}), "shape: expected at most 14881"),
        (transformer(transform="bspline", options={"control_points": [200, 100]}), "control_points: expected at most 14881"),
        (
            transformer(options={"control_points": [[0, 0]] * 4730}),
            "control_points: expected at most 4729, as a 'tps' of more may take over 1024 MiB, got 4730",
        ),
        (
            transformer(transform="compose", options={"transforms": [["affine", {}], ["tps", {"control_points": [70, 70]}]]}),
            "control_points: expected at most 4729, as a 'tps'",
        ),
        (transformer(options={"control_points": [float("nan"), 3]}), "control_points: expected at most 14881"),
        (transformer(options={"control_points": [30, 30]}), "promises more than the 29762 values"),
        (widen, "promises more than the 29762 values"),
        (two_wide_layers, "promises more than"),
    ],
)
def test_architectures_that_do_not_fit_are_refused(path, change, message):
    rewrite(path, change)
    with pytest.raises(StorageError, match=message):
        stn.load(path)


def test_files_that_are_too_large_are_not_read(path):
    with pytest.raises(StorageError, match="expected at most 1,000 bytes, got"):
        stn.load(path, max_bytes=1000)
    path.write_bytes((1 << 40).to_bytes(8, "little") + b"{}")
    with pytest.raises(StorageError, match="it ends within its header"):
        stn.load(path)
    path.write_bytes((2 << 20).to_bytes(8, "little") + b" " * (2 << 20))
    with pytest.raises(StorageError, match="expected a header of at most 1,048,576 bytes"):
        stn.load(path)


@pytest.mark.parametrize("header", [b"[]", b"3", b"[" * 9999, b'{"__metadata__": 3}', b'{"__metadata__": {"a": 1}}', b"\xff"])
def test_headers_of_another_kind_are_refused(path, header):
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(StorageError, match="not a whole safetensors file"):
        stn.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError):
        stn.load(tmp_path / "none.safetensors")


def test_a_failed_save_keeps_the_old_file(path, model, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError, match="disk"):
        stn.save(model, path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_options_that_are_arrays_are_saved(tmp_path):
    points = np.array([[-1.0, -1.0], [1.0, -0.8], [0.3, 1.0]])
    model = stn.models.st_fcn(transform="tps", options={"control_points": points}, units=4)
    stn.save(model, tmp_path / "model.safetensors")
    assert np.array_equal(stn.load(tmp_path / "model.safetensors").theta(X), model.theta(X))


def test_options_that_json_cannot_hold_are_refused(tmp_path):
    stn.register_transform("with-an-object", lambda thing: stn.get_transform("affine"), overwrite=True)
    model = stn.models.st_fcn(transform="with-an-object", options={"thing": object()}, units=4)
    with pytest.raises(ValueError, match="cannot be saved"):
        stn.save(model, tmp_path / "model.safetensors")


def test_a_transform_without_a_name_cannot_be_saved(tmp_path):
    layer = SpatialTransformer(Flatten(), stn.get_transform("affine"))
    model = Classifier(Chain(layer, Flatten()), (4, 4, 1), 16)
    with pytest.raises(ValueError, match="registered names"):
        stn.save(model, tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"plain text, no model", b"\x80\x04\x95\x10" + bytes(40), b"PK\x03\x04" + bytes(60)])
def test_files_of_other_kinds_are_named_as_such(content, tmp_path):
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(StorageError, match="not a safetensors file: it begins with"):
        stn.load(tmp_path / "other")


def test_folders_and_checkpoints_are_refused(model, tmp_path):
    with pytest.raises(IsADirectoryError, match="expected a file, got a folder"):
        stn.load(tmp_path)
    with pytest.raises(IsADirectoryError, match="expected a file, got a folder"):
        stn.save(model, tmp_path)
    stn.fit(stn.models.fcn(units=8), X, np.arange(4), epochs=1, checkpoint=tmp_path / "run", progress=False)
    with pytest.raises(StorageError, match="it holds a run of training: give it to `fit` as its checkpoint"):
        stn.load(tmp_path / "run")


def test_a_checkpoint_of_another_model_is_refused_with_the_difference(tmp_path):
    def train(**options):
        model = stn.models.st_fcn(units=8, **options)
        stn.fit(model, X, np.arange(4), epochs=1, checkpoint=tmp_path / "run", progress=False)

    train()
    with pytest.raises(StorageError, match=r"model\.layers\[0\]\.transform = 'affine', got 'projective'"):
        train(transform="projective")
