"""Memory that is reused from one array to the next."""

import subprocess
import sys

import numpy as np
import pytest

from stn_numba.nn.engine import buffers


@pytest.mark.parametrize("owner", ["numpy", "threading"])
def test_arrays_that_outlive_the_module_are_freed_silently(owner):
    program = f"import {owner}; from stn_numba.nn.engine import buffers; {owner}.kept = buffers.empty((10,), 'float32')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_a_buffer_is_reused_once_its_last_view_is_gone():
    buffers.release()
    first = buffers.empty((1000,), np.float32)
    address, view = first.ctypes.data, first[10:20]
    assert address % 64 == 0
    del first
    assert buffers.empty((1000,), np.float32).ctypes.data != address  # a view holds it
    del view
    assert buffers.empty((1000,), np.float32).ctypes.data == address
