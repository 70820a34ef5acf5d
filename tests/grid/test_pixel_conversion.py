"""Homographies between pixels, made from those between normalized positions."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.grid import map_points, to_pixels
from stn_numba.grid.pixel_conversion import from_normalized, from_normalized_vjp
from stn_numba.testing import check_vjp

BOTH = pytest.mark.parametrize("align_corners", [True, False])


RNG = np.random.default_rng(0)


MATRIX = np.eye(3) + RNG.normal(0, 0.2, (2, 3, 3))


@BOTH
@pytest.mark.parametrize(("in_shape", "out_shape"), [((5, 7), (4, 3)), ((1, 6), (6, 1)), ((4, 4), (1, 1))])
def test_a_pixel_matrix_maps_pixels_to_pixels(in_shape, out_shape, align_corners):
    normalized = np.concatenate([MATRIX, MATRIX[:1]])
    normalized[2, 2] = 0, 0, 1  # an affine map among others
    matrix = from_normalized(normalized, in_shape, out_shape, align_corners)
    assert matrix[2, 2].tolist() == [0, 0, 1]
    pixels = to_pixels(stn.base_points(out_shape, align_corners), out_shape, align_corners)
    expected = to_pixels(stn.MatrixGrid(normalized, out_shape, align_corners=align_corners).dense(), in_shape, align_corners)
    np.testing.assert_allclose(map_points(matrix, pixels).reshape(expected.shape), expected, atol=1e-12)


@BOTH
def test_gradients_of_the_pixel_matrix_agree_with_differences(align_corners):
    shapes = (5, 7), (4, 3)
    check_vjp(
        lambda m: (from_normalized(m, *shapes, align_corners), lambda d: from_normalized_vjp(d, *shapes, align_corners)), MATRIX
    )


@BOTH
def test_a_pixel_matrix_is_a_copy_in_double_precision(align_corners):
    given = MATRIX.astype(np.float32)
    given.flags.writeable = False
    matrix = from_normalized(given, (5, 7), (4, 3), align_corners)
    assert matrix.dtype == np.float64
    np.testing.assert_array_equal(matrix, from_normalized(given.astype(np.float64), (5, 7), (4, 3), align_corners))
    assert np.isnan(from_normalized(np.full((1, 3, 3), np.nan), (5, 7), (4, 3), align_corners)).all()


@BOTH
def test_the_identity_is_exactly_the_identity_in_pixels(align_corners):
    for size in range(1, 300):
        shape = (size, 300 - size)
        moved = from_normalized(np.eye(3)[None], shape, shape, align_corners)[0]
        for axis, length in enumerate(shape[::-1]):
            assert moved[axis, 2] == 0, shape
            assert moved[axis, axis] == 1 or length == 1, shape
        assert moved[2].tolist() == [0, 0, 1]
