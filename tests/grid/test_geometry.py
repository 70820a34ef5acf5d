"""Where pixels lie in physical space: matrices, conversions, comparison and errors."""

import copy
import pickle

import numpy as np
import pytest

import stn_numba as stn
from stn_numba import ImageGeometry

RNG = np.random.default_rng(0)
TURN = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
SHAPE = (5, 6, 7)
OBLIQUE = ImageGeometry(SHAPE, spacing=(0.7, 0.9, 3.3), origin=(-120.5, 80.25, 31.1), direction=TURN)


def apply(matrix, points):
    """A matrix on points (..., D), by the formula."""
    return points @ matrix[:-1, :-1].T + matrix[:-1, -1]


def test_an_index_lies_where_the_formula_says():
    index = RNG.uniform(-3, 9, (20, 3))
    expected = OBLIQUE.origin + (index * OBLIQUE.spacing) @ TURN.T
    np.testing.assert_allclose(apply(OBLIQUE.index_to_physical, index), expected, atol=1e-12)
    np.testing.assert_allclose(apply(OBLIQUE.physical_to_index, expected), index, atol=1e-12)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("geometry", [OBLIQUE, ImageGeometry((4, 9), spacing=(2, 3), direction=[[0, 1], [-1, 0]])])
def test_normalized_positions_are_those_of_the_index(geometry, align_corners):
    index = RNG.uniform(-3, 9, (20, geometry.ndim))
    normalized = stn.to_normalized(index, geometry.shape, align_corners)
    physical = apply(geometry.index_to_physical, index)
    np.testing.assert_allclose(apply(geometry.normalized_to_physical(align_corners), normalized), physical, atol=1e-12)
    np.testing.assert_allclose(apply(geometry.physical_to_normalized(align_corners), physical), normalized, atol=1e-12)


def test_an_axis_of_one_voxel_has_normalized_positions_as_elsewhere():
    plane = ImageGeometry((1, 4, 5), origin=(1, 2, 3))
    physical = RNG.normal(size=(6, 3))
    for align_corners in (True, False):
        expected = stn.to_normalized(apply(plane.physical_to_index, physical), plane.shape, align_corners)
        np.testing.assert_allclose(apply(plane.physical_to_normalized(align_corners), physical), expected, atol=1e-12)


def test_an_affine_is_kept_or_flipped():
    affine = OBLIQUE.index_to_physical
    one = ImageGeometry.from_affine(affine, SHAPE)
    np.testing.assert_allclose(one.index_to_physical, affine, atol=1e-14)
    np.testing.assert_allclose(one.spacing, OBLIQUE.spacing)
    np.testing.assert_allclose(ImageGeometry.from_affine(affine[:3].astype(np.float32), SHAPE).direction, TURN, atol=1e-6)
    flipped = ImageGeometry.from_affine(affine, SHAPE, flip_xy=True)
    np.testing.assert_allclose(flipped.index_to_physical, np.diag([-1, -1, 1, 1]) @ affine, atol=1e-14)
    assert ImageGeometry.from_affine(affine, SHAPE) == one
    plane = ImageGeometry.from_affine([[0, 2, 1], [3, 0, 1]], (4, 5))
    assert (plane.spacing, plane.direction) == ((3.0, 2.0), ((0.0, 1.0), (1.0, 0.0)))


