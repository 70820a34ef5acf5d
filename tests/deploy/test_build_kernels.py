"""The list of kernels that a wheel contains."""

import re
import subprocess
import sys
from pathlib import Path

import stn_numba

SOURCES = Path(stn_numba.__file__).parent / "kernels"
RECORD = """
from stn_numba.deploy import build_kernels as build
print(*(name for name, _ in build.sampler_kernels() | build.registration_kernels()))
"""


def test_all_kernels_of_sampler_and_registration_are_built():
    """In another process, which only records kernels."""
    done = subprocess.run([sys.executable, "-c", RECORD], capture_output=True, text=True, check=True)
    written = {
        f"kernels.{'.'.join(path.relative_to(SOURCES).with_suffix('').parts)}.{name}"
        for path in SOURCES.rglob("*.py")
        for name in re.findall(r"^@jit\.(?:tasks|kernel)\ndef (\w+)", path.read_text(), re.MULTILINE)
    }
    assert len(written) > 20
    assert set(done.stdout.split()) == written
