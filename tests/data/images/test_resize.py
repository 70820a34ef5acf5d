"""Resizing against slow means and against Pillow."""

import numpy as np
import pytest

from stn_numba.data.images.resize import Resize, resize

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("factor", "shape"), [((2, 3), (8, 12)), ((5, 4), (20, 16)), ((16, 1), (64, 4))])
def test_whole_factors_are_means_of_blocks(factor, shape):
    image = RNG.random((*shape, 3), np.float32)
    h, w = shape[0] // factor[0], shape[1] // factor[1]
    blocks = image.reshape(h, factor[0], w, factor[1], 3).mean(axis=(1, 3))
    np.testing.assert_allclose(resize(image, (h, w)), blocks, atol=1e-6)


def test_large_factors_go_in_steps_and_keep_the_mean():
    ramp = np.broadcast_to(np.linspace(0, 1, 1000, dtype=np.float32)[:, None, None], (1000, 900, 1))
    small = resize(np.ascontiguousarray(ramp), (10, 8))
    np.testing.assert_allclose(small[:, 3, 0], np.linspace(0.05, 0.95, 10), atol=5e-3)
    stripes = np.tile(np.array([0, 1], np.float32), (1000, 500))[..., None]
    np.testing.assert_allclose(resize(stripes, (10, 10)), 0.5, atol=0.02)


def test_enlarging_is_bilinear_as_in_pillow():
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    image = RNG.integers(0, 256, (6, 5), np.uint8)
    theirs = np.asarray(pillow.fromarray(image).resize((15, 18), pillow.Resampling.BILINEAR))
    np.testing.assert_allclose(resize(image[..., None], (18, 15))[..., 0], theirs, atol=1)


def test_a_constant_image_stays_constant_to_its_edge():
    for size in ((40, 40), (3, 5), (7, 200)):
        for aspect in ("stretch", "crop"):
            assert (resize(np.full((20, 31, 3), 77, np.uint8), size, aspect=aspect) == 77).all()


def test_crop_and_pad_keep_the_aspect_ratio():
    image = np.zeros((20, 40, 1), np.float32)
    image[:, 10:30] = 1  # the square in the middle
    np.testing.assert_allclose(resize(image, (10, 10), aspect="crop"), 1)
    padded = resize(image, (10, 10), aspect="pad", background=0.5)[..., 0]
    np.testing.assert_allclose(padded[[0, 1, -1]], 0.5)
    np.testing.assert_allclose(padded[5, [0, 4, -1]], [0, 1, 0], atol=1e-6)


def test_batches_and_bits():
    batch = RNG.integers(0, 256, (3, 30, 21, 3), np.uint8)
    small = resize(batch, (10, 12))
    np.testing.assert_array_equal(small, [resize(image, (10, 12), num_threads=1) for image in batch])
    assert resize(batch, (30, 21)) is batch
    assert resize(batch.astype(np.uint16) * 257, (10, 12)).dtype == np.uint16


def test_as_augmentation():
    images = RNG.random((2, 30, 21, 1), np.float32)
    np.testing.assert_array_equal(Resize((8, 8), aspect="crop")(images, None), resize(images, (8, 8), aspect="crop"))
    assert repr(Resize((8, 8))) == "Resize((8, 8), aspect='stretch', background=0)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": np.zeros((4, 4))}, r"image: expected \(H, W, C\) or"),
        ({"size": (0, 4)}, "size: expected at least 1"),
        ({"size": 40}, r"size: expected \(h, w\)"),
        ({"aspect": "strech"}, "did you mean 'stretch'"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    options = {"image": np.zeros((4, 4, 1)), "size": (2, 2)} | arguments
    with pytest.raises(ValueError, match=message):
        resize(options.pop("image"), options.pop("size"), **options)
