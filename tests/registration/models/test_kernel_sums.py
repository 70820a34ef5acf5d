"""The kernels of sums against a plain oracle in float64."""

import numpy as np
import pytest

from stn_numba import limit_threads
from stn_numba.kernels.registration import codes
from stn_numba.registration.models.kernel_sums import matrix_read, matrix_sums
from stn_numba.registration.models.lighting import HUBER, TUKEY, robust_weights
from stn_numba.registration.pyramid.filters import spline_coefficients
from tests.registration.models.oracle import read_with_gradient

KERNELS = {"bilinear": codes.LINEAR, "spline": codes.B_SPLINE}
RNG = np.random.default_rng(0)
AFFINE = np.array([[[32.3, 2, 34], [-1, 28.1, 29], [0, 0, 1.0]]])
PROJECTIVE = AFFINE + np.array([[0, 0, 0], [0, 0, 0], [0.3, -0.2, 0]])
AXES = 2 / 63, -1.0, 2 / 49, -1.0
SIZE, SHAPE = (60, 70), (50, 64)


def images(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(1, *SIZE)).astype(np.float32), rng.normal(size=(1, *SHAPE)).astype(np.float32)


def oracle(moving, fixed, matrix, *, cubic=False, weight=1.0, robust=0, lighting=None, axes=AXES):
    """(Q, count) of one pair."""
    h, w = fixed.shape
    u, v = np.meshgrid(axes[0] * np.arange(w) + axes[1], axes[2] * np.arange(h) + axes[3])
    x, y, z = np.einsum("ij,jhw->ihw", matrix, np.stack([u, v, np.ones_like(u)]))
    with np.errstate(all="ignore"):
        positions = np.where(z > 0, np.stack([x, y]) / z, np.nan).transpose(1, 2, 0)
    size = SIZE if moving.shape[0] >= SIZE[0] else moving.shape
    m, gx, gy = read_with_gradient(moving.astype(np.float64), positions, size, cubic=cubic)
    inside = np.isfinite(m)
    weight, m = inside * weight, np.where(inside, m, 0)
    count = weight.sum()
    if robust:
        weight = weight * robust_weights(lighting[0] * m + lighting[1] - fixed, robust, lighting[2])
    with np.errstate(all="ignore"):
        a, b = np.where(inside, gx / z, 0), np.where(inside, gy / z, 0)
        c = np.where(inside, -(a * x + b * y) / z, 0)
    rows = np.stack([s * t for s in (a, b, c) for t in (u, v, 1)] + [m, np.ones_like(m), fixed]).reshape(12, -1)
    return (rows * weight.ravel()) @ rows.T, count


def expect_close(found, expected, rows=12, tolerance=2e-5):
    products, count = expected
    np.testing.assert_allclose(found.counts[0], count, rtol=1e-6, atol=1e-3)
    keep = np.r_[0:6, 9:12] if rows == 9 else np.r_[0:12]
    value, other = found.products[0][np.ix_(keep, keep)], products[np.ix_(keep, keep)]
    scale = np.sqrt(np.outer(np.diag(other), np.diag(other))) + 1e-9
    assert np.abs((value - other) / scale).max() < tolerance


@pytest.mark.parametrize("matrix", [AFFINE, PROJECTIVE], ids=["affine", "projective"])
@pytest.mark.parametrize("kernel", ["bilinear", "spline"])
@pytest.mark.parametrize("robust", [0, 1, 2])
def test_sums(matrix, kernel, robust):
    moving, fixed = images()
    cubic, gain, bias, scale = kernel == "spline", 1.1, 0.1, 0.5
    planes = spline_coefficients(moving) if cubic else moving
    lighting = np.array([[gain, bias, scale * (HUBER if robust == 1 else TUKEY)]])
    projective = matrix is PROJECTIVE
    found = matrix_sums(
        planes, fixed, matrix, AXES, SIZE, kernel=KERNELS[kernel], projective=projective, robust=robust, lighting=lighting
    )
    expected = oracle(planes[0], fixed[0], matrix[0], cubic=cubic, robust=robust, lighting=(gain, bias, scale))
    # A position that rounds across a pixel line takes the slope of the next pixel.
    expect_close(found, expected, 12 if projective else 9, 2e-5 if cubic else 3e-3)


def test_weights():
    moving, fixed = images()
    weight = RNG.random((1, *SHAPE)).astype(np.float32)
    weight[:, 10:20] = 0
    expect_close(
        matrix_sums(moving, fixed, AFFINE, AXES, SIZE, fixed_weight=weight),
        oracle(moving[0], fixed[0], AFFINE[0], weight=weight[0]),
        9,
    )


