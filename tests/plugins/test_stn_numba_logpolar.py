"""The distribution in plugins/stn-numba-logpolar, used by name; skipped if it is not installed."""

import sys

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import Adam, Flatten, SpatialTransformer
from stn_numba.testing import check_vjp
from stn_numba.transform import registry
from tests.registration.scenes import Scene

pytestmark = pytest.mark.skipif("logpolar" not in stn.available_transforms(), reason="stn-numba-logpolar is not installed")


def test_the_plugin_is_found_with_its_distribution():
    (plugin,) = [p for p in registry.plugins() if p.name == "logpolar"]
    assert plugin.source.startswith("stn-numba-logpolar ")
    assert plugin.problem == ""


def test_a_ring_becomes_a_bar_by_name():
    """A ring of radius 1/2 becomes an upright bar."""
    x, y = stn.base_points((65, 65)).T
    ring = np.exp(-(((np.hypot(x, y) - 0.5) / 0.05) ** 2)).reshape(65, 65)
    out = stn.warp(ring, [0, 0, 0, 0], transform="logpolar", shape=(16, 32))
    assert out.shape == (16, 32)
    assert len(set(out.argmax(axis=1))) == 1


def test_gradients_agree_with_differences():
    transform = stn.get_transform("logpolar")
    points = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    check_vjp(lambda theta: transform.apply_vjp(theta, points), np.array([[0.1, -0.2, 0.3, -0.4]]))


def test_a_spatial_transformer_learns_with_it():
    """The layer learns to center a blob: the loss falls and theta moves."""
    rng = np.random.default_rng(0)
    x, y = stn.base_points((16, 16)).T
    image = np.exp(-((x - 0.2) ** 2 + (y + 0.1) ** 2) / 0.3).reshape(1, 16, 16, 1)
    layer = SpatialTransformer(Flatten(), "logpolar", (6, 6))
    layer.initialize((16, 16, 1), rng, np.float64)
    target = stn.warp(image, [0.2, -0.1, 0.0, 0.0], transform="logpolar", shape=(6, 6))
    params, optimizer = layer.params, Adam()
    state, losses = optimizer.init(params), []
    for _ in range(30):
        out, backprop = layer.forward(image, rng)
        losses.append(float(np.sum((out - target) ** 2)))
        _, gradients = backprop(2 * (out - target))
        optimizer.apply(params, gradients, state, dict.fromkeys(params, 0.0005))
    assert losses[-1] < 0.5 * losses[0]


def test_registration_finds_its_parameters():
    """`moving` as seen through a log-polar map, with another brightness; where it is bright, `fixed` is dark."""
    transform, theta = stn.get_transform("logpolar"), np.array([0.06, -0.04, -0.1, 0.15])
    scene = Scene()
    moving = scene(stn.base_points((96, 96))).reshape(96, 96)
    fixed = 3 - 2 * scene(transform.apply(theta[None], stn.base_points((80, 100)))[0]).reshape(80, 100)
    result = stn.register(moving, fixed, "logpolar")
    assert result.success
    assert result.correlation < -0.99
    np.testing.assert_allclose(result.theta[0], theta, atol=0.002)
    np.testing.assert_allclose(result.gain, -2, atol=0.1)


def test_registration_flags_what_it_cannot_find():
    rng = np.random.default_rng(0)
    assert stn.register(rng.random((64, 64)), rng.random((64, 64)), "logpolar", search=False).success is False


def test_a_broken_entry_point_warns_and_does_not_affect_others(tmp_path, monkeypatch):
    info = tmp_path / "stn_numba_logpolar-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stn-numba-logpolar\nVersion: 9.9\n")
    (info / "entry_points.txt").write_text("[stn_numba.transforms]\nlogpolar = gone_for_good:LogPolar\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.warns(RuntimeWarning, match=r"'logpolar' = gone_for_good:LogPolar of stn-numba-logpolar 9.9"):
        names = stn.available_transforms()
    assert "logpolar" not in names
    assert stn.warp(np.ones((3, 3)), [1, 0, 0, 0, 1, 0]).all()
