"""Options as texts, in which graphs keep them."""

import gc

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.sampler.interpolation import bicubic
from stn_numba.transform import registry
from tests.torch.examples import FishEye

torch = pytest.importorskip("torch")
options = pytest.importorskip("stn_numba.torch.options")


@pytest.mark.parametrize(
    "sampling",
    [
        {},
        {"kernel": "bicubic", "padding": "wrap", "align_corners": False, "antialias": True, "layout": "NHWC", "num_threads": 2},
        {"fill": 0.5},
        {"fill": [1.0, 2.0]},
        {"kernel": bicubic(-0.5)},
    ],
    ids=str,
)
def test_a_text_is_read_back(sampling):
    sampling = options.Sampling(**sampling)
    for transform in (None, FishEye()):
        found = options.options_from(options.text_of(transform, *sampling))
        assert found == options.Options(transform, sampling)


def test_fills_of_other_libraries_become_lists():
    for fill in (np.array([1.0, 2.0]), torch.tensor([1.0, 2.0])):
        assert options.options_from(options.text_of(None, *options.Sampling(fill=fill))).sampling.fill == [1.0, 2.0]


def test_names_are_portable_and_their_transforms_made_once():
    text = options.text_of(("tps", {"control_points": (2, 3)}), *options.Sampling())
    assert text == '{"transform": ["tps", {"control_points": [2, 3]}]}'
    first, second = (options.options_from(text).transform for _ in range(2))
    assert first is second
    assert first.n_params == 12


def test_a_name_that_is_registered_anew_is_made_anew(monkeypatch):
    monkeypatch.setattr(registry, "_registered", {})
    text = options.text_of(("mine", {}), *options.Sampling())
    for kind in (FishEye, type("Other", (FishEye,), {})):
        stn.register_transform("mine", kind, overwrite=True)
        assert type(options.options_from(text).transform) is kind


def test_an_object_is_found_as_long_as_it_exists():
    transform = FishEye()
    text = options.text_of(transform, *options.Sampling())
    assert text == options.text_of(transform, *options.Sampling())
    assert options.options_from(text).transform is transform
    del transform
    gc.collect()
    with pytest.raises(RuntimeError, match="the object 'FishEye .*' no longer exists.* give a transform by its name"):
        options.options_from(text)
