"""warmup and doctor."""

import functools
import json
import subprocess
import sys

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.deploy import doctor, self_test, warmup
from stn_numba.deploy.advice import advice
from stn_numba.deploy.doctor import format_report
from stn_numba.deploy.reference import sampling_matrix
from stn_numba.kernels.runtime import calls, inspection, prebuilt

warming = sys.modules[warmup.__module__]  # the package's `warmup` is the function
click_testing = pytest.importorskip("click.testing", reason="click is not installed")

from stn_numba.cli.main import main  # noqa: E402


def run(*arguments):
    return click_testing.CliRunner().invoke(main, arguments)


@pytest.fixture(scope="module")
def report():
    return doctor()


def changed(report, **parts):
    return {**report, **{name: {**report[name], **values} for name, values in parts.items()}}


@pytest.mark.parametrize(("transform", "use"), [("affine", "train"), ("tps", "predict")])
def test_after_warmup_nothing_is_left_to_load_and_the_file_is_as_it_was(tmp_path, transform, use):
    path = tmp_path / "model"
    stn.save(stn.models.tutorial((20, 20, 2), 3, transform=transform), path)
    content = path.read_bytes()
    steps = [step.name for step in warmup(networks=use, models=[path])]
    assert steps[0] == "predict by model, one image"
    assert steps[-1] == ("train model, batches of 64" if use == "train" else "predict by model, many")
    before = inspection.loaded()
    model, images = stn.load(path), np.random.default_rng(0).random((40, 20, 20, 2), np.float32)
    for count in (1, 5, 40):
        model.predict(images[:count])
        if use == "train":
            stn.fit(model, images[:count], np.zeros(count, int), epochs=1, batch_size=16, progress=False)
    assert inspection.loaded() == before
    assert path.read_bytes() == content
    assert {step.source for step in warmup(networks=use, models=[path])} == {"shared"}


@pytest.fixture
def steps(monkeypatch):
    """steps(*sources): make the steps of warmup load kernels from these sources, some at each step."""

    def make(*sources):
        loaded = []

        def load(number, names):
            loaded.extend(calls.Loaded(f"kernel {number}", (name,), name) for name in names)

        named = [(f"step {k}", functools.partial(load, k, names)) for k, names in enumerate(sources)]
        monkeypatch.setattr(warming, "_network_calls", lambda use, models: named)
        monkeypatch.setattr(inspection, "loaded", lambda: set(loaded))

    return make


def test_a_step_says_where_its_kernels_came_from(steps):
    steps(["prebuilt"], [], ["cache", "prebuilt"], ["prebuilt", "compiled", "cache"])
    assert [step.source for step in warmup()] == ["prebuilt", "shared", "cache", "compiled"]


def test_warmup_refuses_a_use_that_is_not_offered():
    with pytest.raises(ValueError, match="networks: expected one of predict, train, got 'none'"):
        warmup(networks="none")


def test_an_installation_that_works_is_healthy(report):
    assert report["healthy"]
    assert all(not check["problem"] for check in report["self_test"])
    assert len(report["self_test"]) == (8 if report["kernels"]["library"] is None else 27)
    assert report["threads"]["num_threads"] >= 1
    assert {"affine", "projective", "tps"} <= {row["name"] for row in report["plugins"] if row["status"] == "ok"}
    assert json.loads(json.dumps(report)) == report
    assert format_report(report).endswith("\nhealthy")


def test_a_wrong_kernel_is_found(monkeypatch):
    right = self_test.sample
    monkeypatch.setattr(self_test, "sample", lambda *args, **options: right(*args, **options) + np.float32(0.1))
    monkeypatch.setattr(prebuilt, "library", lambda: None)  # a few kernels are enough
    found = doctor()
    wrong = [check["name"] for check in found["self_test"] if check["problem"]]
    assert not found["healthy"]
    assert "sample float32" in wrong
    assert not any("gradient" in name for name in wrong)
    assert "Results are wrong" in found["advice"][0]
    assert format_report(found).endswith("NOT HEALTHY")


def test_a_kernel_that_raises_does_not_keep_the_others_from_running(monkeypatch):
    monkeypatch.setattr(self_test, "sample_vjp", lambda *_, **__: 1 / 0)
    problems = {check.name: check.problem for check in self_test.self_test(everything=False)}
    assert problems["gradient by the grid float32"].startswith("ZeroDivisionError")
    assert problems["sample float32"] == ""


