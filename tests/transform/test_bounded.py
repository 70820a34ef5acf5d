"""Bounded parameters: monotone, smooth, and the identity is kept exactly."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stn_numba as stn
from stn_numba.grid import BasisGrid, MatrixGrid
from stn_numba.nn import Chain, Dense, Flatten, SpatialTransformer
from stn_numba.nn.model.classifier import Classifier
from stn_numba.testing import check_transform, check_vjp
from stn_numba.transform import registry
from stn_numba.transform.bounded import Bounded
from tests.transform.fitting.examples import KINDS
from tests.transform.test_for_image import Turn
from tests.transform.test_inverse import FishEye

CASES = {
    "matrix": stn.bounded("affine", [0.5, -0.3, -0.4, -0.3, 0.5, -0.4], [1.5, 0.3, 0.4, 0.3, 1.5, 0.4]),
    "one side": stn.bounded("projective", low=[0.5, *[None] * 7]),
    "basis": stn.bounded(("tps", {"control_points": (3, 3)}), -1.5, 1.5),
    "dense": stn.bounded(FishEye(), -0.15, None),
    "aspect": stn.bounded(Turn(), -0.5, 0.7),
    "twice": stn.bounded(stn.bounded(Turn(), -0.5, 0.7), None, 0.2),
}
EVERY = pytest.mark.parametrize("transform", CASES.values(), ids=CASES)


@pytest.mark.filterwarnings("ignore:FishEye has no apply_vjp")
@EVERY
def test_it_keeps_to_the_contract(transform):
    check_transform(transform)
    if transform is not CASES["one side"]:  # a homography far from the identity has a horizon within the image
        check_transform(transform, theta=transform.identity() + np.array([[0.4], [-3.0]]))


@EVERY
def test_the_identity_is_kept_bit_for_bit_with_slope_1(transform):
    identity = transform.identity()
    for dtype in (np.float32, np.float64):
        theta = identity[None].astype(dtype)
        np.testing.assert_array_equal(transform.inner_theta(theta), theta)
    near = identity + 1e-5 * np.random.default_rng(0).standard_normal(identity.size)
    np.testing.assert_allclose(transform.inner_theta(near[None])[0], near, atol=1e-13)


@given(st.floats(-1e30, 1e30), st.floats(-1e30, 1e30))
def test_parameters_are_monotone_and_within_the_bounds(first, second):
    turn = stn.bounded(Turn(), -0.5, 0.7)
    low, high = turn.inner_theta([[min(first, second)], [max(first, second)]])[:, 0]
    assert -0.5 <= low <= high <= 0.7
    small, large = turn.inner_theta(np.array([[min(first, second)], [max(first, second)]], np.float32))[:, 0]
    assert np.float32(-0.5) <= small <= large <= np.float32(0.7)


@pytest.mark.parametrize("theta", [-30.0, -3.0, -0.1, 0.0, 1e-9, 0.5, 30.0])
def test_the_slope_is_the_derivative(theta):
    turn = stn.bounded(Turn(), -0.5, 0.7)
    check_vjp(lambda t: (turn._squash(t)[0], lambda d: d * turn._squash(t)[1]), np.array([[theta]]), step=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_slope_is_never_zero(dtype):
    _, slope = stn.bounded(Turn(), -0.5, 0.7)._squash(np.array([[-1e6], [-1e3], [0], [1e3], [1e9]], dtype))
    assert (slope > 0).all()
    assert slope.dtype == dtype


def test_parameters_without_bounds_are_unchanged():
    theta = np.array([[0.9, 3.0, -2e5, 1, 7, 0.1, np.nan, np.inf]])
    inner = CASES["one side"].inner_theta(theta)
    np.testing.assert_array_equal(inner[:, 1:], theta[:, 1:])
    assert 0.5 < inner[0, 0] < 1
    everything = stn.bounded("affine")
    np.testing.assert_array_equal(everything.inner_theta(theta[:, :6]), theta[:, :6])


def test_grids_are_of_the_same_kind():
    theta = {name: transform.identity()[None] + 0.1 for name, transform in CASES.items()}
    kinds = {name: type(transform.forward(theta[name], (4, 5))[0]) for name, transform in CASES.items()}
    assert (kinds["matrix"], kinds["basis"], kinds["aspect"]) == (MatrixGrid, BasisGrid, MatrixGrid)
    assert isinstance(CASES["matrix"], stn.MatrixTransform)
    assert not isinstance(CASES["basis"], stn.MatrixTransform)


@EVERY
def test_warps_are_those_of_the_inner_transform_also_planned(transform):
    image = np.random.default_rng(0).random((6, 11))
    for shift in (0.3, -0.8, 0.3):
        theta = transform.identity() + shift
        expected = stn.warp(image, transform.inner_theta(theta[None])[0], transform.transform)
        np.testing.assert_array_equal(stn.warp(image, theta, transform), expected)


def test_for_image_reaches_the_inner_transform():
    bound = CASES["twice"].for_image((5, 9))
    assert bound.transform.transform.aspect == 2.0
    assert CASES["matrix"].for_image((5, 9)) is CASES["matrix"]


@EVERY
def test_fits_recover_theta_within_the_bounds(transform):
    theta = transform.identity() + np.random.default_rng(1).normal(0, 0.05, (2, transform.n_params))
    points = np.random.default_rng(2).uniform(-1, 1, (30, 2))
    np.testing.assert_allclose(transform.fit_points(points, transform.apply(theta, points)), theta, atol=1e-8)


def test_fits_beyond_the_bounds_stop_near_them():
    points = np.random.default_rng(2).uniform(-1, 1, (30, 2))
    turn, target = stn.bounded(Turn(), -0.5, 0.7), Turn().apply([[1.0]], points)[0]
    for robust in (False, True):
        theta = turn.fit_points(points, target, robust=robust)
        np.testing.assert_allclose(turn.inner_theta(theta), 0.7, atol=1e-4)
        assert abs(theta[0, 0]) < 100
    shifted = CASES["matrix"].fit_points(points, points + np.array([0.6, 0.1]))
    np.testing.assert_allclose(CASES["matrix"].inner_theta(shifted)[0, 2], 0.4, atol=1e-4)


def test_inverses_and_matrices_are_those_of_the_inner_transform():
    transform, theta = CASES["matrix"], CASES["matrix"].identity()[None] + 0.2
    points = np.random.default_rng(3).uniform(-1, 1, (9, 2))
    np.testing.assert_allclose(transform.apply_inverse(theta, transform.apply(theta, points)[0])[0], points, atol=1e-12)
    inner = transform.inner_theta(theta)
    np.testing.assert_array_equal(transform.matrix(theta), KINDS["affine"].matrix(inner))
    pixels = transform.pixel_matrix(theta, (5, 6), (7, 8))
    np.testing.assert_allclose(transform.from_pixel_matrix(pixels, (5, 6), (7, 8)), theta, atol=1e-9)


BAD = {
    "identity below": ((0.0, 0.5), "low: expected less than 0, the identity, for parameter 0, got 0.0"),
    "identity above": ((-1.0, -0.5), "high: expected more than 0, the identity, for parameter 0, got -0.5"),
    "count": (([-1.0, -1.0], 0.5), "low: expected one number or 1, one for each parameter, got 2"),
    "nan": ((np.nan, 0.5), "low: expected less than 0"),
}


@pytest.mark.parametrize(("bounds", "message"), BAD.values(), ids=BAD)
def test_bad_bounds_are_refused(bounds, message):
    with pytest.raises(ValueError, match=message):
        stn.bounded(Turn(), *bounds)


def test_wrong_types_are_refused():
    with pytest.raises(TypeError, match="high: expected numbers or None, got 'wide' for parameter 0"):
        stn.bounded(Turn(), None, "wide")
    with pytest.raises(TypeError, match=r"transform: expected a pair \(name, options\), got \('tps',\)"):
        stn.bounded(("tps",))
    with pytest.raises(TypeError, match="transform: expected a registered name or a Transform"):
        stn.bounded(3)


def test_repr_and_pickle():
    copy = pickle.loads(pickle.dumps(CASES["aspect"]))
    np.testing.assert_array_equal(copy.matrix([[0.3]]), CASES["aspect"].matrix([[0.3]]))
    assert repr(CASES["aspect"]) == "BoundedMatrix(transform=Turn(aspect=None), low=[-0.5], high=[0.7])"
    assert isinstance(CASES["dense"], Bounded)


def test_a_model_is_saved_with_its_options(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "_registered", {})
    stn.register_transform("limited", stn.bounded)
    options = {"transform": ("tps", {"control_points": [2, 2]}), "low": [None] * 8, "high": 1.25}
    layer = SpatialTransformer(Flatten(), "limited", options=options)
    model = Classifier(Chain(layer, Flatten(), Dense(2)), (4, 4, 1), 2)
    stn.save(model, tmp_path / "m.safetensors")
    loaded = stn.load(tmp_path / "m.safetensors").transformers[0].transform
    np.testing.assert_array_equal(loaded.high, np.full(8, 1.25))
    np.testing.assert_array_equal(loaded.identity(), layer.transform.identity())
