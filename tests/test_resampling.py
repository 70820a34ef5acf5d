"""`resample`: exactness, transforms, axes and errors; `test_resampling_against_simpleitk` has a second opinion."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba import ImageGeometry, resample
from stn_numba.grid import map_points, to_pixels
from tests.sampler import oracle

RNG = np.random.default_rng(0)
TURN = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
SOURCE = ImageGeometry((9, 10, 11), spacing=(0.7, 0.9, 3.3), origin=(-120.5, 80.25, 31.1), direction=TURN)
MIDDLE = SOURCE.index_to_physical @ [5, 4.5, 4, 1]
TARGET = ImageGeometry((4, 5, 6), spacing=(1.1, 1.3, 2.1), origin=MIDDLE[:3] - (3, 3, 4))
VOLUME = RNG.normal(size=(2, *SOURCE.shape, 3))
SMALL_TURN = np.linalg.qr(np.eye(3) + 0.1 * RNG.normal(size=(3, 3)))[0]
MATRIX = np.eye(4)
MATRIX[:3, :3] = SMALL_TURN * np.sign(np.diag(SMALL_TURN))
MATRIX[:3, 3] = MIDDLE[:3] - MATRIX[:3, :3] @ MIDDLE[:3]


def expected_voxels(matrix=MATRIX, source=SOURCE, target=TARGET):
    """Positions in voxels of the source, by the formula."""
    voxels = np.stack(np.meshgrid(*map(np.arange, target.shape), indexing="ij")[::-1], axis=-1)
    homogeneous = np.concatenate([voxels, np.ones((*target.shape, 1))], axis=-1)
    there = homogeneous @ (source.physical_to_index @ matrix @ target.index_to_physical).T
    return there[..., : target.ndim]


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_voxels_are_read_where_the_formula_says(kernel, padding):
    got = resample(VOLUME, SOURCE, TARGET, matrix=MATRIX, kernel=kernel, padding=padding)
    positions = np.broadcast_to(expected_voxels(), (2, *TARGET.shape, 3))
    np.testing.assert_allclose(got, oracle.read(VOLUME, positions, kernel, padding, None), atol=1e-9)
    assert np.count_nonzero(got) > got.size / 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_the_same_voxels_are_copied_bit_for_bit(dtype):
    volume = (100 + 20 * VOLUME).astype(dtype)
    np.testing.assert_array_equal(resample(volume, SOURCE, SOURCE), volume)
    first = SOURCE.index_to_physical @ [3, 2, 1, 1]
    crop = ImageGeometry((4, 5, 6), spacing=SOURCE.spacing, origin=first[:3], direction=TURN)
    np.testing.assert_array_equal(resample(volume, SOURCE, crop), volume[:, 1:5, 2:7, 3:9])


@pytest.mark.parametrize("dtype", ["bool", "uint32", "S3", "int64"])
def test_labels_of_any_dtype(dtype):
    labels = RNG.integers(0, 2, SOURCE.shape).astype(dtype)
    out = resample(labels, SOURCE, TARGET, matrix=MATRIX, kernel="nearest", padding="border")
    index = np.clip(np.rint(expected_voxels()[..., ::-1]).astype(int), 0, np.array(SOURCE.shape) - 1)
    assert out.dtype == labels.dtype
    np.testing.assert_array_equal(out, labels[tuple(np.moveaxis(index, -1, 0))])


def test_axes_and_layouts_are_kept():
    whole = resample(VOLUME, SOURCE, TARGET)
    assert whole.shape == (2, *TARGET.shape, 3)
    np.testing.assert_array_equal(resample(VOLUME[0], SOURCE, TARGET), whole[0])
    one = np.ascontiguousarray(VOLUME[0, ..., 1])
    np.testing.assert_allclose(resample(one, SOURCE, TARGET), whole[0, ..., 1], atol=1e-14)
    first = resample(np.moveaxis(VOLUME, -1, 1), SOURCE, TARGET, layout="NCDHW")
    np.testing.assert_allclose(np.moveaxis(first, 1, -1), whole, atol=1e-14)
    np.testing.assert_allclose(resample(np.moveaxis(VOLUME[0], -1, 0), SOURCE, TARGET, layout="NCDHW"), first[0], atol=1e-14)
    many = resample(one, SOURCE, TARGET, matrix=np.stack([np.eye(4), MATRIX]))
    assert many.shape == (2, *TARGET.shape)
    np.testing.assert_array_equal(many[1], resample(one, SOURCE, TARGET, matrix=MATRIX))
    assert resample(one, SOURCE, TARGET, matrix=MATRIX[None, :3]).shape == TARGET.shape


def test_an_oblique_slice_is_a_plane_of_the_volume():
    plane = ImageGeometry((1, *TARGET.shape[1:]), spacing=TARGET.spacing, origin=TARGET.origin, direction=TARGET.direction)
    np.testing.assert_allclose(resample(VOLUME, SOURCE, plane)[:, 0], resample(VOLUME, SOURCE, TARGET)[:, 0], atol=1e-12)


def test_images_have_geometries_too():
    source = ImageGeometry((9, 10), spacing=(0.7, 0.9), origin=(3, 4), direction=[[0.8, -0.6], [0.6, 0.8]])
    target = ImageGeometry((5, 6), spacing=0.5, origin=(2, 8))
    image = RNG.normal(size=source.shape)
    positions = expected_voxels(np.eye(3), source, target)[None]
    expected = oracle.read(image[None, ..., None], positions, "bilinear", "zeros", None)[0, ..., 0]
    np.testing.assert_allclose(resample(image, source, target), expected, atol=1e-12)
    assert expected.any()


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("name", ["affine", "flow"])
def test_a_transform_acts_on_the_target_then_the_matrix(name, align_corners):
    transform = stn.get_transform(name, ndim=3, **({"shape": (3, 3, 3)} if name == "flow" else {}))
    theta = transform.identity() + 0.05 * RNG.normal(size=(2, transform.n_params))
    normalized = transform.apply(theta, stn.base_points(TARGET.shape, align_corners))
    voxels = map_points(TARGET.matrix_to(SOURCE, MATRIX)[None], to_pixels(normalized, TARGET.shape, align_corners))
    expected = oracle.read(VOLUME, voxels.reshape(2, *TARGET.shape, 3), "bilinear", "zeros", None)
    options = {"matrix": MATRIX, "transform": name if name == "affine" else transform, "align_corners": align_corners}
    np.testing.assert_allclose(resample(VOLUME, SOURCE, TARGET, theta=theta, **options), expected, atol=1e-10)
    np.testing.assert_allclose(resample(VOLUME[0], SOURCE, TARGET, theta=theta[0], **options), expected[0], atol=1e-10)
    own = resample(VOLUME, SOURCE, SOURCE, theta=transform.identity(), transform=transform)
    np.testing.assert_allclose(own, VOLUME, atol=1e-12)


def test_a_transform_between_equal_grids_is_a_warp():
    theta = np.eye(3, 4).ravel() + 0.1 * RNG.normal(size=12)
    expected = stn.warp(VOLUME, theta, stn.get_transform("affine", ndim=3))
    np.testing.assert_allclose(resample(VOLUME, SOURCE, SOURCE, theta=theta), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((VOLUME, TARGET, SOURCE), {}, r"image: expected \(D, H, W\) = \(4, 5, 6\), as source has, got \(2, 9, 10, 11, 3\)"),
        ((VOLUME[0, ..., 0].T, SOURCE, SOURCE), {}, r"got \(11, 10, 9\); sizes are \(D, H, W\), the reverse of SimpleITK's"),
        ((VOLUME, SOURCE, SOURCE.shape), {}, "target: expected an ImageGeometry, got tuple"),
        ((VOLUME, SOURCE, ImageGeometry((3, 4))), {}, r"source: expected 2 axes"),
        ((VOLUME, SOURCE, TARGET), {"matrix": np.eye(3)}, r"matrix: expected \(3, 4\) or \(4, 4\)"),
        ((VOLUME, SOURCE, TARGET), {"matrix": np.ones((3, 4, 4))}, "matrix, theta: expected 1 or 2, as the image has, got 3"),
        ((VOLUME, SOURCE, TARGET), {"theta": np.ones(6)}, r"theta: expected \(N, 12\)"),
        ((VOLUME, SOURCE, TARGET), {"theta": np.ones((3, 12)), "matrix": np.ones((2, 4, 4))}, "theta: expected 1 or 2 rows"),
        ((VOLUME, SOURCE, TARGET), {"theta": np.ones(6), "transform": stn.get_transform("affine")}, "expected ndim=3"),
        ((VOLUME, SOURCE, TARGET), {"layout": "NCHW"}, "layout: expected one of NDHWC, NCDHW, NHWC"),
    ],
)
def test_errors_name_argument_expected_and_got(arguments, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        resample(*arguments, **options)


def test_antialiasing_averages_over_wider_voxels():
    source = ImageGeometry((4, 6, 8), spacing=(0.7, 0.9, 3.3), direction=TURN)
    volume = RNG.normal(size=source.shape)
    center = source.index_to_physical @ [1.5, 0.5, 0.5, 1]  # of the first 4 x 2 x 2 voxels along x, y and z
    wide = ImageGeometry((2, 3, 2), spacing=(2.8, 1.8, 6.6), origin=center[:3], direction=TURN)
    mean = volume.reshape(2, 2, 3, 2, 2, 4).mean(axis=(1, 3, 5))
    np.testing.assert_allclose(resample(volume, source, wide, antialias=True), mean, atol=1e-12)
