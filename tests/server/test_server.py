"""warmup and doctor."""

import json
import subprocess
import sys

import numpy as np
import pytest

from stn_numba.server import doctor, selftest, warmup
from stn_numba.server.advice import advice
from stn_numba.server.oracle import reading_matrix
from stn_numba.server.text import text

click_testing = pytest.importorskip("click.testing", reason="click is not installed")

from stn_numba.cli import main  # noqa: E402


def run(*arguments):
    return click_testing.CliRunner().invoke(main, arguments)


@pytest.fixture(scope="module")
def report():
    return doctor()


def changed(report, **parts):
    return {**report, **{name: {**report[name], **values} for name, values in parts.items()}}


def test_after_warmup_nothing_is_left_to_compile():
    list(warmup())
    assert {step.source for step in warmup()} == {"shared"}
    from stn_numba.kernels import inspection
    from stn_numba.models import st_cnn

    before = inspection.compiled()
    st_cnn().predict(np.zeros((3, 28, 28), np.float32))
    assert inspection.compiled() == before


@pytest.mark.parametrize(("transform", "kernel"), [("affine", "attend"), ("tps", "forward_chain")])
def test_warmup_of_a_model_that_trains_leaves_nothing_to_compile_and_the_file_as_it_was(tmp_path, transform, kernel):
    import stn_numba as stn
    from stn_numba.kernels import inspection

    path = tmp_path / "model"
    stn.save(stn.models.tutorial((20, 20, 2), 3, transform=transform), path)
    content = path.read_bytes()
    names = [step.name for step in warmup(dtypes=[], gradients=[], networks="train", models=[path])]
    assert names[0] == "predict by model, one image"
    assert names[-1] == "train model, batches of 64"
    assert {kernel, "adam", "momentum"} <= {kernel.kernel for kernel in inspection.compiled()}
    before = inspection.compiled()
    model, images = stn.load(path), np.random.default_rng(0).random((40, 20, 20, 2), np.float32)
    for count in (1, 5, 40):
        model.predict(images[:count])
        stn.fit(model, images[:count], np.zeros(count, int), epochs=1, batch_size=16, progress=False)
    assert inspection.compiled() == before
    assert path.read_bytes() == content


def test_warmup_refuses_a_use_that_is_not_offered():
    with pytest.raises(ValueError, match="networks: expected some of none, predict, train, got 'x'"):
        warmup(networks="x")


@pytest.mark.parametrize("option", ["dtypes", "gradients", "positions"])
def test_warmup_refuses_what_is_not_offered(option):
    with pytest.raises(ValueError, match=f"{option}: expected some of .*float32.*, got 'complex64'"):
        warmup(**{option: ["complex64"]})


def test_an_installation_that_works_is_healthy(report):
    assert report["healthy"]
    assert all(not check["problem"] for check in report["self_test"])
    assert len(report["self_test"]) == 16
    assert report["threads"]["num_threads"] >= 1
    assert {"affine", "projective", "tps"} <= {row["name"] for row in report["plugins"] if row["status"] == "ok"}
    assert json.loads(json.dumps(report)) == report
    assert text(report).endswith("\nhealthy")


def test_a_wrong_kernel_is_found(monkeypatch):
    right = selftest.sample
    monkeypatch.setattr(selftest, "sample", lambda *args, **options: right(*args, **options) + np.float32(0.1))
    found = doctor()
    wrong = [check["name"] for check in found["self_test"] if check["problem"]]
    assert not found["healthy"]
    assert "sample float32 bilinear" in wrong
    assert not any("gradient" in name for name in wrong)
    assert "Results are wrong" in found["advice"][0]
    assert text(found).endswith("NOT HEALTHY")


