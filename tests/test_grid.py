import numpy as np
import pytest

import stn_numba as stn
from stn_numba.grid import MatrixGrid, as_floats, check_shape, map_points, map_points_vjp, to_normalised, to_pixels
from stn_numba.pixel_matrix import grid_of_pixel_matrix, pixel_matrix, pixel_matrix_vjp
from stn_numba.sampler import sample
from stn_numba.testing import check_vjp

BOTH = pytest.mark.parametrize("align_corners", [True, False])
RNG = np.random.default_rng(0)
MATRIX = np.eye(3) + RNG.normal(0, 0.2, (2, 3, 3))


def test_base_points_run_row_by_row_with_x_first():
    np.testing.assert_array_equal(stn.base_points((2, 3)), [[-1, -1], [0, -1], [1, -1], [-1, 1], [0, 1], [1, 1]])


def test_without_aligned_corners_the_outer_edges_are_one():
    np.testing.assert_allclose(stn.base_points((1, 4), False), [[-0.75, 0], [-0.25, 0], [0.25, 0], [0.75, 0]])


@BOTH
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (6, 1), (7, 4)])
def test_base_points_lie_on_the_pixels(shape, align_corners):
    pixels = to_pixels(stn.base_points(shape, align_corners), shape, align_corners).reshape(*shape, 2)
    for i, j in np.ndindex(*shape):
        np.testing.assert_allclose(pixels[i, j], (j, i), atol=1e-12)


@BOTH
def test_to_normalised_undoes_to_pixels(align_corners):
    points = RNG.uniform(-2, 2, (9, 2))
    there = to_pixels(points, (5, 8), align_corners)
    np.testing.assert_allclose(to_normalised(there, (5, 8), align_corners), points, atol=1e-12)


def test_an_aligned_axis_of_one_pixel_is_at_zero():
    assert to_normalised([[0.0, 0.0]], (1, 1)).tolist() == [[0.0, 0.0]]


@BOTH
def test_each_kind_of_grid_builds_the_same_positions(align_corners):
    shape, coefficients = (3, 4), RNG.standard_normal((2, 2, 3))
    points = stn.base_points(shape, align_corners)
    homogeneous = np.concatenate([points, np.ones((12, 1))], axis=1)
    matrix = np.concatenate([coefficients, np.tile([[[0, 0, 1.0]]], (2, 1, 1))], axis=1)
    by_matrix = stn.MatrixGrid(matrix, shape, align_corners=align_corners).dense()
    by_basis = stn.BasisGrid(homogeneous, coefficients, shape, align_corners=align_corners).dense()
    expected = np.einsum("nkb,mb->nmk", coefficients, homogeneous).reshape(2, 3, 4, 2)
    np.testing.assert_allclose(by_matrix, expected, atol=1e-12)
    np.testing.assert_allclose(by_basis, expected, atol=1e-12)
    np.testing.assert_array_equal(stn.DenseGrid(expected).dense(), expected)


def test_a_grid_knows_its_length_shape_and_convention():
    grid = stn.MatrixGrid(MATRIX, (3, 4), align_corners=False)
    assert (len(grid), grid.shape, grid.align_corners) == (2, (3, 4), False)


def test_points_at_or_behind_the_horizon_are_nan():
    mapped = map_points(np.array([[[1.0, 0, 0], [0, 1, 0], [1, 0, 1]]]), np.array([[0.0, 0], [-1, 0], [-2, 0]]))
    assert np.isnan(mapped[0]).all(axis=1).tolist() == [False, True, True]


def test_gradient_of_mapped_points():
    points = stn.base_points((3, 4))
    check_vjp(lambda m: (map_points(m, points), lambda d: map_points_vjp(m, points, d)), MATRIX)


