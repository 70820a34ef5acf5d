"""The self test of `doctor`."""

import subprocess
import sys

from stn_numba.deploy import self_test


def test_a_kernel_that_raises_does_not_stop_the_other_checks(monkeypatch):
    monkeypatch.setattr(self_test, "sample_vjp", lambda *_, **__: 1 / 0)
    problems = {check.name: check.problem for check in self_test.self_test(everything=False)}
    assert problems["gradient by the grid float32"].startswith("ZeroDivisionError")
    assert problems["sample float32"] == ""


def test_the_self_test_covers_every_built_kernel_of_the_sampler():
    """In another process, which only records kernels."""
    code = """
from stn_numba.kernels.runtime import calls
from stn_numba.deploy import build_kernels, self_test
self_test.expect_close = lambda *_: None  # a check that fails would stop before its last kernel
with calls.recorded() as found:
    list(self_test.self_test(everything=True))
print(*sorted(kernel for kernel, signature in build_kernels.sampler_kernels() - found))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
