"""The argument `out`."""

import numpy as np
import pytest

import stn_numba as stn


def test_out_is_written_and_returned():
    image, points = np.random.default_rng(0).normal(size=(2, 4, 5, 3)), np.zeros((2, 3, 3, 2))
    whole = np.full((2, 3, 6, 3), 9.0)
    out = whole[:, :, ::2]
    assert stn.sample(image, points, out=out) is not None
    np.testing.assert_array_equal(out, stn.sample(image, points))
    assert (whole[:, :, 1::2] == 9).all()


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (np.empty((2, 3, 3, 2)), ValueError, r"out: expected an array \(2, 3, 3, 3\), got \(2, 3, 3, 2\)"),
        (np.empty((2, 3, 3, 3), np.float32), TypeError, "out: expected float64, as the image, got float32"),
        (np.broadcast_to(np.empty((1, 3, 3, 3)), (2, 3, 3, 3)), ValueError, "out: the array is read-only"),
        (
            np.lib.stride_tricks.as_strided(np.empty((1, 3, 3, 3)), (2, 3, 3, 3), (0, 72, 24, 8)),
            ValueError,
            "out: several elements share one place",
        ),
    ],
)
def test_an_out_that_does_not_fit_is_refused(out, error, message):
    with pytest.raises(error, match=message):
        stn.sample(np.ones((2, 4, 5, 3)), np.zeros((2, 3, 3, 2)), out=out)


def test_out_may_not_overlap_the_image():
    image = np.ones((1, 4, 4, 1))
    with pytest.raises(ValueError, match="out: the array overlaps"):
        stn.sample(image, np.zeros((1, 4, 4, 2)), out=image)
