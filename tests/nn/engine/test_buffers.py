"""Memory that goes from one array to the next; what a training step makes of it is in test_fast_paths.py."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("owner", ["numpy", "threading"])
def test_arrays_that_outlive_the_module_end_without_a_word(owner):
    program = f"import {owner}; from stn_numba.nn.engine import buffers; {owner}.kept = buffers.empty((10,), 'float32')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
