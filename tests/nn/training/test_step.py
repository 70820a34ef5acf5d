"""One training step."""

import numpy as np
import pytest

from stn_numba.kernels.runtime import dispatch
from stn_numba.models import tutorial
from stn_numba.nn import Adam
from stn_numba.nn.engine import sampling, thread_pool
from stn_numba.nn.engine.conv import fused
from stn_numba.nn.training.step import Step

RNG = np.random.default_rng(11)


@pytest.mark.parametrize("shared", ["passes", "layers"])
def test_the_number_of_threads_changes_no_bit(shared, monkeypatch):
    if shared == "layers":
        monkeypatch.setattr(thread_pool, "_WORTH_A_PASS", 1000)
        monkeypatch.setattr(fused, "_WORTH_A_THREAD", 1)
        monkeypatch.setattr(sampling, "_WORTH_A_PART", 1)
    X, labels = RNG.random((130, 28, 28, 1), np.float32), RNG.integers(0, 10, 130)
    runs = []
    for count in (1, 2, 1):
        model = tutorial(initial=[0.9, 0.1, 0, 0, 0.9, 0])
        step, noise = Step(model, Adam(), {}), np.random.default_rng(3)
        with dispatch.limited(count):
            losses = [step(X, labels, noise, 1e-3, "a test")[0] for _ in range(3)]
            logits = model.logits(X)
        runs.append((losses, np.concatenate([array.ravel() for array in model.params.values()]), logits))
    for losses, *arrays in runs[1:]:
        assert losses == runs[0][0]
        assert all(map(np.array_equal, arrays, runs[0][1:]))
