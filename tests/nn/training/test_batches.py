"""Data in memory, mapped from a file, or drawn from a stream."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.models import fcn

RNG = np.random.default_rng(0)
X = RNG.random((30, 6, 6, 1), np.float32)
Y = RNG.integers(0, 2, 30)


class Halves:
    def __len__(self):
        return 2

    def __call__(self, rng):
        order = rng.permutation(30)
        yield from ((X[part], Y[part]) for part in (order[:15], order[15:]))


def trained(*data, **options):
    model = fcn((6, 6, 1), 2, units=4)
    stn.fit(model, *data, **{"epochs": 2, "batch_size": 15, "progress": False, **options})
    return np.concatenate([array.ravel() for array in model.params.values()])


def test_a_mapped_file_trains_like_its_array(tmp_path):
    np.save(tmp_path / "X.npy", X)
    assert np.array_equal(trained(np.load(tmp_path / "X.npy", mmap_mode="r"), Y), trained(X, Y))


def test_a_stream_trains_like_the_arrays():
    assert np.array_equal(trained(Halves()), trained(X, Y))


def test_integer_images_are_converted_batch_by_batch():
    whole = (X * 255).astype(np.uint8)
    seen = []

    def scale(images, rng):
        seen.append(images.dtype)
        return images / 255

    trained(whole, Y, augment=scale)
    assert set(seen) == {np.dtype(np.float32)}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_DATA counts private memory on Linux only")
def test_a_file_larger_than_memory_can_be_trained_on(tmp_path):
    program = Path(__file__).with_name("small_memory.py")
    run = subprocess.run([sys.executable, program, tmp_path / "X.npy"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ((Halves(), Y), ValueError, "y: expected none with a stream"),
        ((lambda rng: iter(()),), TypeError, "X: expected arrays, or a stream with a length"),
        ((X, None), ValueError, "y: expected"),
        ((X, Y[:-1]), ValueError, r"y: expected \(30,\) whole numbers"),
    ],
)
def test_data_that_does_not_fit_is_refused(data, error, message):
    with pytest.raises(error, match=message):
        trained(*data)


def test_a_stream_s_bad_batch_is_named():
    class Wrong(Halves):
        def __call__(self, rng):
            yield X[:4, :3], Y[:4]

    class Short(Halves):
        def __call__(self, rng):
            yield X[:4], Y[:4]

    class Labels(Halves):
        def __call__(self, rng):
            yield X[:4], Y[:4] + 7

    with pytest.raises(ValueError, match=r"batch 1 of epoch 1: X: expected \(N, 6, 6, 1\), got \(4, 3, 6, 1\)"):
        trained(Wrong())
    with pytest.raises(ValueError, match=r"batch 1 of epoch 1: y: expected labels 0 to 1"):
        trained(Labels())
    with pytest.raises(ValueError, match=r"X: the stream has a length of 2 batches, but yielded 1"):
        trained(Short())


def test_an_augmentation_in_place_does_not_change_a_stream_s_arrays():
    class Kept:
        images = X.copy()

        def __len__(self):
            return 1

        def __call__(self, rng):
            yield self.images, Y

    def halve(images, rng):
        images *= 0.5
        return images

    trained(Kept(), augment=halve)
    np.testing.assert_array_equal(Kept.images, X)


def test_a_stream_must_yield_pairs():
    class Unlabeled:
        def __len__(self):
            return 1

        def __call__(self, rng):
            yield X

    with pytest.raises(TypeError, match=r"X: expected the stream to yield pairs \(images, targets\), got ndarray"):
        trained(Unlabeled())
