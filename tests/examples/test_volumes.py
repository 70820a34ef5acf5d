"""The example of digits turned in space, with small volumes and few steps."""

import json

import numpy as np
import pytest

from tests.examples.scripts import load_script, striped_digits

script = load_script("volumes")
RNG = np.random.default_rng(0)


def test_turns_are_rotations_of_every_angle_up_to_the_largest():
    matrices = script.turns(500, RNG)
    np.testing.assert_allclose(matrices @ matrices.transpose(0, 2, 1), np.broadcast_to(np.eye(3), matrices.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(matrices), 1)
    angles = np.arccos((np.trace(matrices, axis1=1, axis2=2) - 1) / 2)
    assert angles.max() == pytest.approx(script.LARGEST_ANGLE, rel=0.02)
    np.testing.assert_allclose(np.histogram(angles, 4, (0, script.LARGEST_ANGLE))[0], 125, atol=40)


def test_digits_are_solids_in_the_middle_that_keep_their_volume(monkeypatch):
    monkeypatch.setattr(script, "LARGEST_ANGLE", 0.0)
    monkeypatch.setattr(script, "LARGEST_SHIFT", 0.0)
    images = striped_digits(3).test_images
    plain = script.draw_volumes(images, RNG)
    places = np.flatnonzero(plain[0, ..., 0].max(axis=(1, 2)))
    assert (places[0] + places[-1], len(places)) == (script.SIDE - 1, script.DEPTH)
    np.testing.assert_allclose(plain[:, 30, 16:44, 16:44], images, atol=1e-5)
    monkeypatch.setattr(script, "LARGEST_ANGLE", 2.0)
    monkeypatch.setattr(script, "LARGEST_SHIFT", 5.0)
    turned = script.draw_volumes(images, RNG)
    np.testing.assert_allclose(turned.sum(axis=(1, 2, 3)), plain.sum(axis=(1, 2, 3)), rtol=0.02)
    assert not np.allclose(turned, plain, atol=0.5)


def test_networks_have_about_equally_many_parameters():
    counts = [script.nn.Classifier(make(), (60, 60, 60, 1), 10).n_params for make in script.NETWORKS.values()]
    assert max(counts) < 1.01 * min(counts)


def test_the_script_trains_writes_and_draws(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    digits = striped_digits(20)
    monkeypatch.setattr(script.stn.data, "load_mnist", lambda folder: digits)
    monkeypatch.setattr("sys.argv", ["volumes.py", "--data", "x", "--steps", "2", "--test", "10", "--out", str(tmp_path)])
    script.main()
    results = json.loads((tmp_path / "volumes.json").read_text())
    assert [row["network"] for row in results["rows"]] == list(script.NETWORKS)
    assert all(0 <= row["error"] <= 100 for row in results["rows"])
    assert (tmp_path / "figures" / "volumes.png").stat().st_size > 3000
