"""Arguments that the fuzz found not to be looked at: first those that are by now, then those that are not yet."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba import data, interpolation, nn, testing
from stn_numba.arrays import as_array
from stn_numba.grid import to_normalised, to_pixels
from stn_numba.nn.optimisers import clip_by_global_norm

IMAGE = np.ones((1, 4, 4, 1), np.float32)
MASKED = np.ma.array(IMAGE, mask=IMAGE > 0)
POINTS = np.zeros((1, 2, 2, 2))
POSITIONS = np.ma.array(POINTS, mask=POINTS == 0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: stn.warp(MASKED, [1, 0, 0, 0, 1, 0]),
        lambda: stn.warp(IMAGE, np.ma.array([1, 0, 0, 0, 1, 0], mask=[1, 0, 0, 0, 0, 0])),
        lambda: stn.sample(MASKED, POINTS),
        lambda: stn.sample_vjp(IMAGE, POINTS)[1](np.ma.masked_equal(np.zeros((1, 2, 2, 1)), 0)),
        lambda: stn.sample(IMAGE, POSITIONS),
        lambda: stn.DenseGrid(POSITIONS),
        lambda: stn.get_transform("affine").apply(np.ma.masked_equal([[1, 0, 0, 0, 1, 0]], 0), [[0, 0]]),
        lambda: to_pixels(POSITIONS, (2, 2)),
        lambda: to_normalised(POSITIONS, (2, 2)),
        lambda: interpolation.bicubic()(POSITIONS),
        lambda: data.get_distortion("R")(np.ma.masked_equal(np.zeros((1, 28, 28, 1)), 0), np.random.default_rng(0)),
        lambda: testing.check_vjp(lambda x: (x, lambda d: d), POSITIONS),
    ],
)
def test_masked_values_are_not_read(call):
    with pytest.raises(ValueError, match=r"^[\w ]+: \d+ of \d+ values are masked; fill them first"):
        call()


def test_a_masked_array_without_masked_values_is_an_array():
    np.testing.assert_array_equal(stn.warp(np.ma.array(IMAGE), [1, 0, 0, 0, 1, 0]), IMAGE)


def test_what_makes_no_array_is_named():
    with pytest.raises(TypeError, match=r"^image: expected an array, got list: .*inhomogeneous"):
        as_array([[1], [1, 2]], "image")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: to_pixels([[0, 0]], "x"), "shape: expected two whole numbers"),
        (lambda: to_normalised(np.zeros((1, 3)), (2, 2)), r"pixels: expected \(..., 2\)"),
        (lambda: interpolation.PiecewisePolynomial({}, [[1]]), "breakpoints: expected numbers"),
        (lambda: stn.save(None, "x"), "model: expected a Classifier, got NoneType"),
        (lambda: stn.load("x", max_bytes=(1,)), "max_bytes: expected a whole number"),
        (lambda: data.read_idx("x", max_bytes=1.5), "max_bytes: expected a whole number"),
        (lambda: testing.check_vjp(lambda x: (x, lambda d: d), 3), "argument 0: expected float64"),
    ],
)
def test_what_is_odd_is_refused_by_name(call, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        call()


MODEL = stn.models.st_fcn((4, 4, 1), units=2)


@pytest.mark.xfail(strict=True, reason="these do not look at all of their arguments yet")
@pytest.mark.parametrize(
    "call",
    [
        lambda: MODEL.predict(MASKED),
        lambda: nn.softmax(None),
        lambda: clip_by_global_norm((), 1.0),
        lambda: stn.fit(MODEL, IMAGE, [0], rates=(), epochs=1, progress=False),
    ],
)
def test_what_is_not_looked_at_yet(call):
    with pytest.raises((TypeError, ValueError)):
        call()
