"""Volumes with every kind of grid, their windows, gradients, threads and errors."""

import numpy as np
import pytest
from scipy import ndimage

import stn_numba as stn
from stn_numba.grid import BasisGrid, DenseGrid, MatrixGrid, base_points, grid_from_pixel_matrix
from stn_numba.grid.basis_rows import BasisRows
from stn_numba.sampler import volume_gradients
from stn_numba.testing import check_vjp

RNG = np.random.default_rng(0)
SHAPE, OUT = (5, 6, 7), (3, 4, 11)
VOLUME = RNG.standard_normal((2, *SHAPE, 2))
IDENTITY = np.tile(np.eye(4), (2, 1, 1))
AFFINE = IDENTITY + np.pad(0.15 * RNG.standard_normal((2, 3, 4)), ((0, 0), (0, 1), (0, 0)))
HOMOGRAPHY = IDENTITY + 0.1 * RNG.standard_normal((2, 4, 4))
POINTS = base_points(OUT)


def make_grid(kind, align_corners=True):
    if kind == "affine" or kind == "homography":
        return MatrixGrid(AFFINE if kind == "affine" else HOMOGRAPHY, OUT, align_corners=align_corners)
    basis = np.concatenate([np.ones((len(POINTS), 1)), POINTS, POINTS[:, :1] * POINTS[:, 1:]], axis=1)
    coefficients = np.zeros((2, 3, 6))
    coefficients[:, 0, 1] = coefficients[:, 1, 2] = coefficients[:, 2, 3] = 1
    coefficients += 0.1 * RNG.standard_normal(coefficients.shape)
    if kind == "basis":
        return BasisGrid(basis, coefficients, OUT, align_corners=align_corners)
    return BasisGrid(BasisRows(lambda a, b: basis[a:b], 6, OUT), coefficients, OUT, align_corners=align_corners)


KINDS = ("affine", "homography", "basis", "streamed basis")


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_grid_reads_what_its_positions_read(kind, align_corners):
    grid = make_grid(kind, align_corners)
    dense = DenseGrid(grid.dense(), align_corners=align_corners)
    np.testing.assert_allclose(stn.sample(VOLUME, grid), stn.sample(VOLUME, dense), atol=1e-12)


