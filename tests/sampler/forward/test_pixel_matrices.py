"""Warps by matrices between pixels: tiles equal the whole, crops are exact, gradients are those of the matrix given."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stn_numba as stn
from stn_numba.sampler.interpolation import KERNELS
from stn_numba.sampler.padding import PADDINGS
from stn_numba.testing import check_vjp
from tests.sampler import oracle
from tests.sampler.examples import random_image

KERNEL_NAMES = ("nearest", "bilinear", "bicubic", "lanczos3")


def moved(matrix, left, top):
    """The matrix of the part of an output that begins at a column and a row."""
    return matrix @ [[1, 0, left], [0, 1, top], [0, 0, 1.0]]


def random_homography(rng):
    """A homography of few binary digits, so that positions come out without rounding wherever a tile begins."""
    matrix = np.rint(rng.normal(0, [[1, 1, 40], [1, 1, 40], [0.02, 0.02, 1]]) * 1024) / 1024
    return matrix if np.linalg.det(matrix) else random_homography(rng)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    kernel=st.sampled_from(KERNEL_NAMES),
    padding=st.sampled_from(PADDINGS),
    fill=st.sampled_from([None, 7.0]),
    channels=st.sampled_from([1, 3, 5]),
    dtype=st.sampled_from(["float32", "float64", "uint8"]),
)
def test_a_tile_of_a_warp_is_the_same_tile_of_the_whole_warp(seed, kernel, padding, fill, channels, dtype):
    rng = np.random.default_rng(seed)
    H, W, h, w = (int(size) for size in rng.integers(1, (60, 60, 90, 700)))
    image = (rng.random((1, H, W, channels)) * 200).astype(dtype)
    matrix = random_homography(rng)
    options = {"kernel": kernel, "padding": padding, "fill": fill}
    whole = stn.sample(image, stn.grid_from_pixel_matrix(matrix, (H, W), (h, w)), **options)
    top, left = rng.integers(0, (h, w))
    bottom, right = rng.integers((top + 1, left + 1), (h + 1, w + 1))
    grid = stn.grid_from_pixel_matrix(moved(matrix, left, top), (H, W), (bottom - top, right - left))
    np.testing.assert_array_equal(stn.sample(image, grid, **options), whole[:, top:bottom, left:right])


@pytest.mark.parametrize("seed", range(20))
def test_a_smaller_output_is_the_top_left_part_of_a_larger_one(seed):
    rng = np.random.default_rng(seed)
    image, matrix = rng.random((1, 40, 50, 3), np.float32), rng.normal(0, [[1, 1, 40], [1, 1, 40], [0.05, 0.05, 1]])
    whole = stn.sample(image, stn.grid_from_pixel_matrix(matrix, (40, 50), (200, 300)))
    for shape in ((100, 300), (7, 33), (200, 1)):
        part = stn.sample(image, stn.grid_from_pixel_matrix(matrix, (40, 50), shape))
        np.testing.assert_array_equal(part, whole[:, : shape[0], : shape[1]])


@pytest.mark.parametrize("horizon", [1, 20, 49, 49.5, 50, 70])
@pytest.mark.parametrize("sign", [1, -1])
def test_only_the_side_below_the_horizon_is_sampled(horizon, sign):
    ground = np.ones((1, 100, 100, 1), np.float32)
    to_output = sign * np.array([[80, 50, -3000], [0, horizon, 20 * horizon + 960], [0, 1, 20.0]])
    visible = stn.sample(ground, stn.grid_from_pixel_matrix(to_output, (100, 100), (100, 100), inverse=True))[0, ..., 0] > 0
    assert visible.sum() > 500
    assert not visible[: int(horizon)].any()  # not the mirrored image above the horizon


def test_both_sides_of_a_horizon_agree_with_the_oracle():
    image, matrix = random_image(1, 12, 14, 2), np.array([[0.875, 0.25, 1], [-0.125, 1.125, 2], [0.03125, -0.0625, 1.0]])
    grid = stn.grid_from_pixel_matrix(matrix, (12, 14), (30, 40))
    y, x = np.indices((30, 40))
    X, Y, Z = np.einsum("ak,khw->ahw", matrix, np.stack([x, y, np.ones_like(x)]))
    with np.errstate(all="ignore"):
        points = np.where(Z > 0, [X / Z, Y / Z], np.nan)
    expected = oracle.read(image, np.moveaxis(points, 0, -1)[None], "bilinear", "border", None)
    np.testing.assert_allclose(stn.sample(image, grid, padding="border"), expected, atol=1e-9)


def crop(rng):
    """(sizes of an image, sizes of a crop, its top and left)."""
    H, W = rng.integers(8, 400, 2)
    h, w = rng.integers(1, H), rng.integers(1, W)
    return (int(H), int(W)), (int(h), int(w)), int(rng.integers(0, H - h + 1)), int(rng.integers(0, W - w + 1))


@pytest.mark.parametrize("inverse", [True, False])
@pytest.mark.parametrize("kernel", KERNEL_NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_whole_pixel_crop_is_exact_and_reads_nothing_outside_it(kernel, inverse, dtype):
    rng = np.random.default_rng(0)
    for _ in range(30):
        in_shape, (h, w), top, left = crop(rng)
        image = rng.random((1, *in_shape, int(rng.integers(1, 5))), dtype)
        inside = np.s_[:, top : top + h, left : left + w]
        beside = np.full_like(image, np.nan)
        beside[inside] = image[inside]
        sign = -1 if inverse else 1
        grid = stn.grid_from_pixel_matrix([[1, 0, sign * left], [0, 1, sign * top]], in_shape, (h, w), inverse=inverse)
        got = stn.sample(beside, grid, kernel=kernel)
        if kernel == "lanczos3":  # right to 1e-6
            np.testing.assert_allclose(got, image[inside], atol=1e-5)
        else:
            np.testing.assert_array_equal(got, image[inside])


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("mirror", [False, True])
def test_quarter_turns_and_mirrors_are_exact(turn, mirror):
    image = random_image(1, 31, 46, 3)
    H, W = 31, 46
    turned = np.rot90(image[:, :, ::-1] if mirror else image, turn, (1, 2))
    h, w = turned.shape[1:3]
    matrix = {
        0: [[1, 0, 0], [0, 1, 0]],
        1: [[0, -1, W - 1], [1, 0, 0]],
        2: [[-1, 0, W - 1], [0, -1, H - 1]],
        3: [[0, 1, 0], [-1, 0, H - 1]],
    }
    to_input = np.array(matrix[turn], float)
    if mirror:
        to_input = (np.array([[-1, 0, W - 1], [0, 1, 0], [0, 0, 1.0]]) @ np.vstack([to_input, [0, 0, 1]]))[:2]
    np.testing.assert_array_equal(stn.sample(image, stn.grid_from_pixel_matrix(to_input, (H, W), (h, w))), turned)


@pytest.mark.parametrize("shift", [0.25, 0.5, 0.75])
def test_shifts_by_quarters_are_exact(shift):
    rng = np.random.default_rng(0)
    for _ in range(20):
        H, W = (int(size) for size in rng.integers(3, 300, 2))
        image = rng.integers(0, 256, (1, H, W, 2)).astype(np.float64)  # sums of few binary digits
        grid = stn.grid_from_pixel_matrix([[1, 0, shift], [0, 1, 0]], (H, W), (H, W - 1))
        expected = (1 - shift) * image[:, :, :-1] + shift * image[:, :, 1:]
        np.testing.assert_array_equal(stn.sample(image, grid), expected)
        labels = image.astype(np.int64)
        to_even = np.rint(np.arange(W - 1) + shift).astype(int)
        np.testing.assert_array_equal(stn.sample(labels, grid, kernel="nearest"), labels[:, :, to_even])


def test_the_outer_edge_lies_half_a_pixel_beyond_the_pixel_centers():
    """A position at -0.5 lies on the outer edge, inside; one beyond it by the smallest number lies outside."""
    for size in range(2, 200):
        image = np.ones((1, 1, size, 1))
        for start, inside in ((-0.5, True), (np.nextafter(-0.5, -1), False)):
            grid = stn.grid_from_pixel_matrix([[1, 0, start], [0, 1, 0]], (1, size), (1, 1))
            assert stn.sample(image, grid, padding="border", fill=-1.0).item() == (1 if inside else -1), (size, start)


@pytest.mark.parametrize("rows", [2, 3])
@pytest.mark.parametrize("inverse", [True, False])
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("kernel", ["bilinear", *KERNELS])
def test_the_gradient_is_by_the_given_matrix(rows, inverse, antialias, kernel):
    matrices = np.array(
        [[[1.7, -0.2, 1.5137], [0.3, 1.9, -0.5271], [0.012, 0.021, 1.0]], [[0.5, 2.2, 0.317], [-1.8, 0.3, 9.713], [0, 0, 2.0]]]
    )
    matrices = matrices[:, :rows]
    given = np.linalg.inv(np.concatenate([matrices, [[[0, 0, 1.0]]] * 2], axis=1))[:, :2] if inverse and rows == 2 else matrices
    given = np.linalg.inv(matrices) if inverse and rows == 3 else given
    image = random_image(2, 16, 14, 3)

    def sampled(matrix):
        grid = stn.grid_from_pixel_matrix(matrix, (16, 14), (6, 5), inverse=inverse)
        out, backprop = stn.sample_vjp(image, grid, kernel=kernel, antialias=antialias)
        return out, lambda d: backprop(d, image=False)[1]

    check_vjp(sampled, given, tolerance=1e-5)


def test_descending_along_the_gradient_finds_the_matrix():
    y, x = np.indices((60, 80))
    image = np.exp(-((x - 40) ** 2 / 200 + (y - 30) ** 2 / 120))[None, ..., None]
    true = np.array([[1, 0, 3.0], [0, 1, -2.0]])
    target = stn.sample(image, stn.grid_from_pixel_matrix(true, (60, 80), (60, 80)))
    matrix = np.eye(2, 3)
    for _ in range(200):
        out, backprop = stn.sample_vjp(image, stn.grid_from_pixel_matrix(matrix, (60, 80), (60, 80)))
        d_matrix = backprop(out - target)[1][0]
        matrix[:, 2] -= 0.2 * d_matrix[:, 2]
    np.testing.assert_allclose(matrix[:, 2], true[:, 2], atol=1e-3)
