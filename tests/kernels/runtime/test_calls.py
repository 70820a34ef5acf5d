"""Recording of kernel calls, without compiling any."""

import numpy as np
import pytest

from stn_numba.kernels.runtime import calls


def test_recorded_calls_are_not_run():
    kernel, array, before = calls.Kernel("nowhere", "nothing"), np.ones(3), calls.loaded()
    with calls.recorded() as found:
        kernel(array, (1, 2.0))
        kernel(array, (1, 2.0))
        kernel.entry(("bool",)).run(True)
    assert found == {("nowhere.nothing", ("float64[1]", ("int", "float"))), ("nowhere.nothing", ("bool",))}
    assert array.tolist() == [1, 1, 1]
    assert calls.loaded() == before


def test_after_the_block_kernels_run_again():
    kernel = calls.Kernel("nowhere", "nothing")
    with calls.recorded():
        kernel(1)
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        kernel(1)


def test_recording_blocks_may_be_nested():
    kernel = calls.Kernel("nowhere", "nothing")
    with calls.recorded() as outer:
        with calls.recorded() as inner:
            kernel(1)
        kernel(1.5)
    assert inner == {("nowhere.nothing", ("int",))}
    assert outer == {("nowhere.nothing", ("float",))}
