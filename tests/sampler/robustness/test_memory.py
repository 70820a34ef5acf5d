"""No access leaves the arrays: each lies between pages that may not be read or written."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(sys.platform != "linux", reason="guarded memory is made by Linux's mprotect")
@pytest.mark.parametrize(
    ("channels", "kernels"),
    [("1,2,4,5,16", "nearest,bilinear,bicubic,lanczos3"), ("3", "nearest,bilinear"), ("3", "bicubic,lanczos3")],
)
def test_no_access_leaves_the_arrays(channels, kernels):
    command = [sys.executable, "-m", "tests.sampler.robustness.guarded_calls", channels, kernels]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "no stray access\n"), done.stderr[-2000:]
