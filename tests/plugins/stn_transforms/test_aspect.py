"""The aspect of images, which rotations, rigid motions, similarities and lens distortions know."""

import numpy as np
import pytest

import stn_numba as stn
from stn_transforms.aspect import aspect_of
from stn_transforms.radial import Radial
from stn_transforms.rigid import Rigid
from stn_transforms.rotation import Rotation
from stn_transforms.similarity import Similarity

RNG = np.random.default_rng(0)


def test_the_aspect_is_the_units_of_x_over_those_of_y():
    assert aspect_of((40, 80), align_corners=False) == 2
    assert aspect_of((41, 81)) == 2
    for degenerate in ((1, 5), (5, 1), (1, 1), (0, 0)):
        assert aspect_of(degenerate) == 1
    assert aspect_of((1, 5), align_corners=False) == 5
    assert aspect_of((1, 10**7), align_corners=False) == 100_000
    assert stn.warp(np.ones((1, 5)), [0.3], Rotation()).shape == (1, 5)


@pytest.mark.parametrize("kind", [Rotation, Rigid, Similarity, Radial])
def test_for_image_fills_in_what_is_not_given(kind):
    transform = kind()
    assert transform.for_image((40, 80), False).aspect == 2
    assert transform.aspect is None
    given = kind(aspect=3)
    assert given.for_image((40, 80)) is given
    theta = transform.identity()[None] + 0.1
    points = RNG.uniform(-1, 1, (5, 2))
    np.testing.assert_array_equal(transform.apply(theta, points), kind(aspect=1).apply(theta, points))
    assert transform.apply(theta.astype(np.float32), points.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("aspect", [0, -1, np.nan, np.inf, "1", True])
def test_a_bad_aspect_is_refused(aspect):
    with pytest.raises(ValueError, match="aspect: expected the image's width over its height"):
        Rotation(aspect=aspect)