def test_a_geometry_is_a_value():
    same = ImageGeometry(list(SHAPE), spacing=np.array([0.7, 0.9, 3.3]), origin=OBLIQUE.origin, direction=TURN.ravel())
    assert same == OBLIQUE
    assert hash(same) == hash(OBLIQUE)
    assert pickle.loads(pickle.dumps(OBLIQUE)) == copy.deepcopy(OBLIQUE) == OBLIQUE
    assert eval(repr(OBLIQUE)) == OBLIQUE
    assert ImageGeometry(SHAPE) != ImageGeometry(SHAPE, spacing=1.5)
    assert ImageGeometry(SHAPE, spacing=2).spacing == (2.0, 2.0, 2.0)
    with pytest.raises(AttributeError):
        OBLIQUE.spacing = (1, 1, 1)


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_same_place_is_the_same_voxel_exactly(ndim):
    for seed in range(200):
        rng = np.random.default_rng(seed)
        turn = np.linalg.qr(rng.normal(size=(ndim, ndim)))[0]
        spacing, origin = rng.uniform(0.1, 5, ndim), rng.uniform(-500, 500, ndim)
        whole = ImageGeometry((40, 50, 60)[:ndim], spacing=spacing, origin=origin, direction=turn)
        np.testing.assert_array_equal(whole.matrix_to(whole), np.eye(ndim + 1))
        first, step = rng.integers(-20, 20, ndim), rng.integers(1, 4)
        place = apply(whole.index_to_physical, first)
        part = ImageGeometry((3, 4, 5)[:ndim], spacing=spacing * step, origin=place, direction=turn)
        expected = np.diag([*[step] * ndim, 1.0])
        expected[:-1, -1] = first
        np.testing.assert_array_equal(part.matrix_to(whole), expected)
        np.testing.assert_array_equal(part.matrix_to(part, np.eye(ndim + 1)[None]), np.eye(ndim + 1)[None])


def test_matrices_are_applied_between_the_two():
    other = ImageGeometry((4, 4, 4), spacing=(1, 2, 3), origin=(5, 6, 7))
    matrices = np.tile(np.eye(4), (2, 1, 1)) + 0.1 * RNG.normal(size=(2, 4, 4)) * [[1], [1], [1], [0]]
    index = RNG.uniform(0, 5, (10, 3))
    got = OBLIQUE.matrix_to(other, matrices)
    for n in range(2):
        there = apply(other.physical_to_index, apply(matrices[n], apply(OBLIQUE.index_to_physical, index)))
        np.testing.assert_allclose(apply(got[n], index), there, atol=1e-11)
        np.testing.assert_array_equal(OBLIQUE.matrix_to(other, matrices[n, :3]), got[n])


class FakeImage:
    """An image of SimpleITK, as far as geometry goes."""

    def GetSize(self):
        return 7, 6, 5

    def GetSpacing(self):
        return OBLIQUE.spacing

    def GetOrigin(self):
        return OBLIQUE.origin

    def GetDirection(self):
        return tuple(TURN.ravel().tolist())


def test_images_of_simpleitk_need_no_simpleitk():
    assert ImageGeometry.from_simpleitk(FakeImage()) == OBLIQUE
    with pytest.raises(TypeError, match=r"image: expected a SimpleITK.Image, got ndarray"):
        ImageGeometry.from_simpleitk(np.zeros(3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spacing": (1, 2)}, r"spacing: expected 3 finite numbers \(x, y, z\), got \(1, 2\)"),
        ({"spacing": (1, 0, 1)}, r"spacing: expected positive numbers, got \(1, 0, 1\)"),
        ({"spacing": "wide"}, r"spacing: expected numbers, got"),
        ({"origin": (0, 0, np.nan)}, r"origin: expected 3 finite numbers"),
        ({"direction": np.eye(2)}, r"direction: expected finite numbers \(3, 3\)"),
        ({"direction": np.ones((3, 3))}, r"direction: expected a matrix that has an inverse"),
        ({"shape": (1, 2, 3, 4)}, r"shape: expected two whole numbers"),
    ],
)
def test_errors_name_argument_expected_and_got(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        ImageGeometry(**{"shape": SHAPE, **options})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ImageGeometry.from_affine(np.eye(3), SHAPE), r"matrix: expected \(3, 4\) or \(4, 4\)"),
        (lambda: ImageGeometry.from_affine(np.ones((4, 4)), SHAPE), r"matrix: expected finite numbers and a last row"),
        (lambda: ImageGeometry.from_affine(np.ones((3, 4)), SHAPE), r"matrix: expected one that has an inverse"),
        (lambda: OBLIQUE.matrix_to(ImageGeometry((3, 4))), r"source: expected 3 axes, got shape \(3, 4\)"),
        (lambda: OBLIQUE.matrix_to(SHAPE), r"source: expected an ImageGeometry, got tuple"),
        (lambda: OBLIQUE.matrix_to(OBLIQUE, np.eye(3)), r"matrix: expected \(3, 4\) or \(4, 4\)"),
    ],
)  # fmt: skip
def test_other_values_are_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
