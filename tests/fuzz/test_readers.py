"""Randomly damaged files: every reader gives an answer or a clear error, in bounded memory."""

import contextlib
import dataclasses
import gzip
import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stn_numba as stn
from stn_numba.data import read_idx
from stn_numba.nn import NonFiniteError, StorageError
from stn_numba.nn.saving.checkpoint_file import read_checkpoint, write_checkpoint
from stn_numba.nn.saving.tensor_file import digest
from stn_numba.paper.results import read_results
from tests.fuzz.damage import CHANGES, EDITS, bounded, changed, edited, little_memory

safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")

IDX = bytes([0, 0, 11, 3, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5]) + bytes(range(120))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "file"


@bounded
@given(EDITS, st.sampled_from(["plain", "compressed after", "compressed before"]))
def test_damaged_idx_files_are_read_or_refused(file, edits, form):
    content = edited(gzip.compress(IDX) if form == "compressed before" else IDX, edits)
    file.write_bytes(gzip.compress(content) if form == "compressed after" else content)
    with little_memory(), contextlib.suppress(ValueError):
        assert read_idx(file, max_bytes=1 << 20).nbytes <= 1 << 20


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Paths of a model, and of one without a checksum, as another program may write it."""
    paths = [tmp_path_factory.mktemp("models") / name for name in ("saved", "unsigned")]
    options = {"transform": "tps", "options": {"control_points": [2, 3]}}
    stn.save(stn.models.st_fcn((12, 12, 1), units=4, **options), paths[0])
    whole = paths[0].read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    del header["__metadata__"]["stn_numba.sha256"]
    text = json.dumps(header).encode()
    paths[1].write_bytes(len(text).to_bytes(8, "little") + text + whole[8 + length :])
    return paths


@bounded
@given(EDITS, st.integers(0, 1))
def test_damaged_models_are_loaded_or_refused(file, models, edits, which):
    file.write_bytes(edited(models[which].read_bytes(), edits))
    with little_memory(), contextlib.suppress(StorageError):
        stn.load(file)


@bounded
@given(CHANGES)
def test_changed_architectures_are_loaded_or_refused(file, models, changes):
    whole = models[1].read_bytes()
    header = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
    architecture = changed(json.loads(header["__metadata__"]["stn_numba"]), changes)
    file.write_bytes(safetensors.save(safetensors.load(whole), metadata={"stn_numba": json.dumps(architecture)}))
    with little_memory(), contextlib.suppress(StorageError):
        model = stn.load(file)
        assert np.isfinite(model.predict_proba(np.zeros((1, *model.input_shape), np.float32))).all()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoints") / "run"
    arrays = {"dense1.weight": np.ones((3, 4), np.float32), "dense1.bias": np.zeros(4)}
    write_checkpoint(path, {"step": 7, "params": arrays, "optimizer": {"mean": dict(arrays), "rates": [0.1, None, "x"]}})
    return path.read_bytes()


@bounded
@given(EDITS)
def test_damaged_checkpoints_are_read_or_refused(file, checkpoint, edits):
    file.write_bytes(edited(checkpoint, edits))
    with little_memory(), contextlib.suppress(StorageError):
        assert isinstance(read_checkpoint(file), dict)


@bounded
@given(CHANGES)
def test_changed_checkpoints_with_a_valid_checksum_are_read_or_refused(file, checkpoint, changes):
    header = json.loads(checkpoint[8 : 8 + int.from_bytes(checkpoint[:8], "little")])
    text = json.dumps(changed(json.loads(header["__metadata__"]["stn_numba.checkpoint"]), changes))
    tensors = safetensors.load(checkpoint)
    metadata = {"stn_numba.checkpoint": text, "stn_numba.checkpoint.sha256": digest(text, tensors)}
    file.write_bytes(safetensors.save(tensors, metadata=metadata))
    with little_memory(), contextlib.suppress(StorageError):
        assert isinstance(read_checkpoint(file), dict)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A checkpoint of `fit` with a best epoch."""
    path = tmp_path_factory.mktemp("runs") / "run"
    trained(path)
    return path.read_bytes()


def trained(path):
    X, y = np.random.default_rng(0).random((4, 4, 4, 1), np.float32), np.arange(4)
    model = stn.models.fcn((4, 4, 1), units=2)
    stn.fit(
        model, X, y, epochs=2, batch_size=2, checkpoint=path, restore_best="loss", callbacks=[stop_after_one], progress=False
    )


def stop_after_one(model, history):
    return len(history) == 1


@bounded
@given(CHANGES, st.booleans())
def test_resuming_from_a_changed_checkpoint_works_or_is_refused(file, run, changes, shorten):
    """Signed, so only what the run makes of it can refuse it."""
    header = json.loads(run[8 : 8 + int.from_bytes(run[:8], "little")])
    content, tensors = json.loads(header["__metadata__"]["stn_numba.checkpoint"]), safetensors.load(run)
    content["state"] = changed(content["state"], changes)
    if shorten:
        tensors = {name: array[: len(array) // 2].copy() if array.ndim else array for name, array in tensors.items()}
    text = json.dumps(content)
    metadata = {"stn_numba.checkpoint": text, "stn_numba.checkpoint.sha256": digest(text, tensors)}
    file.write_bytes(safetensors.save(tensors, metadata=metadata))
    with little_memory(), contextlib.suppress(ValueError, TypeError, NonFiniteError):
        trained(file)


RESULT = {
    "experiment": "st-cnn/affine/R", "paper_error": 0.7, "error": 0.9, "loss": 0.03, "images": 10_000, "part": "test",
    "seed": 0, "n_params": 400_000, "epochs": 3, "seconds": 60.5, "threads": 2, "settings": {"units": 128},
    "command": "stn-numba reproduce",
}  # fmt: skip


@bounded
@given(EDITS)
def test_damaged_results_are_read_or_refused(file, edits):
    file.write_bytes(edited(json.dumps([RESULT, RESULT]).encode(), edits))
    with little_memory(), contextlib.suppress(ValueError):
        read_results(file)


@bounded
@given(CHANGES)
def test_results_of_other_types_are_read_or_refused(file, changes):
    rows = changed([RESULT, RESULT], changes)
    file.write_text(json.dumps(rows))
    results, wrong = [], ""
    try:
        results = read_results(file)
    except ValueError as error:
        wrong = str(error)
    if wrong:
        assert wrong.startswith(f"{file}: expected a list of results: ")
        return
    for result, row in zip(results, rows, strict=True):
        assert dataclasses.asdict(result) == row
        assert isinstance(result.experiment, str)
        assert 0 <= result.error < float("inf")
        assert isinstance(result.seed, int)


def test_a_bad_result_is_refused_by_row_and_name(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps([RESULT, RESULT | {"error": "x"}]))
    with pytest.raises(ValueError, match=r"results.json: expected a list of results: row 2: error: expected a number"):
        read_results(tmp_path / "results.json")


def test_pipes_and_folders_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe: expected a regular file"):
        read_idx(tmp_path / "pipe")
    with pytest.raises(FileNotFoundError, match="pipe: no such file"):
        stn.load(tmp_path / "pipe")
    with pytest.raises(OSError, match="directory"):
        read_idx(tmp_path)


def test_a_header_larger_than_max_bytes_is_refused(tmp_path):
    path = tmp_path / "sparse"
    with path.open("wb") as sparse:
        sparse.write((1 << 39).to_bytes(8, "little"))
        sparse.truncate(1 << 40)
    with little_memory(), pytest.raises(StorageError, match="expected at most 1,048,576 bytes, got 1,099"):
        stn.load(path, max_bytes=1 << 20)
