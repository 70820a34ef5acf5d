"""Images as rows of pixels and as arrays."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from stn_numba.sklearn.images import flattened, read_images, shape_of_rows


class Reader(BaseEstimator):
    def __init__(self, image_shape=None):
        self.image_shape = image_shape


def read(estimator, X, reset=True):
    return read_images(estimator, X, reset=reset, dtypes=(np.float64, np.float32, np.uint8))[0]


X = np.arange(2 * 4 * 3, dtype=np.float32).reshape(2, 4, 3)


def test_rows_and_images_are_alike():
    shaped, flat = Reader(), Reader((4, 3))
    assert np.array_equal(read(shaped, X), X[..., None])
    assert np.array_equal(read(flat, X.reshape(2, 12)), X[..., None])
    assert shaped.image_shape_ == flat.image_shape_ == (4, 3, 1)
    assert shaped.n_features_in_ == flat.n_features_in_ == 12
    assert np.array_equal(read(shaped, X.reshape(2, 12), reset=False), X[..., None])
    assert np.array_equal(read(flat, X, reset=False), X[..., None])


@pytest.mark.parametrize("given", [X.tolist(), X.reshape(2, 2, 2, 3), np.asfortranarray(X), X.astype(np.uint8)])
def test_lists_colors_and_any_order(given):
    images = read(Reader(), given)
    assert np.array_equal(images.reshape(np.shape(given)), given)
    assert images.ndim == 4


@pytest.mark.parametrize(
    ("dtype", "expected"), [("u1", "u1"), ("f4", "f4"), ("f8", "f8"), ("i8", "f8"), ("f2", "f8"), ("?", "f8"), ("O", "f8")]
)
def test_dtypes(dtype, expected):
    assert read(Reader(), np.ones((2, 4), dtype)).dtype == expected


def test_shapes_of_rows():
    assert shape_of_rows(784, None) == (28, 28, 1)
    assert shape_of_rows(1, None) == (1, 1, 1)
    assert shape_of_rows(30, None) == (1, 30, 1)
    assert shape_of_rows(30, (5, 2, 3)) == (5, 2, 3)


@pytest.mark.parametrize(
    ("image_shape", "given", "message"),
    [
        ((5, 5), np.ones((2, 24)), r"image_shape: expected 24 pixels in all, as X has features, got \(5, 5\)"),
        (5, np.ones((2, 25)), r"image_shape: expected \(H, W\) or \(H, W, C\), got 5"),
        ((5, 0), np.ones((2, 25)), "image_shape: expected at least 1, got 0"),
        ((5, 5), np.ones((2, 4, 6)), r"X: expected images \(5, 5, 1\), as image_shape, got \(4, 6, 1\)"),
        (None, np.ones((2, 2, 4, 6, 1)), r"X: expected rows of pixels \(N, F\), or images"),
        (None, np.ones((0, 4, 6)), "Found array with 0 sample"),
        (None, np.full((2, 4, 6), np.nan), "Input X contains NaN"),
        (None, np.ones(4), "Expected 2D array, got 1D array instead"),
    ],
)
def test_errors(image_shape, given, message):
    with pytest.raises(ValueError, match=message):
        read(Reader(image_shape), given)


def test_images_of_another_shape_are_refused_after_fit():
    reader = Reader()
    read(reader, X)
    with pytest.raises(ValueError, match=r"X: expected images \(4, 3, 1\), as those in fit, got \(3, 4, 1\)"):
        read(reader, X.transpose(0, 2, 1), reset=False)
    with pytest.raises(ValueError, match="X has 11 features, but Reader is expecting 12"):
        read(reader, np.ones((2, 11)), reset=False)


def test_rows_are_not_copied():
    assert np.shares_memory(flattened(X)[0], X)
    assert flattened(X.reshape(2, 12))[1] is None