def test_a_kernel_that_raises_does_not_keep_the_others_from_running(monkeypatch):
    monkeypatch.setattr(selftest, "sample_vjp", lambda *_, **__: 1 / 0)
    problems = {check.name: check.problem for check in selftest.self_test()}
    assert problems["gradient by the grid float32 bilinear"].startswith("ZeroDivisionError")
    assert problems["sample float32 bilinear"] == ""


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"threading": {"layer": "tbb"}}, None),
        ({"threading": {"layer": "omp"}}, "forked after the first call run on one thread"),
        ({"threading": {"layer": "workqueue"}}, "install libgomp"),
        ({"threading": {"layer": None, "why": "no layer"}}, "Kernels run on one thread: no layer"),
        ({"threads": {"cgroup_quota": 2, "numba_ceiling": 64}}, "Set NUMBA_NUM_THREADS=2"),
        ({"threads": {"num_threads": 0, "origin": "X: expected"}}, "X: expected"),
        ({"versions": {"threadpoolctl": None}}, "pip install threadpoolctl"),
        ({"cache": {"write": None, "kernels": 0, "why": "read-only"}}, "Compiled kernels are not kept: read-only"),
        ({"cache": {"write": None, "kernels": 8, "why": "read-only"}}, None),
        ({"settings": {"NUMBA_DISABLE_JIT": "1"}}, "NUMBA_DISABLE_JIT"),
    ],
)
def test_advice(report, parts, expected):
    clean = changed(report, threading={"layer": "tbb"}, threads={"cgroup_quota": None}, cache={"write": "/x"})
    clean = changed(clean, versions={"threadpoolctl": "3.6"})
    clean["plugins"] = []
    said = advice(changed(clean, **parts))
    assert [expected in sentence for sentence in said] == ([True] if expected else [])


def test_a_broken_plugin_is_named(report):
    rows = [{"name": "bent", "distribution": "bent-one 1.0", "status": "ImportError: no"}]
    assert any("'bent' of bent-one 1.0" in sentence for sentence in advice({**report, "plugins": rows}))


def test_commands():
    result = run("doctor", "--json", "--no-test")
    assert result.exit_code == 0
    assert json.loads(result.output)["healthy"]
    result = run("warmup", "--dtype", "float32", "--no-gradients", "--networks", "none", "--json")
    assert result.exit_code == 0
    assert next(json.loads(line)["name"] for line in result.output.splitlines()) == "sample float32 bilinear"
    assert run("warmup", "--dtype", "int64").exit_code == 1


def test_an_unhealthy_installation_exits_with_1(monkeypatch):
    monkeypatch.setattr(selftest, "sample", lambda *_, **__: 1 / 0)
    result = run("doctor")
    assert result.exit_code == 1
    assert "NOT HEALTHY" in result.output


def test_the_oracle_reads_pixels_at_pixels():
    points = np.array([[-1.0, -1.0], [1.0, 1.0], [3.0, 0.0]])
    for kernel in ("nearest", "bilinear", "bicubic"):
        np.testing.assert_allclose(reading_matrix(points, (2, 3), kernel), np.eye(6)[[0, 5, 5]] * [[1], [1], [0]], atol=1e-12)


def test_warmup_covers_antialias():
    from stn_numba import get_transform, warp
    from stn_numba.kernels import inspection

    list(warmup(dtypes=["uint8"], gradients=[], antialias=True, networks="none"))
    before, image = inspection.compiled(), np.zeros((40, 40), np.uint8)
    for name in ("affine", "tps"):
        warp(image, get_transform(name).identity(), name, shape=(9, 9), antialias=True)
    assert inspection.compiled() == before


def test_warps_find_nothing_left_to_compile():
    code = """
import numpy as np, stn_numba as stn
from stn_numba.kernels import inspection
from stn_numba.server import warmup
list(warmup(dtypes=["uint8"], gradients=[], networks="none"))
before, image = inspection.compiled(), np.zeros((9, 9), np.uint8)
for name in ("affine", "projective", "tps"):
    for align_corners in (True, False):
        stn.warp(image, stn.get_transform(name).identity(), name, align_corners=align_corners)
print(*[kernel.name for kernel in inspection.compiled() - before])
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not found.stdout.split()


def test_without_a_threading_layer_the_serial_kernels_are_compiled(monkeypatch):
    monkeypatch.setattr("stn_numba.kernels.layer.launch", lambda: "Numba's threads cannot be launched")
    names = [step.name for step in warmup(dtypes=["uint8"], gradients=[], networks="none")]
    assert names == ["sample uint8 bilinear", "matrices of pixels"]
