"""Outlines of the sampled region."""

from __future__ import annotations

import numpy as np
import pytest

from stn_numba.grid import base_points
from stn_numba.plot import draw_region, region_outline
from stn_numba.sampler import sample
from stn_numba.transform.registry import get_transform

Figure = pytest.importorskip("matplotlib.figure").Figure

THETA = {
    "affine": [0.5, -0.1, 0.2, 0.1, 0.4, -0.1],
    "projective": [0.5, -0.1, 0.2, 0.1, 0.4, -0.1, 0.2, 0.1],
    "tps": 0.6 * base_points((4, 4)).T.ravel() + np.random.default_rng(0).normal(0, 0.03, 32),
}


@pytest.mark.parametrize("name", THETA)
def test_the_outline_is_where_border_pixels_are_read(name):
    # An image whose values are its own pixel positions tells where the sampler reads.
    shape = (21, 31)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    transform = get_transform(name)
    grid, _ = transform.forward(np.array([THETA[name]]), (17, 17))
    read = sample(np.stack([x, y], axis=-1)[None], grid)[0]
    outline = region_outline(transform, THETA[name], shape, points_per_side=17)
    for side, pixels in zip(outline, (read[0], read[:, -1], read[-1, ::-1], read[::-1, 0]), strict=True):
        np.testing.assert_allclose(side, pixels, atol=1e-9)


@pytest.mark.parametrize(("align_corners", "first", "last"), [(True, 0, 27), (False, -0.5, 27.5)])
def test_the_identity_outline_runs_along_pixel_centers_or_edges(align_corners, first, last):
    affine = get_transform("affine")
    outline = region_outline(affine, affine.identity(), (28, 28), align_corners=align_corners)
    assert outline[:, 0].tolist() == [[first, first], [last, first], [last, last], [first, last]]


def test_a_spline_has_curved_sides_and_an_affine_map_straight_ones():
    def bend(name):
        top = region_outline(get_transform(name), THETA[name], (28, 28))[0]
        chord = (top[-1] - top[0]) / np.linalg.norm(top[-1] - top[0])
        return np.abs((top - top[0]) @ [-chord[1], chord[0]]).max()

    assert bend("affine") < 1e-9
    assert bend("tps") > 0.1


def test_the_dot_marks_the_top_left_corner_and_the_thick_side_the_top_edge():
    affine, axes = get_transform("affine"), Figure().subplots()
    mirrored = [-1, 0, 0, 0, 1, 0]
    draw_region(axes, affine, mirrored, (28, 28))
    around, top, dot = axes.lines
    assert dot.get_xydata().tolist() == [[27, 0]]
    assert top.get_xydata()[[0, -1]].tolist() == [[27, 0], [0, 0]]
    assert top.get_linewidth() > 2 * around.get_linewidth()


def test_drawing_a_region_does_not_change_the_view():
    axes = Figure().subplots()
    axes.imshow(np.zeros((28, 28)))
    draw_region(axes, get_transform("affine"), [9, 0, 0, 0, 9, 0], (28, 28))
    assert (axes.get_xlim(), axes.get_ylim()) == ((-0.5, 27.5), (27.5, -0.5))


def test_positions_beyond_the_horizon_are_nan():
    outline = region_outline(get_transform("projective"), [1, 0, 0, 0, 1, 0, 2, 0], (28, 28))
    assert np.isnan(outline[3]).all()  # the left side, x = -1, depth -1
    assert np.isfinite(outline[1]).all()


def test_a_transform_can_be_given_by_its_name():
    by_name, by_object = (region_outline(which, [1, 0, 0, 0, 1, 0], (4, 5)) for which in ("affine", get_transform("affine")))
    np.testing.assert_array_equal(by_name, by_object)
    with pytest.raises(TypeError, match="transform: expected a registered name or a Transform, got int"):
        region_outline(3, [0.0], (4, 5))
