"""The example of rotation angles, with few steps."""

import numpy as np
import pytest

from tests.examples.scripts import load_script, striped_digits

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
script = load_script("rotation_angle")


def test_positive_angles_turn_clockwise():
    bar = np.zeros((200, 28, 28, 1), np.float32)
    bar[:, 2:14, 13:15] = 1  # from the center upwards
    turned, shares = script.turn(bar, np.random.default_rng(0))
    x = np.arange(28) - 13.5
    centers = (turned[..., 0].sum(axis=1) @ x) / turned.sum(axis=(1, 2, 3))
    large = np.abs(shares[:, 0]) > 0.2
    assert np.array_equal(np.sign(centers[large]), np.sign(shares[large, 0]))


def test_angles_are_learned_and_digits_set_upright(tmp_path):
    digits = striped_digits(256)
    model, error = script.train_angles(digits, 8, 3, progress=False)
    assert error < 35  # degrees; 30 for a guess of 0
    script.draw_upright(model, digits.test_images[:4], tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 3000
