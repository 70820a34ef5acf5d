"""What all kinds of grid share."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.grid import MatrixGrid

BOTH = pytest.mark.parametrize("align_corners", [True, False])
RNG = np.random.default_rng(0)
MATRIX = np.eye(3) + RNG.normal(0, 0.2, (2, 3, 3))


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


def test_a_grid_has_a_length_shape_and_convention():
    grid = stn.MatrixGrid(MATRIX, (3, 4), align_corners=False)
    assert (len(grid), grid.shape, grid.align_corners) == (2, (3, 4), False)


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


def test_repr_of_a_grid_shows_kind_and_shape():
    assert repr(MatrixGrid(np.eye(3)[None], (2, 3))) == "<MatrixGrid: N = 1, shape (2, 3), align_corners=True>"
