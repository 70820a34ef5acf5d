"""`doctor` finds out whether an installation works."""

import json

import numpy as np

from stn_numba.deploy import doctor, self_test
from stn_numba.deploy.doctor import format_report
from stn_numba.kernels.runtime import prebuilt


def test_a_working_installation_is_healthy(report):
    assert report["healthy"]
    assert all(not check["problem"] for check in report["self_test"])
    assert len(report["self_test"]) == (9 if report["kernels"]["library"] is None else 49)
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


def test_the_report_shows_which_library_is_used(report):
    kernels = report["kernels"]
    assert kernels["prebuilt"] + kernels["cache"] + kernels["compiled"] > 0
    lines = format_report(report).splitlines()
    assert f"  library    {kernels['library'] or 'none (' + kernels['why_not'] + ')'}" in lines
    assert [line for line in lines if line.startswith("  used here") and line.endswith(f"{kernels['compiled']} compiled")]