def test_pixels_next_to_a_zero_of_the_mask_do_not_count():
    moving, fixed = images()
    mask = np.ones((1, *SIZE), np.float32)
    mask[:, 20:30, 10:30] = 0
    expected = matrix_sums(moving, fixed, AFFINE, AXES, SIZE, mask=mask)
    broken = np.where(mask > 0, moving, np.float32(np.nan))
    found = matrix_sums(broken, fixed, AFFINE, AXES, SIZE, mask=mask)
    np.testing.assert_array_equal(found.products, expected.products)
    assert 0.7 * SHAPE[0] * SHAPE[1] < found.counts[0] < 0.97 * SHAPE[0] * SHAPE[1]


def test_pairs_by_index():
    moving, fixed = (np.concatenate(each) for each in zip(images(0), images(1), strict=True))
    matrices = np.concatenate([AFFINE, AFFINE + 0.1, AFFINE])
    first, second = np.array([0, 1, 1]), np.array([1, 1, 0])
    found = matrix_sums(moving, fixed, matrices, AXES, SIZE, moving_index=first, fixed_index=second)
    for k in range(3):
        alone = matrix_sums(moving[first[k]][None], fixed[second[k]][None], matrices[k : k + 1], AXES, SIZE)
        np.testing.assert_array_equal(found.products[k], alone.products[0])


@pytest.mark.parametrize("robust", [0, 1, 2])
def test_the_same_bits_with_any_number_of_threads(robust):
    rng, found = np.random.default_rng(0), []
    moving, fixed = (rng.normal(size=(2, 300, 310)).astype(np.float32) for _ in range(2))
    matrices = np.array([[[140, 2, 150], [-1, 139, 151], [0, 0, 1.0]]] * 2)
    axes = 2 / 309, -1.0, 2 / 299, -1.0
    for count in (1, 2, 3):
        with limit_threads(count):
            found.append(matrix_sums(moving, fixed, matrices, axes, (300, 310), robust=robust, lighting=np.ones((2, 3))))
    assert all(np.array_equal(each.products, found[0].products) for each in found)


@pytest.mark.parametrize("shape", [(2, 2), (2, 5), (3, 2), (5, 7)])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (6, 5)])
def test_small_images(shape, size):
    moving, fixed = RNG.normal(size=(1, *shape)).astype(np.float32), RNG.normal(size=(1, *size)).astype(np.float32)
    matrix = np.array([[[0.3, 0.1, 0.6], [0, 0.4, 0.5], [0, 0, 1]]])
    axes = 2 / max(size[1] - 1, 1), -1.0, 2 / max(size[0] - 1, 1), -1.0
    expect_close(matrix_sums(moving, fixed, matrix, axes, shape), oracle(moving[0], fixed[0], matrix[0], axes=axes), 9)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, -1e300, 1e30])
@pytest.mark.parametrize("kernel", ["bilinear", "spline"])
def test_wild_matrices_read_nothing(value, kernel):
    moving, fixed = images()
    planes = spline_coefficients(moving) if kernel == "spline" else moving
    for k in range(9):
        matrix = PROJECTIVE.copy()
        matrix.reshape(-1)[k] = value
        found = matrix_sums(planes, fixed, matrix, AXES, SIZE, kernel=KERNELS[kernel], projective=True)
        assert 0 <= found.counts[0] <= SHAPE[0] * SHAPE[1]
        assert np.isfinite(found.products[0, 9:, 9:]).all()


def test_behind_the_horizon_nothing_counts():
    moving, fixed = images()
    found = matrix_sums(moving, fixed, -AFFINE, AXES, SIZE, projective=True)
    np.testing.assert_array_equal(found.products, 0)
    np.testing.assert_array_equal(found.counts, 0)


@pytest.mark.parametrize("kernel", ["bilinear", "spline"])
def test_read(kernel):
    moving, _ = images()
    planes = spline_coefficients(moving) if kernel == "spline" else moving
    found = matrix_read(planes, PROJECTIVE, AXES, SIZE, SHAPE, kernel=KERNELS[kernel], projective=True)[0]
    u, v = np.meshgrid(AXES[0] * np.arange(SHAPE[1]) + AXES[1], AXES[2] * np.arange(SHAPE[0]) + AXES[3])
    x, y, z = np.einsum("ij,jhw->ihw", PROJECTIVE[0], np.stack([u, v, np.ones_like(u)]))
    positions = np.stack([x / z, y / z], axis=-1)
    expected = read_with_gradient(planes[0], positions, SIZE, cubic=kernel == "spline")[0]
    np.testing.assert_allclose(found, expected, atol=1e-4)
