"""Transforms one after another: values, gradients of all, and homographies stay homographies."""

import pickle

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.grid import DenseGrid, MatrixGrid
from stn_numba.nn import Chain, Dense, Flatten, SpatialTransformer
from stn_numba.nn.model.classifier import Classifier
from stn_numba.testing import check_transform, check_vjp
from stn_numba.transform import registry
from stn_numba.transform.compose import compose_list
from tests.transform.fitting.examples import KINDS, theta_of
from tests.transform.test_base import TrainedSwirl
from tests.transform.test_for_image import Turn
from tests.transform.test_inverse import FishEye

POINTS = np.random.default_rng(3).uniform(-0.8, 0.8, (11, 2))
CASES = {
    "matrices": stn.compose("affine", "projective", Turn()),
    "matrix, basis": stn.compose("affine", ("tps", {"control_points": (2, 3)})),
    "basis, basis": stn.compose("tps", KINDS["cubic"]),
    "dense in the middle": stn.compose("affine", TrainedSwirl(), "projective"),
    "no gradient": stn.compose("affine", FishEye()),
    "bounded": stn.compose(stn.bounded("affine", None, 3), TrainedSwirl()),
    "nested": stn.compose(stn.compose("affine", TrainedSwirl()), "affine"),
    "one": stn.compose("affine"),
}
EVERY = pytest.mark.parametrize("transform", CASES.values(), ids=CASES)


@pytest.mark.filterwarnings("ignore:FishEye has no apply_vjp")
@EVERY
def test_it_keeps_to_the_contract(transform):
    check_transform(transform, theta=theta_of(transform, np.random.default_rng(0), spread=0.05))


@EVERY
def test_a_point_goes_through_the_first_transform_first(transform):
    theta = theta_of(transform, np.random.default_rng(1), 2)
    for row in range(2):
        mapped = POINTS
        for part, own in zip(transform.transforms, transform.split(theta), strict=True):
            mapped = part.apply(own[row : row + 1], mapped)[0]
        np.testing.assert_allclose(transform.apply(theta, POINTS)[row], mapped, atol=1e-12)


@pytest.mark.filterwarnings("ignore:FishEye has no apply_vjp")
@EVERY
def test_gradients_of_all_parts(transform):
    theta = theta_of(transform, np.random.default_rng(2), 2, 0.05)
    check_vjp(lambda theta: transform.apply_vjp(theta, POINTS), theta)
    d = np.random.default_rng(0).standard_normal((2, 11, 2))
    by_jacobian = np.einsum("nmi,nmip->np", d, transform.theta_jacobian(theta, POINTS))
    np.testing.assert_allclose(transform.apply_vjp(theta, POINTS)[1](d), by_jacobian, atol=1e-7)


@EVERY
def test_jacobian_and_inverse(transform):
    theta = theta_of(transform, np.random.default_rng(4), 2, 0.03)
    v = np.random.default_rng(5).standard_normal((11, 2))
    expected = (transform.apply(theta, POINTS + 1e-6 * v) - transform.apply(theta, POINTS - 1e-6 * v)) / 2e-6
    np.testing.assert_allclose((transform.points_jacobian(theta, POINTS) @ v[..., None])[..., 0], expected, atol=1e-8)
    np.testing.assert_allclose(transform.apply_inverse(theta, transform.apply(theta, POINTS)), [POINTS] * 2, atol=1e-9)


def test_a_warp_is_like_a_warp_of_a_warp():
    """By whole pixels, so that interpolating twice changes nothing."""
    image = np.random.default_rng(0).random((9, 9))
    right, down = [1, 0, 0.25, 0, 1, 0], [0, -1, 0, 1, 0, 0]
    expected = stn.warp(stn.warp(image, down), right)
    np.testing.assert_allclose(stn.warp(image, right + down, stn.compose("affine", "affine")), expected, atol=1e-12)


def test_homographies_stay_a_matrix_grid():
    theta = theta_of(CASES["matrices"], np.random.default_rng(0), 2)
    assert isinstance(CASES["matrices"], stn.MatrixTransform)
    assert type(CASES["matrices"].forward(theta, (3, 4))[0]) is MatrixGrid
    first, second, third = (
        part.matrix(own) for part, own in zip(CASES["matrices"].transforms, CASES["matrices"].split(theta), strict=True)
    )
    np.testing.assert_allclose(CASES["matrices"].matrix(theta), third @ second @ first, atol=1e-14)
    mixed = CASES["matrix, basis"]
    assert not isinstance(mixed, stn.MatrixTransform)
    assert type(mixed.forward(mixed.identity()[None], (3, 4))[0]) is DenseGrid


def test_the_identity_of_homographies_is_exact():
    image = np.random.default_rng(0).random((7, 5))
    np.testing.assert_array_equal(stn.warp(image, CASES["matrices"].identity(), CASES["matrices"]), image)


def test_for_image_reaches_all_parts():
    bound = CASES["matrices"].for_image((5, 9))
    assert bound.transforms[2].aspect == 2.0
    assert CASES["one"].for_image((5, 9)) is CASES["one"]


def test_points_fit_a_composition_whose_parameters_they_determine():
    both = stn.compose(Turn(), FishEye())
    points = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    np.testing.assert_allclose(both.fit_points(points, both.apply([[0.3, 0.1]], points)), [[0.3, 0.1]], atol=1e-9)
    with pytest.raises(ValueError, match="undetermined"):
        stn.compose("affine", "affine").fit_points(points, points)


def test_wrong_arguments_are_refused():
    with pytest.raises(TypeError, match="compose: expected at least one transform"):
        stn.compose()
    with pytest.raises(TypeError, match="transform: expected a registered name or a Transform, got int"):
        stn.compose("affine", 3)
    with pytest.raises(ValueError, match="afine"):
        stn.compose("afine")
    with pytest.raises(TypeError, match="transforms: expected a list of transforms, got 'affine'"):
        compose_list("affine")
    with pytest.raises(ValueError, match=r"theta: expected \(N, 13\), got \(1, 6\)"):
        CASES["nested"].apply(np.zeros((1, 6)), POINTS)


def test_repr_and_pickle():
    copy = pickle.loads(pickle.dumps(CASES["nested"]))
    np.testing.assert_array_equal(copy.apply(copy.identity()[None], POINTS), [POINTS])
    assert repr(stn.compose("affine", "projective")) == "ComposedMatrix(transforms=(Affine(), Projective()))"


def test_a_model_is_saved_with_its_options(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "_registered", {})
    stn.register_transform("chained", compose_list)
    layer = SpatialTransformer(Flatten(), "chained", options={"transforms": ["affine", ("tps", {"control_points": [2, 2]})]})
    model = Classifier(Chain(layer, Flatten(), Dense(2)), (4, 4, 1), 2)
    stn.save(model, tmp_path / "m.safetensors")
    loaded = stn.load(tmp_path / "m.safetensors").transformers[0].transform
    np.testing.assert_array_equal(loaded.identity(), layer.transform.identity())
