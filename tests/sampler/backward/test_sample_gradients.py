"""`sample_gradients` returns what the backward of `sample_vjp` does, without the forward pass."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.sampler import api, plans
from tests.sampler.examples import KINDS, random_grid, random_image

OUT = (4, 5)
OPTIONS = [
    {},
    {"kernel": "bicubic", "padding": "wrap"},
    {"antialias": True},
    {"fill": 0.5},
    {"kernel": "nearest"},
]


@pytest.fixture(autouse=True)
def no_plans():
    plans._plans.clear()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_sample_vjp(kind, options):
    image, grid = random_image(2, 6, 7, 3), random_grid(kind, 2, OUT)
    out, backprop = stn.sample_vjp(image, grid, **options)
    expected = backprop(np.cos(out))
    plans._plans.clear()
    for _ in range(3):  # the first call makes a plan
        for got, right in zip(stn.sample_gradients(image, grid, np.cos(out), **options), expected, strict=True):
            np.testing.assert_array_equal(got, right)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_a_gradient_that_is_not_wanted_is_none(layout):
    image, grid = random_image(2, 6, 7, 3), random_grid("dense", 2, OUT)
    image = image if layout == "NHWC" else np.ascontiguousarray(image.transpose(0, 3, 1, 2))
    d_out = np.cos(stn.sample(image, grid, layout=layout))
    both = stn.sample_gradients(image, grid, d_out, layout=layout)
    for repeat in range(2):
        d_image, nothing = stn.sample_gradients(image, grid, d_out, layout=layout, by_grid=False)
        assert nothing is None, repeat
        np.testing.assert_array_equal(d_image, both[0])
        nothing, d_grid = stn.sample_gradients(image, grid, d_out, layout=layout, by_image=False)
        assert nothing is None, repeat
        np.testing.assert_array_equal(d_grid, both[1])


def test_nothing_is_sampled(monkeypatch):
    monkeypatch.setattr(api, "read", lambda *_: pytest.fail("the image was sampled"))
    image, grid = random_image(2, 6, 7, 3), random_grid("dense", 2, OUT)
    for _ in range(2):
        stn.sample_gradients(image, grid, np.ones((2, *OUT, 3)))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"d_out": np.ones((2, 4, 5, 1))}, ValueError, r"d_out: expected \(2, 4, 5, 3\), got \(2, 4, 5, 1\)"),
        ({"d_out": np.ones((2, 4, 5, 3), bool)}, TypeError, "d_out: expected real numbers, got dtype bool"),
        ({"image": np.ones((2, 6, 7, 3), np.uint8)}, TypeError, "image: gradients need float32 or float64, got uint8"),
        ({"kernel": "bicubik"}, ValueError, "kernel: .* did you mean 'bicubic'"),
    ],
)
def test_errors(change, error, message):
    arguments = {
        "image": random_image(2, 6, 7, 3),
        "grid": random_grid("dense", 2, OUT),
        "d_out": np.ones((2, 4, 5, 3)),
        **change,
    }
    with pytest.raises(error, match=message):
        stn.sample_gradients(**arguments)
