"""The kernels of sums for positions against a plain oracle in float64."""

import numpy as np
import pytest

from stn_numba import limit_threads
from stn_numba.registration.models.kernel_sums import KERNELS
from stn_numba.registration.models.lighting import HUBER, TUKEY, robust_weights
from stn_numba.registration.models.position_sums import Positions, read_positions, row_sums
from stn_numba.registration.models.reading import read_with_gradient
from stn_numba.registration.pyramid.filters import spline_coefficients

SIZE, SHAPE = (30, 37), (21, 29)
TUNING = {0: 1.0, 1: HUBER, 2: TUKEY}


def scene(shape=SHAPE, size=SIZE, functions=3, seed=0):
    """(moving, fixed, basis, coefficients): a basis whose positions also leave the moving image."""
    rng = np.random.default_rng(seed)
    moving, fixed = (rng.normal(size=(1, *each)).astype(np.float32) for each in (size, shape))
    v, u = np.meshgrid(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), indexing="ij")
    basis = np.stack([np.ones(u.size), u.ravel(), v.ravel(), *rng.normal(size=(functions, u.size))])
    coefficients = rng.normal(scale=0.7, size=(1, 2, len(basis)))
    coefficients[0, :, :3] += [[size[1] / 2, 0.55 * size[1], 0.02], [size[0] / 2, 0.03, 0.55 * size[0]]]
    return moving, fixed, basis, coefficients


def mapped(basis, coefficients):
    """Positions (N, pixels, 2)."""
    return np.ascontiguousarray(np.moveaxis(coefficients @ basis, 1, 2))


def oracle(moving, fixed, positions, rows, *, size=SIZE, cubic=False, weight=1.0, robust=0, lighting=(1, 0, 1)):
    """(Q, count): `rows` makes the derivatives (P, pixels) of gradients."""
    m, gx, gy = read_with_gradient(moving.astype(np.float64), positions.reshape(*fixed.shape, 2), size, cubic=cubic)
    inside = np.isfinite(m)
    weight, m = inside * weight, np.where(inside, m, 0)
    count = weight.sum()
    if robust:
        weight = weight * robust_weights(lighting[0] * m + lighting[1] - fixed, robust, lighting[2])
    q = np.concatenate([rows(gx.ravel(), gy.ravel()), [m.ravel(), np.ones(m.size), fixed.ravel()]])
    return (q * weight.ravel()) @ q.T, count


def expect_close(found, expected, tolerance=2e-5):
    products, count = expected
    np.testing.assert_allclose(found.counts[0], count, rtol=1e-6, atol=1e-3)
    scale = np.sqrt(np.outer(np.diag(products), np.diag(products))) + 1e-9
    assert np.abs((found.products[0] - products) / scale).max() < tolerance


@pytest.mark.parametrize("kernel", ["bilinear", "spline"])
@pytest.mark.parametrize("robust", [0, 1, 2])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sums_by_a_basis(kernel, robust, dtype):
    moving, fixed, basis, coefficients = scene()
    basis, cubic = basis.astype(dtype), kernel == "spline"
    planes = spline_coefficients(moving) if cubic else moving
    light = 1.1, 0.1, 0.5
    given = {"robust": robust, "lighting": np.array([[*light[:2], light[2] * TUNING[robust]]])}
    found = row_sums(planes, fixed, Positions(None, basis, coefficients), SIZE, kernel=KERNELS[kernel], **given)

    def rows(gx, gy):
        return np.concatenate([gx * basis, gy * basis])

    positions = mapped(basis.astype(float), coefficients)
    expect_close(found, oracle(planes[0], fixed[0], positions, rows, cubic=cubic, robust=robust, lighting=light))
    assert 200 < found.counts[0] < SHAPE[0] * SHAPE[1]


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 4), (9, 1), (5, 7), (19, 53)])
@pytest.mark.parametrize("size", [(2, 2), (3, 9), (30, 37)])
def test_sums_by_a_jacobian(shape, size):
    moving, fixed, basis, coefficients = scene(shape, size)
    positions = mapped(basis, coefficients)
    jacobian = np.random.default_rng(1).normal(size=(1, 5, fixed.size, 2))

    def rows(gx, gy):
        return gx * jacobian[0, ..., 0] + gy * jacobian[0, ..., 1]

    found = row_sums(moving, fixed, Positions(positions), size, jacobian=jacobian)
    expect_close(found, oracle(moving[0], fixed[0], positions, rows, size=size))


