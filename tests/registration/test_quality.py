import numpy as np

import stn_numba as stn
from stn_numba.registration.models import model_of
from stn_numba.registration.models.lighting import ROBUST
from stn_numba.registration.pyramid.levels import make_levels
from stn_numba.registration.pyramid.planes import as_planes
from stn_numba.registration.quality import detail_correlation
from tests.registration.scenes import pair

AFFINE = stn.get_transform("affine")
THETA = np.array([0.97, 0.06, 0.05, -0.04, 1.03, -0.08])
SHAPE = (160, 170)


def detail(moving, fixed, theta, gain=1.0, robust=0):
    levels = make_levels(as_planes(moving, None, "moving"), as_planes(fixed, None, "fixed"), True)
    lighting = {"gain": np.array([[gain]]), "bias": np.zeros((1, 1)), "robust": robust}
    return detail_correlation(model_of(AFFINE), levels, np.array([theta]), np.array([0]), **lighting)[0]


def test_details_agree_where_the_map_is_right_only():
    moving, fixed = pair(AFFINE, THETA, shape=SHAPE)
    assert detail(moving, fixed, THETA) > 0.99
    assert detail(moving, fixed, THETA + np.array([0, 0, 0.25, 0, 0, 0])) < 0.5


def test_a_common_brightness_in_the_middle_is_no_detail():
    first, second = (pair(AFFINE, THETA, shape=SHAPE, seed=seed)[0] for seed in (3, 4))
    y, x = np.mgrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j]
    bump = 30 * np.exp(-(x**2 + y**2))
    assert np.corrcoef((first + bump).ravel(), (second + bump).ravel())[0, 1] > 0.8
    assert abs(detail(first + bump, second + bump, AFFINE.identity())) < 0.3


def test_one_strong_edge_is_not_enough():
    first, second = (pair(AFFINE, THETA, shape=SHAPE, seed=seed)[0] for seed in (3, 4))
    step = np.where(np.arange(SHAPE[1]) < 80, 0, 12 * np.std(first))
    assert detail(first + step, second + step, AFFINE.identity()) < 0.7


def test_noise_on_the_finest_level_does_not_hide_details():
    moving, fixed = pair(AFFINE, THETA, shape=SHAPE)
    noise = np.random.default_rng(0).normal(0, 0.6 * np.std(fixed), SHAPE)
    assert detail(moving, fixed + noise, THETA) > 0.8


def test_masked_pixels_of_the_moving_image_do_not_count():
    moving, fixed = pair(AFFINE, THETA, shape=SHAPE)
    mask = np.ones(SHAPE, bool)
    mask[30:120, 40:140] = False
    hidden = np.where(mask, moving, np.nan)
    assert detail(hidden, fixed, THETA) > 0.99


def test_the_sign_is_that_of_the_gain():
    moving, fixed = pair(AFFINE, THETA, shape=SHAPE)
    assert detail(moving, -fixed, THETA, gain=-1.0) > 0.99


def test_flat_images_have_no_detail():
    moving, fixed = pair(AFFINE, THETA, shape=SHAPE)
    assert detail(moving, 0 * fixed, THETA) == 0


def test_what_covers_the_image_does_not_count_if_weights_are_robust():
    moving, fixed = pair(AFFINE, THETA, shape=SHAPE)
    fixed[40:120, 50:130] = pair(AFFINE, THETA, shape=SHAPE, seed=7)[0][40:120, 50:130]
    assert detail(moving, fixed, THETA) < 0.85
    assert detail(moving, fixed, THETA, robust=ROBUST["tukey"]) > 0.95
