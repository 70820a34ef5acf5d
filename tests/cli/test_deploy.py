"""The commands `plugins`, `warmup` and `doctor`."""

import json
import sys

import pytest

from stn_numba.deploy import installation, self_test, warmup
from stn_numba.deploy.warmup import WarmupStep

click_testing = pytest.importorskip("click.testing", reason="click is not installed")

from stn_numba.cli.main import main  # noqa: E402


def run(*arguments):
    return click_testing.CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_doctor_prints_its_report():
    result = run("doctor", "--json", "--no-test")
    assert result.exit_code == 0
    assert json.loads(result.output)["healthy"]


def test_warmup_prints_its_steps(monkeypatch):
    made = [WarmupStep("first", 0.5, "prebuilt"), WarmupStep("second", 0.25, "cache")]
    monkeypatch.setattr(sys.modules[WarmupStep.__module__], "warmup", lambda networks, models: made)
    result = run("warmup", "--networks", "train", "--json")
    assert result.exit_code == 0
    rows = [json.loads(line) for line in result.output.splitlines()]
    assert [(row["name"], row["source"]) for row in rows] == [("first", "prebuilt"), ("second", "cache")]


def test_warmup_refuses_unknown_options():
    assert run("warmup", "--networks", "none").exit_code == 2
    assert run("warmup", "--dtype", "uint8").exit_code == 2


def test_an_unhealthy_installation_exits_with_1(monkeypatch):
    monkeypatch.setattr(self_test, "sample", lambda *_, **__: 1 / 0)
    result = run("doctor")
    assert result.exit_code == 1
    assert "NOT HEALTHY" in result.output


def test_plugins_lists_the_built_in_transforms():
    rows = json.loads(run("plugins", "--json").output)
    assert {"affine", "projective", "tps"} <= {row["name"] for row in rows if row["status"] == "ok"}
    assert "projective" in run("plugins").output


def test_warmup_shows_kernels_that_could_not_be_kept(monkeypatch):
    monkeypatch.setattr(sys.modules[warmup.__module__], "_network_calls", lambda use, models: [])
    cache = installation.cache() | {"write": "folder", "failures": {"forward.sample": "no space left"}}
    monkeypatch.setattr(installation, "cache", lambda: cache)
    result = run("warmup")
    assert result.exit_code == 1
    assert "not kept: forward.sample: no space left" in result.output
