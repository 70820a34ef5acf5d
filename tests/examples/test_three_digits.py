"""The example of three-digit numbers, with few steps."""

import numpy as np
import pytest

from tests.examples.scripts import load_script, striped_digits

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
script = load_script("three_digits")


def test_the_digits_stand_in_the_order_of_the_heads():
    blobs = np.zeros((10, 28, 28, 1), np.float32)
    blobs[np.arange(10), 12:16, 12:16] = np.linspace(0.1, 1, 10)[:, None, None, None]
    images, labels = script.draw_numbers(blobs, np.arange(10), 20, np.random.default_rng(0))
    assert images.shape == (20, *script.CANVAS, 1)
    for n, image in enumerate(images):
        profile = image[..., 0].max(axis=0)
        seen = [part.max() for part in np.split(profile, np.flatnonzero(profile == 0)) if part.size and part.max() > 0]
        expected = [np.linspace(0.1, 1, 10)[labels[head][n]] for head in script.HEADS]
        np.testing.assert_allclose(seen, expected, atol=0.02)


def test_the_heads_learn_and_their_regions_are_drawn(tmp_path):
    digits = striped_digits(64)
    model, error = script.train_numbers(digits, 2, 2, progress=False)
    assert 0 <= error <= 1
    images, _ = script.draw_numbers(digits.test_images, digits.test_labels, 4, np.random.default_rng(0))
    script.draw_where_heads_look(model, images, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5000
