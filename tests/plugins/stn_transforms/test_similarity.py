"""Similarities, and rigid motions and rotations as their special cases."""

import numpy as np
import pytest

import stn_numba as stn
from stn_transforms.affine import Affine
from stn_transforms.rigid import Rigid
from stn_transforms.rotation import Rotation
from stn_transforms.similarity import Similarity

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("transform", "theta"), [(Rotation, [0.7]), (Rigid, [0.7, 0.1, -0.2]), (Similarity, [0.7, 1.3, 0.1, -0.2])]
)
def test_lengths_and_angles_in_pixels_are_kept(transform, theta):
    shape = (40, 80)
    points = RNG.uniform(0, 40, (6, 2))
    mapped = stn.to_pixels(transform().for_image(shape).apply([theta], stn.to_normalized(points, shape)), shape)[0]
    scale = theta[1] if transform is Similarity else 1
    distances, after = (np.linalg.norm(each[:, None] - each, axis=-1) for each in (points, mapped))
    np.testing.assert_allclose(after, scale * distances, atol=1e-10)
    center, shift = [39.5, 19.5], np.multiply(theta[-2:] if len(theta) > 1 else [0, 0], [39.5, 19.5])
    c, s = np.cos(0.7), np.sin(0.7)
    np.testing.assert_allclose(mapped, scale * (points - center) @ [[c, s], [-s, c]] + center + shift, atol=1e-10)


def test_the_family_is_nested():
    points = RNG.uniform(-1, 1, (7, 2))
    by_rigid = Rigid(2).apply([[0.3, 0.1, 0.2]], points)
    np.testing.assert_array_equal(Similarity(2).apply([[0.3, 1, 0.1, 0.2]], points), by_rigid)
    np.testing.assert_array_equal(np.add(Rotation(2).apply([[0.3]], points), [0.1, 0.2]), by_rigid)
    c, s = np.cos(0.3), np.sin(0.3)
    np.testing.assert_allclose(Affine().apply([[c, -s / 2, 0.1, 2 * s, c, 0.2]], points), by_rigid, atol=1e-15)


def test_fits_find_the_motion():
    points = RNG.uniform(-1, 1, (9, 2))
    for transform, theta in ((Rotation(2), [2.5]), (Rigid(0.5), [-1, 0.2, 0.3]), (Similarity(2), [1.2, 0.6, -0.2, 0.3])):
        fitted = transform.fit_points(points, transform.apply([theta], points)[0])
        np.testing.assert_allclose(fitted, [theta], atol=1e-9)