def test_weights_and_masks():
    moving, fixed, basis, coefficients = scene()
    rng, positions = np.random.default_rng(2), mapped(basis, coefficients)
    weight = np.maximum(rng.normal(size=fixed.shape), 0).astype(np.float32)
    mask = np.ones_like(moving)
    mask[0, 10:14, 5:20] = 0
    near = np.nan_to_num(read_with_gradient(mask[0], positions.reshape(*SHAPE, 2), SIZE)[0])
    both = weight[0] * (near > 1 - 1e-9)

    def rows(gx, gy):
        return np.concatenate([gx * basis, gy * basis])

    expected = oracle(moving[0], fixed[0], positions, rows, weight=both)
    masked, unweighted = np.where(mask > 0, moving, np.nan), np.where(weight > 0, fixed, np.nan)
    found = row_sums(masked, unweighted, Positions(None, basis, coefficients), SIZE, mask=mask, fixed_weight=weight)
    expect_close(found, expected)


def test_pairs_of_a_batch():
    (one, fixed, basis, first), (other, second_fixed, _, second) = scene(seed=0), scene(seed=1)
    moving, fixed, coefficients = (np.concatenate(each) for each in ((one, other), (fixed, second_fixed), (first, second)))
    index, jacobian = np.array([1, 0]), np.random.default_rng(3).normal(size=(2, 4, basis.shape[1], 2))
    positions = mapped(basis, coefficients)
    by_basis = row_sums(moving, fixed, Positions(None, basis, coefficients), SIZE, moving_index=index)
    by_jacobian = row_sums(moving, fixed, Positions(positions), SIZE, jacobian=jacobian, fixed_index=index)
    for k in range(2):
        alone = row_sums(moving[index[k]][None], fixed[k][None], Positions(None, basis, coefficients[k][None]), SIZE)
        np.testing.assert_array_equal(by_basis.products[k], alone.products[0])
        given = Positions(positions[k][None])
        alone = row_sums(moving[k][None], fixed[index[k]][None], given, SIZE, jacobian=jacobian[k][None])
        np.testing.assert_array_equal(by_jacobian.products[k], alone.products[0])


def test_the_same_bits_with_any_number_of_threads():
    moving, fixed, basis, coefficients = scene((150, 161), (140, 130))
    found = []
    for count in (1, 2, 3):
        with limit_threads(count):
            found.append(row_sums(moving, fixed, Positions(None, basis, coefficients), (140, 130)))
    assert all(np.array_equal(each.products, found[0].products) for each in found)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, -1e300, 1e30, 3e9])
@pytest.mark.parametrize("kernel", ["bilinear", "spline"])
def test_wild_positions_read_nothing(value, kernel):
    moving, fixed, basis, coefficients = scene()
    planes = spline_coefficients(moving) if kernel == "spline" else moving
    positions, jacobian = mapped(basis, coefficients), np.ones((1, 2, fixed.size, 2))
    expected = positions.copy()
    positions[0, ::3, 0] = positions[0, 1::5, 1] = value
    expected[0, ::3, 0] = expected[0, 1::5, 1] = -9
    jacobian[0, :, ::3] = value
    found = row_sums(planes, fixed, Positions(positions), SIZE, jacobian=jacobian, kernel=KERNELS[kernel])
    jacobian[0, :, ::3] = 1
    alike = row_sums(planes, fixed, Positions(expected), SIZE, jacobian=jacobian, kernel=KERNELS[kernel])
    np.testing.assert_array_equal(found.products, alike.products)
    read = read_positions(planes, Positions(positions), SIZE, kernel=KERNELS[kernel])
    assert np.isfinite(read).sum() == found.counts[0]


@pytest.mark.parametrize("kernel", ["bilinear", "spline"])
def test_read(kernel):
    moving, _, basis, coefficients = scene()
    planes = spline_coefficients(moving) if kernel == "spline" else moving
    positions = mapped(basis, coefficients)
    expected = read_with_gradient(planes[0], positions.reshape(*SHAPE, 2), SIZE, cubic=kernel == "spline")[0]
    for given in (Positions(positions), Positions(None, basis, coefficients)):
        found = read_positions(planes, given, SIZE, kernel=KERNELS[kernel])
        np.testing.assert_allclose(found[0].reshape(SHAPE), expected, atol=1e-5)


def test_the_last_pixels_count():
    moving, fixed, *_ = scene((6, 5), (6, 5))
    v, u = np.meshgrid(np.arange(6.0), np.arange(5.0), indexing="ij")
    found = read_positions(moving, Positions(np.stack([u, v], axis=-1).reshape(1, 30, 2)), (6, 5))
    np.testing.assert_allclose(found.reshape(moving.shape), moving, rtol=3e-7)
