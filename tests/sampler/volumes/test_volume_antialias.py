"""Antialiasing of volumes: which positions are averaged, what stays as it is, and gradients."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stn_numba as stn
from stn_numba.grid import BasisGrid, DenseGrid, MatrixGrid, base_points, map_points, to_pixels
from stn_numba.sampler.antialias import find_groups
from stn_numba.testing import check_vjp
from tests.sampler import oracle

RNG = np.random.default_rng(0)
IN_SHAPE, OUT_SHAPE = (9, 10, 14), (3, 4, 5)
VOLUME = RNG.normal(size=(2, *IN_SHAPE, 2))
POINTS = base_points(OUT_SHAPE)
IDENTITY = np.eye(4)[None]


def bent(batch=2, seed=0):
    """Positions of a bent map that minifies, a little beyond the volume."""
    rng = np.random.default_rng(seed)
    points = np.tile(POINTS, (batch, 1)).reshape(batch, *OUT_SHAPE, 3)
    return points + 0.15 * np.sin(2 * np.roll(points, 1, -1) + rng.uniform(0, 3, (batch, 1, 1, 1, 3)))


def grid_of(kind, align_corners=True):
    """Two grids of different scales."""
    if kind == "dense":
        return DenseGrid(bent() * np.array([1, 0.6]).reshape(2, 1, 1, 1, 1), align_corners=align_corners)
    rng = np.random.default_rng(3)
    if kind == "basis":
        basis = np.concatenate([np.ones((len(POINTS), 1)), POINTS, POINTS[:, :1] * POINTS[:, 1:]], axis=1)
        coefficients = np.zeros((2, 3, 6))
        coefficients[:, 0, 1] = coefficients[:, 1, 2] = coefficients[:, 2, 3] = 0.9, 0.6
        return BasisGrid(basis, coefficients + 0.1 * rng.normal(size=(2, 3, 6)), OUT_SHAPE, align_corners=align_corners)
    matrix = np.tile(np.eye(4), (2, 1, 1)) * np.array([0.9, 0.6])[:, None, None]
    matrix[:, 3, 3] = 1
    matrix[:, :3] += 0.1 * rng.normal(size=(2, 3, 4))
    matrix[:, 3, :3] = 0.05 * rng.normal(size=(2, 3)) if kind == "homography" else 0
    return MatrixGrid(matrix, OUT_SHAPE, align_corners=align_corners)


KINDS = ("dense", "affine", "homography", "basis")


def factors_of(grid):
    scale = grid.pixel_scale(IN_SHAPE)
    groups = find_groups(grid, IN_SHAPE, scale, False)
    return [group.factors for group in groups for _ in range(*group.grids.indices(len(grid)))]


def slow_factors(voxels):
    """Longest distance between neighbors along z, y and x, of positions (d, h, w, 3) in voxels, rounded up."""
    result = []
    for axis in range(3):
        longest = 1.0
        for index in np.ndindex(voxels.shape[:3]):
            following = tuple(np.add(index, np.eye(3, dtype=int)[axis]))
            if following[axis] < voxels.shape[axis]:
                longest = max(longest, np.sqrt(np.sum((voxels[following] - voxels[index]) ** 2)))
        result.append(int(np.ceil(longest - 0.01)))
    return tuple(result)


def averaged_positions(points, factors):
    """(q, d, h, w, 3): the positions to average, by loops: linear to the neighbors, extrapolated at the border."""
    places = [[(a + 0.5) / q - 0.5 for a in range(q)] for q in factors]
    result = np.zeros((np.prod(factors), *points.shape))
    for k, offset in enumerate(itertools.product(*places)):
        for index in np.ndindex(points.shape[:3]):
            ends = []
            for i, part, length in zip(index, offset, points.shape, strict=False):
                other = i + (1 if part > 0 else -1)
                other = other if 0 <= other < length else 2 * i - other
                share = part / (other - i)
                ends.append([(i, 1 - share), (other, share)])
            for corner in itertools.product(*ends):
                place, weights = zip(*corner, strict=True)
                result[(k, *index)] += np.prod(weights) * points[place]
    return result


def exact_positions(grid, n, factors):
    """As `averaged_positions` for the matrix of a grid."""
    places = [[(a + 0.5) / q - 0.5 for a in range(q)] for q in factors]
    voxels = np.stack(np.meshgrid(*map(np.arange, OUT_SHAPE), indexing="ij")[::-1], axis=-1).reshape(-1, 3)
    matrix = grid.pixel_matrix(IN_SHAPE)[n : n + 1]
    moved = (map_points(matrix, voxels + offset[::-1]) for offset in itertools.product(*places))
    return np.stack([each.reshape(*OUT_SHAPE, 3) for each in moved])


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_positions_within_each_cell_are_averaged(kind, align_corners):
    grid = grid_of(kind, align_corners)
    out, factors = stn.sample(VOLUME, grid, antialias=True), factors_of(grid)
    assert len(set(factors)) == 2
    for n in range(2):
        assert min(factors[n]) > 1
        voxels = to_pixels(grid.dense()[n], IN_SHAPE, align_corners)
        if kind != "homography":  # measured at the corners of the cells
            assert factors[n] == slow_factors(voxels)
        closed = kind in ("affine", "homography")
        every = exact_positions(grid, n, factors[n]) if closed else averaged_positions(voxels, factors[n])
        expected = np.mean([oracle.read(VOLUME[n : n + 1], each[None], "bilinear", "zeros", None) for each in every], axis=0)
        np.testing.assert_allclose(out[n : n + 1], expected, atol=1e-10)


def test_factors_of_a_homography_are_those_of_the_steepest_cell():
    grid = grid_of("homography")
    corners = np.stack(np.meshgrid(*(np.arange(size + 1) - 0.5 for size in OUT_SHAPE), indexing="ij")[::-1], axis=-1)
    mapped = map_points(grid.pixel_matrix(IN_SHAPE), corners.reshape(-1, 3)).reshape(2, *corners.shape)
    assert factors_of(grid) == [slow_factors(each) for each in mapped]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    shape=st.tuples(*[st.integers(1, 3)] * 3),
    factors=st.tuples(*[st.integers(1, 4)] * 3),
    layout=st.sampled_from(["NDHWC", "NCDHW"]),
    dtype=st.sampled_from(["float32", "float64", "uint8"]),
)
def test_a_reduction_by_whole_factors_is_the_mean_over_blocks(shape, factors, layout, dtype):
    rng = np.random.default_rng(sum(shape) + sum(factors))
    (d, h, w), (a, b, c) = shape, factors
    volume = rng.integers(0, 255, (2, d * a, h * b, w * c, 3)).astype(dtype)
    grid = MatrixGrid(IDENTITY, shape, align_corners=False)
    given_layout = np.moveaxis(volume, -1, 1) if layout == "NCDHW" else volume
    out = stn.sample(given_layout, grid, layout=layout, antialias=True)
    out = np.moveaxis(out, 1, -1) if layout == "NCDHW" else out
    mean = volume.astype(float).reshape(2, d, a, h, b, w, c, 3).mean(axis=(2, 4, 6))
    np.testing.assert_allclose(out, np.rint(mean) if dtype == "uint8" else mean, rtol=1e-5)
    if dtype == "float64":
        assert out.mean() == pytest.approx(volume.mean())


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
@pytest.mark.parametrize("kernel", ["nearest", "linear", "cubic"])
def test_a_constant_volume_stays_constant(kernel, dtype):
    volume = np.full((2, *IN_SHAPE, 1), 77, dtype)
    out = stn.sample(volume, bent(), kernel=kernel, padding="border", antialias=True)
    np.testing.assert_allclose(out, 77, rtol=1e-5)


def test_nearest_takes_the_most_frequent_label():
    labels = RNG.integers(0, 3, (1, 4, 6, 6, 1)).astype(np.uint16)
    grid = MatrixGrid(IDENTITY, (2, 2, 3), align_corners=False)
    out = stn.sample(labels, grid, kernel="nearest", antialias=True)[0, ..., 0]
    blocks = labels.reshape(2, 2, 2, 3, 3, 2).transpose(0, 2, 4, 1, 3, 5).reshape(2, 2, 3, -1)
    expected = [np.bincount(block).argmax() for block in blocks.reshape(-1, 12)]
    np.testing.assert_array_equal(out.ravel(), expected)


@pytest.mark.parametrize("kind", ["affine", "dense"])
def test_nothing_changes_without_minification(kind):
    grid = MatrixGrid(np.diag([0.9, 0.8, 1.0, 1.0])[None], IN_SHAPE)
    grid = grid if kind == "affine" else DenseGrid(grid.dense())
    volume = VOLUME.astype(np.float32)
    (out, back), (plain, plain_back) = (stn.sample_vjp(volume, grid, antialias=each) for each in (True, False))
    for got, expected in zip((out, *back(plain)), (plain, *plain_back(plain)), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("padding", ["zeros", "reflect101"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind, padding):
    grid = grid_of(kind)

    def sampled(volume, values):
        return stn.sample_vjp(volume, grid._with(values=values), padding=padding, kernel="cubic", antialias=True)

    check_vjp(sampled, VOLUME, grid.values, step=1e-7)


def test_one_volume_gets_the_sum_of_the_gradients_of_all_grids():
    grid, d_out = grid_of("dense"), RNG.normal(size=(2, *OUT_SHAPE, 2))
    d_image, d_grid = stn.sample_vjp(VOLUME[:1], grid, antialias=True)[1](d_out)
    apart = [stn.sample_vjp(VOLUME[:1], grid[n : n + 1], antialias=True)[1](d_out[n : n + 1]) for n in range(2)]
    np.testing.assert_allclose(d_image, apart[0][0] + apart[1][0], atol=1e-12)
    np.testing.assert_array_equal(d_grid, np.concatenate([apart[0][1], apart[1][1]]))


@pytest.mark.parametrize("align_corners", [True, False])
def test_displacements_and_voxels_are_averaged_as_positions_are(align_corners):
    shared = {"antialias": True, "align_corners": align_corners, "padding": "border"}
    points, start = bent(), base_points(OUT_SHAPE, align_corners).reshape(1, *OUT_SHAPE, 3)
    expected = stn.sample(VOLUME, points, **shared)
    voxels = to_pixels(points, IN_SHAPE, align_corners)
    np.testing.assert_allclose(stn.sample(VOLUME, voxels, units="pixels", **shared), expected, atol=1e-10)
    np.testing.assert_allclose(stn.sample(VOLUME, points - start, displacement=True, **shared), expected, atol=1e-10)
    own = voxels - to_pixels(start, IN_SHAPE, align_corners)
    got = stn.sample(VOLUME, own, displacement=True, units="pixels", **shared)
    np.testing.assert_allclose(got, expected, atol=1e-10)


def test_positions_that_are_not_finite_affect_their_own_output_only():
    points = 0.5 * POINTS.reshape(1, *OUT_SHAPE, 3)
    expected = stn.sample(np.ones((1, *IN_SHAPE, 1)), points, antialias=True)
    points[0, 1, 2, 3] = points[0, 0, 0, 0] = points[0, 2, 3, 4] = np.nan
    hidden = np.isnan(points[..., :1])
    out, backprop = stn.sample_vjp(np.ones((1, *IN_SHAPE, 1)), points, antialias=True)
    np.testing.assert_allclose(out[~hidden], expected[~hidden], atol=1e-12)
    assert not out[hidden].any()
    assert all(np.isfinite(each).all() for each in backprop(np.ones_like(out)))


def test_gradients_next_to_a_position_that_is_not_finite():
    points, hidden = 0.5 * bent(1), np.zeros((1, *OUT_SHAPE, 3), bool)
    hidden[0, 1, 2, 3] = hidden[0, 0, 0, 0] = hidden[0, 2, 3, 4] = True

    def sampled(points):
        out, backprop = stn.sample_vjp(VOLUME[:1], np.where(hidden, np.nan, points), antialias=True)
        return out, lambda d_out: np.where(hidden, 0, backprop(d_out)[1])

    check_vjp(sampled, points, step=1e-7)


def test_a_thin_output_and_a_large_factor():
    whole = stn.sample(VOLUME, MatrixGrid(IDENTITY, (1, 1, 1), align_corners=False), antialias=True)
    np.testing.assert_allclose(whole.reshape(2, 2), VOLUME.mean(axis=(1, 2, 3)), atol=1e-12)
    plane = stn.sample(VOLUME, MatrixGrid(IDENTITY, (1, *IN_SHAPE[1:]), align_corners=False), antialias=True)
    np.testing.assert_allclose(plane[:, 0], VOLUME.mean(axis=1), atol=1e-12)  # a thick slice
    for shape in ((0, 2, 2), (2, 2, 0)):
        assert stn.sample(VOLUME, MatrixGrid(IDENTITY, shape), antialias=True).shape == (2, *shape, 2)


def test_the_number_of_threads_changes_no_bit():
    volume = RNG.normal(size=(1, 40, 41, 42, 1)).astype(np.float32)
    grid = MatrixGrid(IDENTITY, (20, 21, 22))
    results = []
    for threads in (1, 2):
        out, backprop = stn.sample_vjp(volume, grid, antialias=True, num_threads=threads)
        results.append((out, *backprop(out)))
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))
