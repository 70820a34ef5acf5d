"""The distortions of the paper."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from stn_numba.data import DISTORTIONS, get_distortion
from stn_numba.data.distortions.base import from_centered_pixels
from stn_numba.data.distortions.projective import _legible, homography
from stn_numba.data.distortions.similarity import similarity
from stn_numba.grid import base_points
from stn_numba.transform.registry import get_transform

CANVAS = {"R": (28, 28), "RTS": (42, 42), "P": (42, 42), "E": (28, 28), "T": (60, 60), "TC": (60, 60)}


@pytest.fixture
def blots():
    """64 images with a square of 8 x 8 in the middle, where no distortion can cut it off."""
    images = np.zeros((64, 28, 28, 1), np.float32)
    images[:, 10:18, 10:18] = 1
    return images


def distorted(name, images, seed=0):
    return get_distortion(name)(images, np.random.default_rng(seed))


def centroids(images):
    """(N, 2) center of mass (x, y) in pixels."""
    y, x = np.mgrid[: images.shape[1], : images.shape[2]]
    weights = images[..., 0] / images.sum(axis=(1, 2, 3), dtype=np.float64)[:, None, None]
    return np.stack([(weights * x).sum(axis=(1, 2)), (weights * y).sum(axis=(1, 2))], axis=1)


def test_names_are_those_of_the_paper():
    assert set(DISTORTIONS) == set(CANVAS)
    assert get_distortion("rts").name == "RTS"
    with pytest.raises(ValueError, match="name: expected one of R, RTS, P, E, T, TC, got 'X'"):
        get_distortion("X")


@pytest.mark.parametrize("name", DISTORTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_outputs_have_the_canvas_dtype_and_range(name, dtype, blots):
    out = distorted(name, blots.astype(dtype))
    assert out.shape == (64, *CANVAS[name], 1) == (64, *get_distortion(name).canvas, 1)
    assert out.dtype == dtype
    assert out.min() == 0
    assert 0.9 < out.max() <= 1


@pytest.mark.parametrize("name", DISTORTIONS)
def test_white_does_not_become_brighter(name):
    out = distorted(name, np.ones((64, 28, 28, 1), np.float32))
    assert out.max() == 1


@pytest.mark.parametrize("name", DISTORTIONS)
def test_distortions_are_random_and_repeatable(name, blots):
    distort, rng = get_distortion(name), np.random.default_rng(0)
    first, second = distort(blots, rng), distort(blots, rng)
    assert not np.array_equal(first, second)
    assert len(np.unique(first.reshape(64, -1), axis=0)) > 50  # each image in its own way
    np.testing.assert_array_equal(distorted(name, blots, seed=0), first)


def test_fixed_distortions_never_change(digits):
    images = digits.train_images[:1100]  # in more than one part
    distort = get_distortion("RTS")
    first = distort.fixed(images)
    np.testing.assert_array_equal(get_distortion("RTS").fixed(images.copy()), first)
    np.testing.assert_array_equal(first[:550], distorted("RTS", images[:550], seed=2015))  # the seed of results.json
    assert not np.array_equal(distort.fixed(images[:1])[0], distort.fixed(images[1:2])[0])
    assert distort.fixed(images[:0]).shape == (0, 42, 42, 1)
    with pytest.raises(TypeError, match="images: expected float32 or float64, got list"):
        distort.fixed([1.0])


@pytest.mark.parametrize("name", DISTORTIONS)
def test_the_number_of_threads_changes_no_bit(name, digits):
    images, before = digits.train_images[:256], numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = distorted(name, images)
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(distorted(name, images), alone)


@pytest.mark.parametrize("name", DISTORTIONS)
def test_the_input_is_not_changed(name, blots):
    before = blots.copy()
    distorted(name, blots)
    np.testing.assert_array_equal(blots, before)


def test_masked_arrays_without_masked_values_are_accepted(blots):
    distortion = get_distortion("R")
    expected = distortion(blots, np.random.default_rng(0))
    np.testing.assert_array_equal(distortion(np.ma.array(blots), np.random.default_rng(0)), expected)
    with pytest.raises(ValueError, match="images: .* masked"):
        distortion(np.ma.masked_greater(blots, 0.5), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("name", "least", "most"),
    # ink grows with the square of the scale; a corner moved by 5 pixels changes the area of the frame by a quarter or so
    [("R", 0.95, 1.05), ("RTS", 0.45, 1.5), ("P", 0.1, 3), ("E", 0.2, 1.7), ("T", 0.9999, 1.0001)],
)
def test_the_amount_of_ink_stays_plausible(name, least, most, digits):
    images = digits.train_images[:500]
    share = distorted(name, images).sum(axis=(1, 2, 3)) / images.sum(axis=(1, 2, 3))
    assert least < share.min()
    assert share.max() < most


def test_translation_moves_by_whole_pixels(digits):
    images = digits.train_images[:32]
    for image, out in zip(images, distorted("T", images), strict=True):
        rows, columns = np.flatnonzero(out.any(axis=(1, 2))), np.flatnonzero(out.any(axis=(0, 2)))
        ink = image[image.any(axis=(1, 2))][:, image.any(axis=(0, 2))]
        np.testing.assert_allclose(out[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], ink, atol=1e-5)


def test_translation_reaches_every_place_and_no_further(blots):
    images = np.concatenate([blots] * 32)
    places = centroids(distorted("T", images)) - 29.5
    np.testing.assert_allclose(places.min(axis=0), -16, atol=1e-3)
    np.testing.assert_allclose(places.max(axis=0), 16, atol=1e-3)
    np.testing.assert_allclose(places.mean(axis=0), 0, atol=1)


def test_smaller_digits_are_shifted_farther(blots):
    images = np.concatenate([blots] * 8)
    out = distorted("RTS", images)
    scale = np.sqrt(out.sum(axis=(1, 2, 3)) / 64)
    assert 0.68 < scale.min() < 0.75
    assert 1.15 < scale.max() < 1.22
    shift = np.abs(centroids(out) - 20.5).max(axis=1)
    assert (shift <= (42 - 28 * scale) / 2 + 0.3).all()
    assert shift.max() > 8


def test_rotation_by_zero_degrees_returns_the_image(blots):
    distort = get_distortion("R")
    theta = similarity(np.zeros(64), np.ones(64), np.zeros((64, 2)), distort.canvas)
    np.testing.assert_array_equal(distort.warp(blots, theta), blots)


def test_positive_angles_turn_counter_clockwise(digits):
    images = digits.train_images[:4]
    theta = similarity(np.full(4, 90.0), np.ones(4), np.zeros((4, 2)), (28, 28))
    np.testing.assert_allclose(get_distortion("R").warp(images, theta), np.rot90(images, axes=(1, 2)), atol=1e-5)


def test_shifts_are_right_and_down_in_pixels_of_the_canvas(blots):
    theta = similarity(np.full(64, 30.0), np.full(64, 1.2), np.tile([5.0, -3.0], (64, 1)), (42, 42))
    center = centroids(get_distortion("RTS").warp(blots, theta))
    np.testing.assert_allclose(center, np.tile([20.5 + 5, 20.5 - 3], (64, 1)), atol=1e-3)


def test_rotations_stay_within_ninety_degrees():
    theta = get_distortion("R").draw(2000, np.random.default_rng(0))
    degrees = np.rad2deg(np.arctan2(theta[:, 3], theta[:, 0]))
    assert -90 <= degrees.min() < -85
    assert 85 < degrees.max() <= 90


def test_folded_flattened_and_far_corners_are_drawn_again():
    frame = 13.5 * np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
    swapped, flat = frame[[1, 0, 2, 3]], frame.copy()
    flat[2] = [-3, -1]  # all but in line with its neighbors
    corners = np.stack([frame, swapped, flat, frame + 13, frame + 14])
    assert _legible(corners, (28, 28)).tolist() == [True, False, False, True, False]


def test_homography_takes_points_to_their_images():
    rng = np.random.default_rng(0)
    square = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
    points, images = (square + rng.uniform(-0.4, 0.4, (5, 4, 2)) for _ in range(2))
    for theta, four, expected in zip(homography(points, images), points, images, strict=True):
        np.testing.assert_allclose(get_transform("projective").apply(theta[None], four)[0], expected, atol=1e-10)


def test_projective_corners_move_by_five_pixels():
    theta = get_distortion("P").draw(4000, np.random.default_rng(0))
    back = np.linalg.inv(np.concatenate([theta, np.ones((4000, 1))], axis=1).reshape(-1, 3, 3))  # from digit to canvas
    digit = (back @ [1.0, 1.0, 1.0])[:, :2] / (back @ [1.0, 1.0, 1.0])[:, 2:] * 41 / 2
    assert abs(digit.mean() - 13.5 * 0.875) < 0.5
    assert 2.5 < digit.std() < 5  # a part of what the canvas's corner moves by


def test_elastic_points_move_by_one_and_a_half_pixels():
    theta = get_distortion("E").draw(4000, np.random.default_rng(0)).reshape(4000, 2, 16)
    shrunk = (base_points((4, 4)).T * theta).sum(axis=(1, 2)) / (base_points((4, 4)) ** 2).sum()  # about 1 / scale
    moves = (theta - shrunk[:, None, None] * base_points((4, 4)).T) * 13.5 / shrunk[:, None, None]
    assert abs(moves.std() - 1.5) < 0.05
    assert 0.9 < shrunk.min() < 1.02
    assert 1.3 < shrunk.max() < 1.45


def test_clutter_comes_from_the_other_images():
    images = np.zeros((3, 28, 28, 1), np.float32)
    images[1] = 0.5  # the only one with ink
    out = distorted("TC", images)
    assert out[0].any()
    assert out[2].any()
    frame = np.zeros((60, 60), bool)
    rows, columns = np.nonzero(out[1, ..., 0])
    frame[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    assert frame.sum() == 28 * 28  # nothing but its own frame: the others had no ink to give
    np.testing.assert_allclose(out[1, frame], 0.5, atol=1e-6)


def test_clutter_is_six_pieces_of_six_by_six():
    images = np.zeros((2, 28, 28, 1))
    images[0] = 1 / 128  # so faint that sums are never limited
    distort, rng = get_distortion("TC"), np.random.default_rng(0)
    clutter = np.stack([distort(images, rng)[1, ..., 0] for _ in range(400)]) * 128
    np.testing.assert_allclose(clutter.sum(axis=(1, 2)), 6 * 36)
    covered = clutter.sum(axis=0)
    assert covered[1:-1, 1:-1].all()  # it lies anywhere on the canvas
    assert covered.max() < 60  # and nowhere more often than elsewhere: 400 * 6 * 36 / 55**2 = 29


def test_overlaps_are_added_and_clipped():
    images = np.full((50, 28, 28, 1), 0.4, np.float32)
    values = np.unique(distorted("TC", images).round(4))
    np.testing.assert_allclose(values[:4], [0, 0.4, 0.8, 1], atol=1e-3)
    assert values.max() == 1


def test_clutter_needs_at_least_two_images(blots):
    with pytest.raises(ValueError, match="images: expected at least 2"):
        distorted("TC", blots[:1])


@pytest.mark.parametrize("name", DISTORTIONS)
def test_distorting_no_images(name, blots):
    assert distorted(name, blots[:0]).shape == (0, *CANVAS[name], 1)


def test_bad_arguments_are_refused(blots):
    distort, rng = get_distortion("R"), np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"images: expected \(N, 28, 28, 1\), got \(64, 28, 28\)"):
        distort(blots[..., 0], rng)
    with pytest.raises(TypeError, match="images: expected float32 or float64, got uint8"):
        distort(blots.astype(np.uint8), rng)
    with pytest.raises(TypeError, match=r"rng: expected a numpy\.random\.Generator, got int"):
        distort(blots, 0)


def test_centered_pixels_are_normalized_by_half_the_image():
    np.testing.assert_allclose(from_centered_pixels(np.array([13.5, -13.5])), [1, -1])


@pytest.mark.parametrize(("value", "got"), [(255, "0 to 255"), (-0.1, "-0.1 to 0"), (np.nan, "nan to nan")])
def test_pixels_outside_0_to_1_are_refused(value, got):
    images = np.zeros((1, 28, 28, 1), np.float32)
    images[0, 4, 5] = value
    with pytest.raises(ValueError, match=rf"images: expected numbers in \[0, 1\], got {got}"):
        distorted("R", images)
