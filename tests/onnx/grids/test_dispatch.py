"""Every transform: those by name, those of strangers, and what is made of others."""

import copy

import numpy as np
import pytest
from scipy import special

import stn_numba as stn
from stn_numba import Transform
from stn_numba.onnx import ExportError
from stn_numba.onnx.tracing import tracer
from tests.onnx import plugins
from tests.onnx.plugins import PLUGINS, FloatSwirl, Swirl, Tables, Turn, TwoNumbers, Zoom
from tests.onnx.running import Exported, check_transform_alone, images, transformer_alone

OPTIONS = {
    "bounded": {"transform": "affine", "low": [0.5, -1, -1, -1, 0.5, -1], "high": [1.5, 0.1, None, 1, 1.5, 0.2]},
    "bspline": {"control_points": (4, 5)},
    "compose": {"transforms": ["rotation", "radial"]},
    "flow": {"shape": (4, 5)},
    "tps": {"control_points": (3, 3)},
}
both_conventions = pytest.mark.parametrize("align_corners", [True, False])
pytestmark = pytest.mark.filterwarnings("ignore:.* has no apply_vjp")


@both_conventions
@pytest.mark.parametrize("name", stn.available_transforms())
def test_every_transform_by_name(name, align_corners, tmp_path):
    options = {"options": OPTIONS.get(name, {}), "align_corners": align_corners}
    check_transform_alone(name, tmp_path / "m.onnx", **options)


@pytest.mark.parametrize("kind", PLUGINS)
def test_transforms_of_strangers(kind, tmp_path):
    check_transform_alone(kind(), tmp_path / "m.onnx")


@pytest.mark.parametrize("kind", [kind for kind in PLUGINS if kind is not Tables])
def test_at_positions_that_follow_from_theta(kind, tmp_path):
    check_transform_alone(stn.compose("affine", kind()), tmp_path / "m.onnx", align_corners=False)


@pytest.mark.parametrize("kind", PLUGINS)
def test_within_bounds(kind, tmp_path):
    check_transform_alone(stn.bounded(kind(), -2, 2), tmp_path / "m.onnx")


@pytest.mark.parametrize(
    "parts",
    [
        ["affine", "tps"],
        ["tps", "affine"],
        ["projective", ("tps", {"control_points": (2, 3)}), "affine"],
        ["projective", "projective"],
        ["attention", "projective"],
        ["affine", ("bspline", {"control_points": (4, 5)})],
        [("flow", {"shape": (5, 6)}), ("flow", {"shape": (1, 4)})],
        ["radial", ("polynomial", {"degree": 3}), "translation"],
        [("bounded", {"transform": "tps", "low": -2, "high": 2}), ("bounded", {"transform": "affine", "high": 1.5})],
        ["rotation"],
    ],
    ids=str,
)
@both_conventions
def test_transforms_one_after_another(parts, align_corners, tmp_path):
    spread = {"spread": 0.03} if "projective" in parts else {}
    check_transform_alone(stn.compose(*parts), tmp_path / "m.onnx", align_corners=align_corners, **spread)


def test_affine_maps_are_affine_grids(tmp_path):
    exported = check_transform_alone("affine", tmp_path / "m.onnx")
    assert exported.operators.count("AffineGrid") == 1
    assert "MatMul" not in exported.operators


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 1)])
@both_conventions
def test_outputs_of_one_row_or_column(shape, align_corners, tmp_path):
    for transform in ("affine", "tps", "radial", "flow"):
        check_transform_alone(transform, tmp_path / "m.onnx", shape=shape, align_corners=align_corners)


def test_a_horizon_in_the_image_reads_as_outside(tmp_path):
    for padding in ("zeros", "border", "wrap"):
        initial = [1, 0, 0, 0, 1, 0, 1.3, 0.2]
        exported = Exported(transformer_alone("projective", initial=initial, padding=padding, spread=0.01), tmp_path / "m.onnx")
        exported.check(X := images(exported.model, 7), tolerance=0.02)  # positions change fast near the horizon
        hidden = exported.run(X)["outputs"] == 0
        np.testing.assert_array_equal(hidden, exported.model.outputs(X) == 0)
        assert hidden.any()
        assert not hidden.all()


class OneByOne(TwoNumbers):
    """What cannot be recorded, and is not linear."""

    def apply(self, theta, points):
        theta, points = np.asarray(theta), np.asarray(points)
        return points + special.expit(theta)[:, None]


class OfNeighbors(TwoNumbers):
    """A position depends on the others, against the contract."""

    def apply(self, theta, points):
        theta, points = np.asarray(theta), np.asarray(points)
        return points + np.sin(theta[:, None]) * points.max(axis=0)


class Undecided(Transform):
    """So many cases that they cannot all be recorded."""

    n_params = 12

    def identity(self):
        return np.zeros(12)

    def apply(self, theta, points):
        shift = sum(number * number if number > 0 else 0 for number in np.asarray(theta)[0].tolist())
        return np.asarray(points) + np.full((len(np.asarray(theta)), 1, 1), shift)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(OneByOne, r"test_dispatch\.py, line \d+: return points \+ special"), (OfNeighbors, "depends on others")],
)
def test_what_cannot_be_recorded_is_named(kind, reason, tmp_path):
    with pytest.raises(ExportError, match=rf"layer 'spatialtransformer1'.*transform {kind.__name__}.*{reason}"):
        Exported(transformer_alone(kind()), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_too_many_cases_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tracer, "_MOST_RUNS", 16)
    model = transformer_alone(Undecided())
    with pytest.raises(ExportError, match="more than 16 different cases"):
        stn.export_onnx(model, tmp_path / "m.onnx")


def test_a_transform_is_not_changed_by_its_recording(tmp_path):
    for transform in (Swirl(), FloatSwirl(), Zoom(), Turn()):
        copy.copy(transform)  # Python notes in the class how to copy its instances
        kind, methods = type(transform), dict(vars(type(transform)))
        check_transform_alone(transform, tmp_path / "m.onnx")
        assert type(transform) is kind
        assert vars(transform) == {}
        assert dict(vars(kind)) == methods
        assert plugins.np is np
