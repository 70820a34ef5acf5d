"""`warmup` loads all kernels that models need."""

import functools
import sys

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.deploy import warmup
from stn_numba.kernels.runtime import calls


@pytest.mark.parametrize(("transform", "use"), [("affine", "train"), ("tps", "predict")])
def test_after_warmup_no_kernel_is_left_to_load(tmp_path, transform, use):
    path = tmp_path / "model"
    stn.save(stn.models.tutorial((20, 20, 2), 3, transform=transform), path)
    content = path.read_bytes()
    steps = [step.name for step in warmup(networks=use, models=[path])]
    assert steps[0] == "predict by model, one image"
    assert steps[-1] == ("train model, batches of 64" if use == "train" else "predict by model, many")
    before = calls.loaded()
    model, images = stn.load(path), np.random.default_rng(0).random((40, 20, 20, 2), np.float32)
    for count in (1, 5, 40):
        model.predict(images[:count])
        if use == "train":
            stn.fit(model, images[:count], np.zeros(count, int), epochs=1, batch_size=16, progress=False)
    assert calls.loaded() == before
    assert path.read_bytes() == content
    assert {step.source for step in warmup(networks=use, models=[path])} == {"shared"}


@pytest.fixture
def steps(monkeypatch):
    """steps(*sources) gives warmup one step for each, which loads kernels from these sources."""

    def make(*sources):
        loaded = []

        def load(number, names):
            loaded.extend(calls.Loaded(f"kernel {number}", (name,), name) for name in names)

        named = [(f"step {k}", functools.partial(load, k, names)) for k, names in enumerate(sources)]
        monkeypatch.setattr(sys.modules[warmup.__module__], "_network_calls", lambda use, models: named)
        monkeypatch.setattr(calls, "loaded", lambda: list(loaded))

    return make


def test_a_step_shows_where_its_kernels_came_from(steps):
    steps(["prebuilt"], [], ["cache", "prebuilt"], ["prebuilt", "compiled", "cache"])
    assert [step.source for step in warmup()] == ["prebuilt", "shared", "cache", "compiled"]


def test_an_unknown_use_is_refused():
    with pytest.raises(ValueError, match="networks: expected one of predict, train, got 'none'"):
        warmup(networks="none")
