"""The example of co-localization, with one class, few images and few steps."""

import numpy as np
import pytest

from stn_numba import nn
from stn_numba.testing import check_vjp
from tests.examples.scripts import load_script, striped_digits

script = load_script("colocalization")
RNG = np.random.default_rng(0)


def small_encoder(dtype=np.float32):
    pieces = [nn.Chain(nn.Conv2d(2, 5), nn.ReLU(), nn.MaxPool(4)), nn.Chain(nn.Flatten(), nn.Dense(5)), nn.Chain(nn.Dense(3))]
    shape = (28, 28, 1)
    for piece in pieces:
        shape = piece.initialize(shape, np.random.default_rng(1), dtype)
    return script.Activations(pieces, RNG.random((20, 28, 28, 1)).astype(dtype))


def test_codes_are_the_scaled_activations_of_all_layers():
    encoder, x = small_encoder(), RNG.random((4, 28, 28, 1), np.float32)
    codes, _ = encoder.forward(x)
    first = encoder.pieces[0].forward(x)[0]
    second = encoder.pieces[1].forward(first)[0]
    expected = [first.reshape(4, -1), second, encoder.pieces[2].forward(second)[0]]
    expected = [scale * y for scale, y in zip(encoder.scales, expected, strict=True)]
    np.testing.assert_allclose(codes, np.concatenate(expected, axis=1), rtol=1e-5)


def test_the_gradient_of_the_codes_is_that_of_all_layers():
    encoder = small_encoder(np.float64)

    def codes_vjp(x):
        codes, backprop = encoder.forward(x)
        return codes, lambda dy: backprop(dy)[0]

    check_vjp(codes_vjp, RNG.random((3, 28, 28, 1)))


def slow_loss(codes, random_codes, margin):
    count = len(codes)
    values = [
        max(0.0, np.sum((codes[n] - codes[m]) ** 2) - np.sum((codes[n] - random_codes[n]) ** 2) + margin)
        for n in range(count)
        for m in range(count)
        if m != n
    ]
    return np.mean(values)


def test_the_loss_is_the_mean_over_all_triplets_and_its_gradient_fits():
    codes, others = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 4))
    loss, gradient = script.triplet_loss(codes, others, 2.0)
    assert 0 < loss == pytest.approx(slow_loss(codes, others, 2.0))
    direction, step = RNG.normal(size=codes.shape), 1e-6
    change = slow_loss(codes + step * direction, others, 2.0) - slow_loss(codes - step * direction, others, 2.0)
    assert np.sum(gradient * direction) == pytest.approx(change / (2 * step), rel=1e-6)


def test_boxes_are_compared_in_pixels():
    places = np.array([[0, 56], [10, 20]])
    exact = np.concatenate([np.full((2, 1), 27 / 83), (places + 13.5) * 2 / 83 - 1], axis=1)
    np.testing.assert_allclose(script.overlaps(exact, places), 1)
    np.testing.assert_allclose(script.overlaps(exact, places + np.array([14, 0])), 1 / 3)
    np.testing.assert_allclose(script.overlaps(exact, places + 28), 0, atol=1e-12)


def test_windows_that_look_alike_are_found_and_learned(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    monkeypatch.setattr(script, "STRIDE", 7)
    digits = striped_digits(200)
    encoder, _ = script.train_encoder(digits, 2, progress=False)
    scenes, places = script.draw_scenes(digits, 3, 20, 4, np.random.default_rng(0))
    found = script.search_windows(scenes, encoder, np.random.default_rng(0))
    assert np.mean(script.overlaps(found, places) > 0.3) > 0.8
    run, losses = script.colocalize(scenes, encoder, steps=15)
    assert len(run.windows) == 15 * 6 + 1
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    np.testing.assert_array_equal(run.windows[0], [[1, 0, 0]])
    assert np.mean(script.overlaps(run.model.theta(scenes), places) > 0.3) > 0.8
    script.draw_run([(run, scenes[0], places[0])], tmp_path / "figure.png", 4)
    assert (tmp_path / "figure.png").stat().st_size > 2000