@pytest.mark.parametrize("kernel", ["linear", "cubic"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradient_by_the_numbers_of_a_grid(kind, kernel):
    grid = make_grid(kind)

    def sampled(values):
        out, backprop = stn.sample_vjp(VOLUME, grid._with(values=values), kernel=kernel)
        return out, lambda d_out: backprop(d_out, image=False)[1]

    check_vjp(sampled, grid.values)


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_reads_that_part_of_the_output(kind):
    grid = make_grid(kind)
    window = slice(1, 3), slice(0, 3), slice(2, 9)
    part = stn.sample(VOLUME, grid.window(*window))
    np.testing.assert_allclose(part, stn.sample(VOLUME, grid)[:, *window], atol=1e-12)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("shape", [(5, 6, 7, 1), (1, 6, 7, 3), (5, 1, 1, 4), (9, 9, 9, 1)])
def test_the_identity_is_exact(shape, dtype, align_corners):
    volume = RNG.integers(0, 255, (1, *shape)).astype(dtype)
    assert np.array_equal(stn.sample(volume, MatrixGrid(IDENTITY[:1], shape[:3], align_corners=align_corners)), volume)


def test_a_plane_is_a_slice_of_the_volume():
    middle = stn.sample(VOLUME, MatrixGrid(IDENTITY, (1, 6, 7)))
    np.testing.assert_array_equal(middle[:, 0], VOLUME[:, 2])


@pytest.mark.parametrize(("order", "kernel"), [(0, "nearest"), (1, "linear")])
def test_scipy_agrees(order, kernel):
    volume, grid = RNG.standard_normal(SHAPE), make_grid("affine")[:1]
    matrix = grid.pixel_matrix(SHAPE)[0][[2, 1, 0]][:, [2, 1, 0, 3]]  # SciPy has the axes z, y, x
    expected = ndimage.affine_transform(volume, matrix, output_shape=OUT, order=order, mode="grid-constant")
    np.testing.assert_allclose(stn.sample(volume[None, ..., None], grid, kernel=kernel)[0, ..., 0], expected, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_bits_do_not_depend_on_the_number_of_threads(kind):
    volume = RNG.standard_normal((1, 20, 21, 22, 3)).astype(np.float32)
    shape = (17, 18, 19)
    grid = make_grid(kind)[:1]
    grid = MatrixGrid(grid.values, shape) if isinstance(grid, MatrixGrid) else DenseGrid(RNG.uniform(-1, 1, (1, *shape, 3)))
    results = []
    for threads in (1, 2, 3):
        out, backprop = stn.sample_vjp(volume, grid, num_threads=threads)
        results.append((out, *backprop(np.ones_like(out))))
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_displacements_begin_at_the_voxel_itself():
    volume = RNG.standard_normal((1, *SHAPE, 1))
    assert np.array_equal(stn.sample(volume, np.zeros((1, *SHAPE, 3)), displacement=True), volume)
    moved = stn.sample(
        volume, np.broadcast_to([1.0, 0, 0], (1, *SHAPE, 3)), displacement=True, units="pixels", padding="border"
    )
    np.testing.assert_array_equal(moved[:, :, :, :-1], volume[:, :, :, 1:])


@pytest.mark.parametrize("dtype", ["bool", "complex64", "float16", "uint32", ">f4"])
def test_other_dtypes(dtype):
    volume = (RNG.integers(0, 2, (1, *SHAPE, 1)) * 3).astype(dtype)
    kernel = "nearest" if dtype in ("bool", "uint32") else "linear"
    out = stn.sample(volume, MatrixGrid(IDENTITY[:1], SHAPE), kernel=kernel)
    assert out.dtype == np.dtype(dtype).newbyteorder("=")
    assert np.array_equal(out, volume)


def test_a_shared_volume_gets_the_sum_of_all_gradients():
    volume, grid = VOLUME[:1], make_grid("affine")
    out, backprop = stn.sample_vjp(volume, grid)
    apart = [stn.sample_vjp(volume, grid[n : n + 1])[1](np.ones_like(out[:1]))[0] for n in range(2)]
    np.testing.assert_allclose(backprop(np.ones_like(out))[0], apart[0] + apart[1], atol=1e-12)


def test_sums_of_very_many_outputs_are_exact(monkeypatch):
    """float32 would lose what is small beside the sum."""
    monkeypatch.setattr(volume_gradients, "_FLOAT32_SUMS", 10)
    volume, positions = np.zeros((1, 2, 2, 2, 1), np.float32), np.zeros((1, 1, 30, 40, 3))
    d_out = np.full((1, 1, 30, 40, 1), 1e-5, np.float32)
    d_out[0, 0, 0, 0] = 1e4
    d_volume = stn.sample_vjp(volume, positions, units="pixels")[1](d_out)[0]
    assert d_volume.dtype == np.float32
    assert d_volume[0, 0, 0, 0, 0] == np.float32(d_out.sum(dtype=np.float64))


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_gradients_do_not_depend_on_what_memory_held_before(padding):
    """Rows whose length is no multiple of eight leave a part of the scratch memory as it was."""
    rng = np.random.default_rng(3)
    volume, inside = rng.random((1, 5, 6, 7, 4), np.float32), rng.uniform(1, 3, (1, 2, 3, 11, 3))
    d_out, results = rng.random((1, 2, 3, 11, 4), np.float32), []
    for wild in (np.nan, 1e9, 2.5, -7.0):
        wide = np.full((1, 2, 3, 16, 3), wild)
        stn.sample_vjp(volume, wide, units="pixels", padding=padding)[1](np.ones((1, 2, 3, 16, 4), np.float32))
        results.append(stn.sample_vjp(volume, inside, units="pixels", padding=padding)[1](d_out))
    assert all(np.array_equal(a, b) for other in results for a, b in zip(results[0], other, strict=True))


def test_nan_voxels_without_weight_do_not_count():
    volume = np.zeros((1, 3, 3, 3, 1))
    volume[0, 2, 1, 1] = np.nan
    at_center = np.zeros((1, 1, 1, 1, 3))
    out, _backprop = stn.sample_vjp(volume, at_center, units="pixels")
    assert out.item() == 0
    assert stn.sample(volume, at_center + 1, units="pixels").item() == 0


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((VOLUME, np.zeros((2, 3, 3, 2))), {}, "grid: expected positions in three dimensions, as the image has, got two"),
        ((VOLUME[:, 0], np.zeros((2, 3, 3, 3, 3))), {}, "grid: expected positions in two dimensions"),
        ((VOLUME, np.zeros((3, 2, 2, 2, 3))), {}, r"grid: expected N = 2 as the image has"),
        ((VOLUME, np.zeros((2, 2, 2, 2, 3))), {"layout": "NCHW"}, "layout: expected 'NDHWC' or 'NCDHW' for a volume"),
        ((VOLUME[:, 0], np.zeros((2, 2, 2, 2))), {"layout": "NDHWC"}, r"image: expected \(N, D, H, W, C\) with D, H, W >= 1"),
        ((VOLUME[:, :0], np.zeros((2, 2, 2, 2, 3))), {}, r"image: expected \(N, D, H, W, C\) with D, H, W >= 1"),
    ],
)  # fmt: skip
def test_errors(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        stn.sample(*arguments, **options)


def test_a_grid_between_pixels_is_for_images():
    grid = grid_from_pixel_matrix([[1, 0, 0], [0, 1, 0]], (4, 4), (4, 4))
    with pytest.raises(ValueError, match="grid: expected positions in three dimensions"):
        stn.sample(VOLUME, grid)