@BOTH
@pytest.mark.parametrize(("in_shape", "out_shape"), [((5, 7), (4, 3)), ((1, 6), (6, 1)), ((4, 4), (1, 1))])
def test_a_pixel_matrix_maps_pixels_to_pixels(in_shape, out_shape, align_corners):
    normalised = np.concatenate([MATRIX, MATRIX[:1]])
    normalised[2, 2] = 0, 0, 1  # an affine map among others
    matrix = pixel_matrix(normalised, in_shape, out_shape, align_corners)
    assert matrix[2, 2].tolist() == [0, 0, 1]
    pixels = to_pixels(stn.base_points(out_shape, align_corners), out_shape, align_corners)
    expected = to_pixels(stn.MatrixGrid(normalised, out_shape, align_corners=align_corners).dense(), in_shape, align_corners)
    np.testing.assert_allclose(map_points(matrix, pixels).reshape(expected.shape), expected, atol=1e-12)


@BOTH
def test_gradient_of_the_pixel_matrix(align_corners):
    shapes = (5, 7), (4, 3)
    check_vjp(
        lambda m: (pixel_matrix(m, *shapes, align_corners), lambda d: pixel_matrix_vjp(d, *shapes, align_corners)), MATRIX
    )


@BOTH
def test_a_pixel_matrix_is_a_copy_in_double_precision(align_corners):
    given = MATRIX.astype(np.float32)
    given.flags.writeable = False
    matrix = pixel_matrix(given, (5, 7), (4, 3), align_corners)
    assert matrix.dtype == np.float64
    np.testing.assert_array_equal(matrix, pixel_matrix(given.astype(np.float64), (5, 7), (4, 3), align_corners))
    assert np.isnan(pixel_matrix(np.full((1, 3, 3), np.nan), (5, 7), (4, 3), align_corners)).all()


@BOTH
def test_the_identity_is_exactly_the_identity_in_pixels(align_corners):
    for size in range(1, 300):
        shape = (size, 300 - size)
        moved = pixel_matrix(np.eye(3)[None], shape, shape, align_corners)[0]
        for axis, length in enumerate(shape[::-1]):
            assert moved[axis, 2] == 0, shape
            assert moved[axis, axis] == 1 or length == 1, shape
        assert moved[2].tolist() == [0, 0, 1]


@pytest.mark.parametrize("shape", [3, "ab", (1, 2, 3), None, (1.5, 2), (2.0, 3), (True, 2)])
def test_a_shape_that_is_no_pair_of_whole_numbers_is_refused(shape):
    with pytest.raises(TypeError, match=r"shape: expected two whole numbers \(h, w\), got"):
        check_shape(shape)


def test_a_negative_shape_is_refused():
    with pytest.raises(ValueError, match=r"shape: expected two whole numbers \(h, w\) >= 0, got \(-1, 2\)"):
        check_shape((-1, 2))


def test_as_floats_keeps_floats_and_turns_the_rest_into_float64():
    for given, expected in [("f4", "f4"), ("f8", "f8"), ("i4", "f8"), ("u1", "f8"), ("f2", "f8"), (">f4", "f8")]:
        assert as_floats(np.ones((2, 3), given), "a", ("N", 3)).dtype == np.dtype(expected)


def test_errors_name_argument_expected_and_got():
    with pytest.raises(ValueError, match=r"matrix: expected \(N, 3, 3\), got \(3, 3\)"):
        stn.MatrixGrid(np.eye(3), (2, 2))
    with pytest.raises(ValueError, match=r"basis: expected \(4, B\), got \(5, 2\)"):
        stn.BasisGrid(np.ones((5, 2)), np.ones((1, 2, 2)), (2, 2))
    with pytest.raises(ValueError, match=r"coefficients: expected \(N, 2, 2\), got \(1, 2, 3\)"):
        stn.BasisGrid(np.ones((4, 2)), np.ones((1, 2, 3)), (2, 2))
    with pytest.raises(TypeError, match=r"points: expected numbers, got dtype complex128"):
        stn.DenseGrid(np.ones((1, 2, 2, 2), complex))
    with pytest.raises(ValueError, match=r"d_grid: expected \(2, 3, 3\) or \(2, 3, 4, 2\), got \(1,\)"):
        stn.MatrixGrid(MATRIX, (3, 4)).own_gradient(np.ones(1))


