"""Thin-plate splines."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RBFInterpolator

import stn_numba as stn
from stn_numba.grid import to_normalized, to_pixels
from stn_numba.testing import check_transform

RNG = np.random.default_rng(0)
SCATTERED = RNG.uniform(-1, 1, (9, 2))
CONTROL = [(4, 4), (2, 3), SCATTERED, SCATTERED * 1000 + 5000]
pytestmark = pytest.mark.filterwarnings("ignore:control_points. .* is far outside the image:RuntimeWarning")


def spline_and_points(control_points):
    spline = stn.get_transform("tps", control_points=control_points)
    low, high = spline.control_points.min(axis=0), spline.control_points.max(axis=0)
    return spline, low + RNG.uniform(-0.2, 1.2, (25, 2)) * (high - low)


def test_regular_control_points_run_row_by_row():
    spline = stn.get_transform("tps", control_points=(2, 3))
    assert spline.control_points.tolist() == [[-1, -1], [0, -1], [1, -1], [-1, 1], [0, 1], [1, 1]]
    assert spline.identity().tolist() == [-1, 0, 1, -1, 0, 1, -1, -1, -1, 1, 1, 1]  # all x, then all y


@pytest.mark.parametrize("control_points", CONTROL)
def test_control_points_are_mapped_to_theta(control_points):
    spline, _ = spline_and_points(control_points)
    theta = RNG.standard_normal((2, spline.n_params))
    mapped = spline.apply(theta, spline.control_points)
    np.testing.assert_allclose(np.swapaxes(mapped, 1, 2).reshape(theta.shape), theta, atol=1e-10)


@pytest.mark.parametrize("control_points", CONTROL)
def test_affine_maps_are_reproduced_everywhere(control_points):
    spline, points = spline_and_points(control_points)
    matrix, shift = RNG.standard_normal((2, 2)), RNG.standard_normal(2)
    theta = (spline.control_points @ matrix.T + shift).T.ravel()
    expected = points @ matrix.T + shift
    np.testing.assert_allclose(spline.apply(theta[None], points)[0], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("control_points", CONTROL)
def test_the_spline_agrees_with_scipy(control_points):
    spline, points = spline_and_points(control_points)
    places = RNG.standard_normal((len(spline.control_points), 2))
    expected = RBFInterpolator(spline.control_points, places, kernel="thin_plate_spline", degree=1)(points)
    np.testing.assert_allclose(spline.apply(places.T.ravel()[None], points)[0], expected, rtol=1e-7, atol=1e-8)


def test_three_points_make_an_affine_map():
    spline, points = spline_and_points([[0, 0], [1, 0], [0, 1]])
    mapped = spline.apply([[0, 2, 0, 0, 0, 3]], points)[0]
    np.testing.assert_allclose(mapped, points * [2, 3], atol=1e-12)


@pytest.mark.parametrize(
    ("control_points", "message"),
    [
        ([[0, 0], [1, 1]], "expected at least 3 points, got 2"),
        ([[0, 0], [1, 1], [2, 2], [5, 5]], "all points lie on one line"),
        ([[0, 0], [0, 1], [0, 5]], "all points lie on one line"),
        ([[0, 0], [1, 0], [0, 1], [1, 0]], "points 1 and 3 coincide"),
        ([[1, 1], [1, 1], [1, 1]], "points 0 and . coincide"),
        ([[0, 0], [1, 0], [0, np.nan]], "expected finite positions"),
        (np.zeros((4, 4)), r"expected \(K, 2\), got \(4, 4\)"),
        ((1, 4), r"expected at least 2 rows and 2 columns, got \(1, 4\)"),
    ],
)
def test_points_that_determine_no_spline_are_refused(control_points, message):
    with pytest.raises(ValueError, match=f"control_points: {message}"):
        stn.get_transform("tps", control_points=control_points)


def test_identity_returns_a_copy():
    points = np.stack([np.linspace(-1, 1, 9), np.linspace(-1, 1, 9) ** 2]).T  # in Fortran's order
    spline = stn.get_transform("tps", control_points=points)
    assert not np.shares_memory(spline.identity(), spline.control_points)


def test_masked_control_points_are_refused():
    points = np.ma.masked_array(np.random.default_rng(0).random((5, 2)), [[False, False]] * 4 + [[True, True]])
    with pytest.raises((TypeError, ValueError), match="control_points: .*masked"):
        stn.get_transform("tps", control_points=points)


ThinPlateSpline = type(stn.get_transform("tps"))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    shape=st.tuples(st.integers(2, 3000), st.integers(2, 3000)),
    out_shape=st.tuples(st.integers(2, 3000), st.integers(2, 3000)),
    align_corners=st.booleans(),
    count=st.integers(4, 25),
    seed=st.integers(0, 10**6),
)
def test_splines_from_pixels_agree_with_scipy_in_pixels(shape, out_shape, align_corners, count, seed):
    rng = np.random.default_rng(seed)
    size, in_size = np.subtract(out_shape[::-1], 1), np.subtract(shape[::-1], 1)
    control = rng.uniform(0, 1, (count, 2)) * size
    targets = control / size * in_size + rng.normal(0, 5, control.shape)
    places = rng.uniform(-0.1, 1.1, (20, 2)) * size
    spline = ThinPlateSpline.from_pixels(control, out_shape, align_corners)
    theta = to_normalized(targets, shape, align_corners).T.reshape(1, -1)
    mapped = spline.apply(theta, to_normalized(places, out_shape, align_corners))[0]
    expected = RBFInterpolator(control, targets, kernel="thin_plate_spline", degree=1)(places)
    np.testing.assert_allclose(to_pixels(mapped, shape, align_corners), expected, atol=1e-6)


def test_aspect_is_width_over_height():
    control = np.stack(np.meshgrid(np.linspace(0, 999, 3), np.linspace(0, 199, 3)), -1).reshape(9, 2)
    targets = control + np.eye(9)[4][:, None] * [0, 30]
    expected = RBFInterpolator(control, targets, kernel="thin_plate_spline")([[500, 60]])
    theta = to_normalized(targets, (200, 1000)).T.reshape(1, -1)
    for aspect, tolerance in ((5.0, 0.05), (999 / 199, 1e-9)):
        spline = stn.get_transform("tps", control_points=(3, 3), aspect=aspect)
        got = to_pixels(spline.apply(theta, to_normalized([[500, 60]], (200, 1000)))[0], (200, 1000))
        np.testing.assert_allclose(got, expected, atol=tolerance)
    square = stn.get_transform("tps", control_points=(3, 3)).apply(theta, to_normalized([[500, 60]], (200, 1000)))[0]
    assert np.abs(to_pixels(square, (200, 1000)) - expected).max() > 0.5  # normalized distances bend otherwise


def test_swapping_x_and_y_swaps_the_spline():
    """x and y change places with W and H, so neither axis is favored."""
    points, theta = RNG.uniform(-1, 1, (7, 2)), RNG.normal(0, 1, (7, 2))
    wide = ThinPlateSpline(points, 4.0).apply(theta.T.reshape(1, -1), SCATTERED)
    high = ThinPlateSpline(points[:, ::-1], 0.25).apply(theta[:, ::-1].T.reshape(1, -1), SCATTERED[:, ::-1])
    np.testing.assert_allclose(high[..., ::-1], wide, atol=1e-10)


@pytest.mark.parametrize("aspect", [1, 0.2, 5.0, 1e5, 1e-5])
def test_splines_of_any_aspect_pass_check_transform(aspect):
    spline = ThinPlateSpline((3, 3), aspect)
    np.testing.assert_allclose(spline.apply(spline.identity()[None], SCATTERED)[0], SCATTERED, atol=1e-4)
    if 0.1 < aspect < 10:
        check_transform(spline)


def test_an_aspect_of_1_is_the_default_bit_for_bit():
    for control in CONTROL:
        default, one = ThinPlateSpline(control), ThinPlateSpline(control, aspect=1)
        np.testing.assert_array_equal(default.basis(SCATTERED), one.basis(SCATTERED))


@pytest.mark.parametrize("aspect", [0, -1, np.nan, np.inf, "1", True, None, 10**400, [2.0], 1 + 0j])
def test_a_bad_aspect_is_refused(aspect):
    with pytest.raises(ValueError, match="aspect: expected the image's width over its height"):
        stn.get_transform("tps", aspect=aspect)


def test_regular_points_in_pixels_cover_the_image():
    spline = ThinPlateSpline.from_pixels((2, 3), (101, 201))
    assert spline.control_points.tolist() == ThinPlateSpline((2, 3)).control_points.tolist()
    assert spline.aspect == 2
    assert ThinPlateSpline.from_pixels((2, 3), (100, 200), align_corners=False).aspect == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0, 0], [9, 0]], (10, 10)), "control_points: expected at least 3 points"),
        (([[0, 0, 0]] * 4, (10, 10)), r"control_points: expected \(K, 2\), got \(4, 3\)"),
        ((SCATTERED, (1, 10)), "shape: expected at least 2 x 2 pixels with align_corners=True, got"),
        ((SCATTERED, (0, 10), False), "shape: expected at least 1 x 1 pixels with align_corners=False, got"),
        ((SCATTERED, 10), "shape: expected two whole numbers"),
        ((SCATTERED, (10, 10), "yes"), "align_corners: expected True or False"),
    ],
)
def test_pixels_that_make_no_spline_are_refused(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        ThinPlateSpline.from_pixels(*arguments)


def test_control_points_in_pixels_warn_once():
    pixels = np.array([[0, 0], [27, 0], [0, 27], [27.0, 27]])
    message = r"control_points: 27 is far outside .* ThinPlateSpline\.from_pixels\(points, \(H, W\)\)"
    for make in (ThinPlateSpline, lambda points: stn.get_transform("tps", control_points=points)):
        with pytest.warns(RuntimeWarning, match=message) as caught:
            spline = make(pixels)
        assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spline.forward(spline.identity()[None], (4, 4))
        ThinPlateSpline(SCATTERED * 2)  # moderately outside
        ThinPlateSpline.from_pixels(pixels, (28, 28))


def test_the_aspect_is_saved_with_a_model(tmp_path):
    model = stn.models.st_fcn((8, 16, 1), units=4, transform="tps", options={"control_points": (3, 3), "aspect": 2.0})
    stn.save(model, tmp_path / "model")
    images = RNG.random((3, 8, 16, 1), np.float32)
    again = stn.load(tmp_path / "model")
    assert "aspect=2.0" in repr(next(layer for layer in again.network.layers.values() if hasattr(layer, "transform")).transform)
    np.testing.assert_array_equal(again.predict_proba(images), model.predict_proba(images))


@pytest.mark.parametrize("smoothing", [0, 1e-3, 0.5, 40.0])
@pytest.mark.parametrize("aspect", [1.0, 0.3, 4.0])
def test_smoothing_agrees_with_scipy(smoothing, aspect):
    for control in (SCATTERED, SCATTERED * 1000 + 5000):
        spline, low = ThinPlateSpline(control, aspect, smoothing), control.min(axis=0)
        targets, places = RNG.standard_normal((9, 2)), low + RNG.uniform(0, 1, (20, 2)) * (control.max(axis=0) - low)
        units = [aspect, 1]
        expected = RBFInterpolator(control * units, targets, smoothing=smoothing, kernel="thin_plate_spline")(places * units)
        np.testing.assert_allclose(spline.apply(targets.T.reshape(1, -1), places)[0], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("align_corners", [True, False])
def test_smoothing_in_pixels_agrees_with_scipy_in_pixels(align_corners):
    shape, control = (50, 120), RNG.uniform(0, 50, (12, 2))
    targets, places = control + RNG.normal(0, 3, (12, 2)), RNG.uniform(0, 50, (20, 2))
    expected = RBFInterpolator(control, targets, smoothing=300.0, kernel="thin_plate_spline")(places)
    spline = ThinPlateSpline.from_pixels(control, shape, align_corners, smoothing=300.0)
    theta = to_normalized(targets, shape, align_corners).T.reshape(1, -1)
    mapped = spline.apply(theta, to_normalized(places, shape, align_corners))[0]
    np.testing.assert_allclose(to_pixels(mapped, shape, align_corners), expected, atol=1e-8)


@pytest.mark.parametrize("smoothing", [0.01, 1.0, 1e6])
def test_affine_maps_are_reproduced_whatever_the_smoothing(smoothing):
    spline, points = ThinPlateSpline((4, 3), 2.0, smoothing), RNG.uniform(-1, 1, (20, 2))
    np.testing.assert_allclose(spline.apply(spline.identity()[None], points)[0], points, atol=1e-9)
    bent = spline.identity()[None] + RNG.normal(0, 0.1, (1, 24))
    lines = np.abs(spline.points_jacobian(bent, points) - spline.points_jacobian(bent, points[:1])).max()
    assert lines < 1 / (1 + smoothing)  # the more smoothing, the less it bends


@pytest.mark.parametrize("smoothing", [-1, np.nan, np.inf, "1", True, None, [0.1]])
def test_a_bad_smoothing_is_refused(smoothing):
    with pytest.raises(ValueError, match="smoothing: expected a finite number of at least 0"):
        stn.get_transform("tps", smoothing=smoothing)
