"""`apply_inverse` and `inverse_boxes` for all transforms: exact for matrices, Newton's method for others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stn_numba as stn
from stn_numba.transform.points import apply_each
from tests.transform.test_base import Swirl, near_identity

POINTS = np.random.default_rng(3).uniform(-1, 1, (40, 2))


class FishEye(stn.Transform):
    """Radius r is read at r + k r^3: monotone for k > -1/6 within the image."""

    n_params = 1

    def identity(self):
        return np.zeros(1)

    def apply(self, theta, points):
        return points * (1 + theta[:, None] * np.sum(points**2, axis=-1, keepdims=True))


class Quintic(stn.LinearTransform):
    """Polynomials of degree 3."""

    def basis(self, points):
        x, y = points.T
        return np.stack([x**i * y**j for i in range(4) for j in range(4 - i)], axis=1)


class Polar(stn.Transform):
    """No map near the identity: x is a radius, y an angle."""

    n_params = 1

    def identity(self):
        return np.zeros(1)

    def apply(self, theta, points):
        radius, angle = np.exp(points[:, 0] - 1), np.pi * points[:, 1] + theta
        return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


KINDS = {name: stn.get_transform(name) for name in ("affine", "projective", "tps")}
KINDS |= {"fish-eye": FishEye(), "swirl": Swirl(), "cubic": Quintic()}


@pytest.mark.parametrize("transform", KINDS.values(), ids=KINDS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_inverse_undoes_apply(transform, seed):
    rng = np.random.default_rng(seed)
    theta = transform.identity() + rng.normal(0, 0.04, (3, transform.n_params))
    points = rng.uniform(-1, 1, (3, 20, 2))
    mapped = apply_each(transform, theta, points)
    np.testing.assert_allclose(transform.apply_inverse(theta, mapped), points, atol=1e-9)
    np.testing.assert_allclose(
        transform.apply(theta[:1], transform.apply_inverse(theta[:1], mapped[0])[0])[0], mapped[0], atol=1e-9
    )


def test_strong_distortions_converge():
    theta = np.array([[1.5], [-0.15], [0.0]])
    np.testing.assert_allclose(FishEye().apply_inverse(theta, FishEye().apply(theta, POINTS)), [POINTS] * 3, atol=1e-9)


def test_a_map_far_from_the_identity_is_searched_within_the_output():
    theta = np.array([[0.3], [2.0]])
    found = Polar().apply_inverse(theta, Polar().apply(theta, POINTS))
    np.testing.assert_allclose(found, [POINTS] * 2, atol=1e-9)


def test_points_that_nothing_reads_are_nan_and_others_are_found():
    class Folded(FishEye):
        def apply(self, theta, points):  # reads only the right half
            return np.stack([np.abs(points[:, 0]) + theta, points[:, 1] + 0 * theta], axis=-1)

    found = Folded().apply_inverse([[0.0]], [[-0.5, 0.0], [0.5, 0.25], [np.nan, 0.0], [np.inf, 0.0]])[0]
    assert np.isnan(found[[0, 2, 3]]).all()
    np.testing.assert_allclose(np.abs(found[1]), [0.5, 0.25], atol=1e-9)
    assert np.isnan(FishEye().apply_inverse([[np.nan]], POINTS)).all()


def test_dtypes_and_empty_sets():
    assert FishEye().apply_inverse(np.zeros((2, 1), np.float32), POINTS).dtype == np.float32
    assert FishEye().apply_inverse(np.zeros((0, 1)), POINTS).shape == (0, 40, 2)
    assert FishEye().apply_inverse(np.zeros((2, 1)), POINTS[:0]).shape == (2, 0, 2)
    with pytest.raises(ValueError, match=r"points: expected \(M, 2\) or \(2, M, 2\), got \(3,\)"):
        FishEye().apply_inverse(np.zeros((2, 1)), np.zeros(3))


@pytest.mark.parametrize("name", ["affine", "projective"])
def test_newton_agrees_with_the_formula(name):
    transform = KINDS[name]
    theta = near_identity(transform, 3)
    sets = np.random.default_rng(1).uniform(-0.5, 0.5, (3, 9, 2))
    by_newton = stn.Transform.apply_inverse(transform, theta, sets)
    np.testing.assert_allclose(transform.apply_inverse(theta, sets), by_newton, atol=1e-9)


@pytest.mark.parametrize("transform", KINDS.values(), ids=KINDS)
def test_a_box_contains_what_the_input_box_contains(transform):
    theta = near_identity(transform, 2) * 0.3 + transform.identity() * 0.7
    box = np.array([-0.4, -0.2, 0.5, 0.3])
    (x0, y0), (x1, y1) = transform.inverse_boxes(theta, box[None])[:, 0].reshape(2, 2, 2)[0]
    inside = np.random.default_rng(0).uniform(box[:2], box[2:], (500, 2))
    found = transform.apply_inverse(theta[:1], inside)[0]
    low, high = found.min(axis=0), found.max(axis=0)
    assert (low >= np.array([x0, y0]) - 1e-3).all()
    assert (high <= np.array([x1, y1]) + 1e-3).all()
    assert np.abs(np.concatenate([low - [x0, y0], high - [x1, y1]])).max() < 0.08


def test_boxes_for_each_row_and_their_errors():
    affine, boxes = KINDS["affine"], np.array([[[0, 0, 0.5, 0.5]], [[-0.5, -1, 0, 0]]])
    zooms = [[0.5, 0, 0, 0, 0.5, 0], [1, 0, 0.25, 0, 1, 0]]
    assert affine.inverse_boxes(zooms, boxes).tolist() == [[[0, 0, 1, 1]], [[-0.75, -1, -0.25, 0]]]
    assert np.isnan(affine.inverse_boxes([[0.0] * 6], boxes[0])).all()
    with pytest.raises(ValueError, match="boxes: expected .* x0 <= x1"):
        affine.inverse_boxes(zooms, [[1, 0, 0, 1]])
    with pytest.raises(ValueError, match=r"boxes: expected \(K, 4\), got \(4,\)"):
        affine.inverse_boxes(zooms, [1, 0, 0, 1])
    with pytest.raises(ValueError, match=r"boxes: expected \(K, 4\) or \(2, K, 4\), got \(3, 1, 4\)"):
        affine.inverse_boxes(zooms, np.zeros((3, 1, 4)))