@pytest.mark.parametrize("rows", [2, 3])
@pytest.mark.parametrize(("in_shape", "out_shape"), [((5, 7), (4, 3)), ((1, 6), (6, 1)), ((4, 4), (1, 1))])
def test_a_grid_of_a_pixel_matrix_leads_from_pixel_to_pixel(rows, in_shape, out_shape):
    matrices = np.array([[[0.9, -0.2, 1.5], [0.3, 1.1, -0.5], [0.01, 0.02, 1.0]], [[0, 2, 0], [-1, 0, 3], [0, 0, 1.0]]])
    matrices[:, 2] = matrices[:, 2] if rows == 3 else (0, 0, 1)
    pixels = to_pixels(stn.base_points(out_shape, False), out_shape, False)
    expected = map_points(matrices, pixels)
    given = matrices[:, :rows]
    for one in (given, given * (2.0 if rows == 3 else 1.0), given * (-1.0 if rows == 3 else 1.0)):
        positions = grid_of_pixel_matrix(one, in_shape, out_shape).dense()
        np.testing.assert_allclose(to_pixels(positions, in_shape, False).reshape(expected.shape), expected, atol=1e-12)
    back = grid_of_pixel_matrix(
        np.linalg.inv(matrices)[:, :rows] if rows == 2 else np.linalg.inv(matrices), in_shape, out_shape, inverse=True
    )
    np.testing.assert_allclose(back.values, grid_of_pixel_matrix(given, in_shape, out_shape).values, atol=1e-12)


def test_the_identity_between_pixels_is_exactly_the_identity():
    for size in range(1, 300):
        grid = grid_of_pixel_matrix(np.eye(2, 3), (size, 300 - size), (size, 300 - size))
        np.testing.assert_array_equal(grid.values[0], np.eye(3))


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.eye(2), r"matrix: expected \(2, 3\) or \(3, 3\), or N of them, got \(2, 2\)"),
        (np.zeros((2, 3)), "matrix: expected one that has an inverse, got a singular one"),
        ("ab", "matrix: expected"),
        (np.eye(3, dtype=complex), "matrix: expected numbers, got dtype complex128"),
    ],
)
def test_what_is_no_pixel_matrix_is_refused(matrix, message):
    with pytest.raises((TypeError, ValueError), match=message):
        grid_of_pixel_matrix(matrix, (4, 4), (4, 4), inverse=True)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("inverse", [True, False])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e308])
def test_numbers_beyond_reason_in_a_pixel_matrix_pass_in_silence(value, inverse):
    grid = grid_of_pixel_matrix(np.diag([value, 1.0, 1.0]), (3, 4), (3, 2), inverse=inverse)
    assert stn.sample(np.ones((1, 3, 4, 1)), grid).shape == (1, 3, 2, 1)


def test_a_grid_between_pixels_is_for_images_of_its_size():
    grid = grid_of_pixel_matrix([[1, 0, 1], [0, 1, 0]], (8, 4), (1, 4))
    with pytest.raises(ValueError, match=r"image: expected \(H, W\) = \(8, 4\), for which the grid was made, got \(4, 8\)"):
        sample(np.zeros((1, 4, 8, 1)), grid)
    with pytest.raises(ValueError, match=r"got \(4, 8\)"):
        sample(np.zeros((1, 1, 4, 8)), grid, layout="NCHW")
    with pytest.raises(TypeError, match=r"in_shape: expected two whole numbers"):
        grid_of_pixel_matrix(np.eye(3), (4, 4, 3), (4, 4))
    for antialias in (True, False):
        rows = sample(np.arange(32.0).reshape(1, 8, 4, 1), grid, antialias=antialias)
        assert rows[0, 0, :, 0].tolist() == [1.0, 2.0, 3.0, 0.0]


def test_a_grid_says_what_it_is():
    assert repr(MatrixGrid(np.eye(3)[None], (2, 3))) == "<MatrixGrid: N = 1, shape (2, 3), align_corners=True>"
