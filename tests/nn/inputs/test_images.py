"""Images as training takes them."""

import warnings

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.models import fcn

X, Y = np.random.default_rng(0).random((24, 6, 6, 1), np.float32), np.arange(24) % 2


def small():
    return fcn((6, 6, 1), 2, units=4)


def test_unscaled_whole_number_pixels_warn_except_masks():
    with pytest.warns(RuntimeWarning, match=r"X: pixels are whole numbers of up to 255, .* X / 255 as float32"):
        stn.fit(small(), np.full(X.shape, 255, np.uint8), Y, epochs=1, progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stn.fit(small(), (X > 0.5).astype(np.uint8), Y, epochs=1, progress=False)
        stn.fit(small(), np.full(X.shape, 255, np.uint8), Y, epochs=1, augment=lambda x, rng: x / 255, progress=False)