def test_the_self_test_covers_every_kernel_of_the_sampler_that_is_built():
    """In another process, which only records kernels."""
    code = """
from stn_numba.kernels.runtime import calls
from stn_numba.deploy import build_kernels, self_test
with calls.recorded() as found:
    list(self_test.self_test(everything=True))
print(*sorted(kernel for kernel, signature in build_kernels.sampler_kernels() - found))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


NO_LIBRARY = {"library": None, "level": None, "found": [], "why_not": "this installation was made without"}


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
        (
            {"cache": {"write": None, "kernels": 0, "why": "read-only"}, "kernels": {"compiled": 1}},
            "Compiled kernels are not kept: read-only",
        ),
        ({"cache": {"write": None, "kernels": 8, "why": "read-only"}}, None),
        ({"cache": {"write": None, "kernels": 0}, "kernels": {"compiled": 0}}, None),
        ({"settings": {"NUMBA_DISABLE_JIT": "1"}}, "NUMBA_DISABLE_JIT"),
        ({"kernels": NO_LIBRARY}, "pip wheel --no-deps ."),
        ({"kernels": NO_LIBRARY, "cpu": {"levels": []}}, None),
        ({"kernels": NO_LIBRARY | {"found": ["kernels-v3-0.so"]}}, "(kernels-v3-0.so) cannot be used"),
        ({"kernels": NO_LIBRARY | {"why_not": "NUMBA_OPT is set"}}, "NUMBA_OPT is set, so"),
        ({"kernels": NO_LIBRARY, "settings": {"STN_NUMBA_PREBUILT": "off"}}, "STN_NUMBA_PREBUILT=off keeps"),
        ({"kernels": NO_LIBRARY, "settings": {"STN_NUMBA_PREBUILT": "v4"}}, "set a level of this CPU (v3)"),
        ({"kernels": NO_LIBRARY, "settings": {"STN_NUMBA_PREBUILT": "v3"}}, "contains no prebuilt kernels"),
    ],
)
def test_advice(report, parts, expected):
    clean = changed(report, threading={"layer": "tbb"}, threads={"cgroup_quota": None}, cache={"write": "/x"})
    clean = changed(clean, versions={"threadpoolctl": "3.6"}, cpu={"levels": ["v3"]}, kernels={"library": "/y"})
    clean = changed(clean, settings={"STN_NUMBA_PREBUILT": None})
    clean |= {"plugins": [], "self_test": []}
    said = advice(changed(clean, **parts))
    assert [expected in sentence for sentence in said] == ([True] if expected else [])


def test_a_broken_plugin_is_named(report):
    rows = [{"name": "bent", "distribution": "bent-one 1.0", "status": "ImportError: no"}]
    assert any("'bent' of bent-one 1.0" in sentence for sentence in advice({**report, "plugins": rows}))


def test_the_report_says_which_library_is_used(report):
    kernels = report["kernels"]
    assert kernels["prebuilt"] + kernels["cache"] + kernels["compiled"] > 0
    lines = format_report(report).splitlines()
    assert f"  library    {kernels['library'] or 'none (' + kernels['why_not'] + ')'}" in lines
    assert [line for line in lines if line.startswith("  used here") and line.endswith(f"{kernels['compiled']} compiled")]


def test_commands(steps):
    result = run("doctor", "--json", "--no-test")
    assert result.exit_code == 0
    assert json.loads(result.output)["healthy"]
    steps(["prebuilt"], ["cache"])
    result = run("warmup", "--networks", "train", "--json")
    assert result.exit_code == 0
    rows = [json.loads(line) for line in result.output.splitlines()]
    assert [(row["name"], row["source"]) for row in rows] == [("step 0", "prebuilt"), ("step 1", "cache")]
    assert run("warmup", "--networks", "none").exit_code == 2
    assert run("warmup", "--dtype", "uint8").exit_code == 2


def test_an_unhealthy_installation_exits_with_1(monkeypatch):
    monkeypatch.setattr(self_test, "sample", lambda *_, **__: 1 / 0)
    monkeypatch.setattr(prebuilt, "library", lambda: None)
    result = run("doctor")
    assert result.exit_code == 1
    assert "NOT HEALTHY" in result.output


def test_the_oracle_reads_pixels_at_pixels():
    points = np.array([[-1.0, -1.0], [1.0, 1.0], [3.0, 0.0]])
    for kernel in ("nearest", "bilinear", "bicubic"):
        np.testing.assert_allclose(sampling_matrix(points, (2, 3), kernel), np.eye(6)[[0, 5, 5]] * [[1], [1], [0]], atol=1e-12)
