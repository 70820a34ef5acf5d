"""Near matrices against the entries that they stand for."""

import itertools

import numpy as np
import pytest

from stn_numba.registration.models.volumes.near_matrix import NearMatrix

PAIRS = {(0, 0): 0, (0, 1): 1, (0, 2): 2, (1, 1): 3, (1, 2): 4, (2, 2): 5}
SHAPES = [((4, 5, 6), (4, 4, 4)), ((3, 3, 11), (2, 3, 5)), ((1, 2, 17), (1, 1, 3)), ((2, 2, 2), (2, 2, 2))]


def near_sums(lattice, far, n=2, seed=0):
    """Random sums (n, 6, D, D, D, planes, rows, columns), 0 where the second control point would be outside."""
    sums = np.random.default_rng(seed).normal(size=(n, 6, *far, *lattice))
    for distances in itertools.product(*map(range, far)):
        for axis, distance in enumerate(distances):
            outside = [slice(None)] * 3
            outside[axis] = slice(lattice[axis] - distance, None)
            sums[(slice(None), slice(None), *distances, *outside)] = 0
    return sums


def dense_of(sums):
    """Matrices (n, P, P), entry by entry."""
    n, _, *far = sums.shape[:5]
    lattice = sums.shape[5:]
    result = np.zeros((n, 3, *lattice, 3, *lattice))
    for one, two in itertools.product(np.ndindex(*lattice), repeat=2):
        distances = [abs(a - b) for a, b in zip(one, two, strict=True)]
        if all(distance < most for distance, most in zip(distances, far, strict=True)):
            first = [min(a, b) for a, b in zip(one, two, strict=True)]
            for i, j in itertools.product(range(3), repeat=2):
                pair = PAIRS[min(i, j), max(i, j)]
                result[(slice(None), i, *one, j, *two)] = sums[(slice(None), pair, *distances, *first)]
    size = 3 * int(np.prod(lattice))
    return result.reshape(n, size, size)


@pytest.mark.parametrize(("lattice", "far"), SHAPES)
def test_products_with_vectors(lattice, far):
    sums = near_sums(lattice, far)
    near, expected = NearMatrix.of(sums), dense_of(sums)
    assert near.lattice == lattice
    assert near.size == expected.shape[1]
    np.testing.assert_array_equal(near.dense(), expected)
    np.testing.assert_array_equal(near.diagonal(), np.einsum("npp->np", expected))
    vectors = np.random.default_rng(1).normal(size=(3, near.size))
    for k in range(2):
        multiply = near.product(k)
        for vector in vectors:  # the same memory each time
            np.testing.assert_allclose(multiply(vector), expected[k] @ vector, atol=1e-12)


def test_sums_of_matrices_with_different_reach():
    one, two = near_sums((4, 5, 6), (4, 4, 4)), near_sums((4, 5, 6), (2, 5, 1), n=1, seed=1)
    total = NearMatrix.of(one).plus(NearMatrix.of(two))
    np.testing.assert_allclose(total.dense(), dense_of(one) + dense_of(two))
    np.testing.assert_array_equal(total.take(np.array([1])).dense(), total.dense()[1:])


def test_channels_are_added_with_their_factors():
    sums, factors = near_sums((3, 3, 4), (2, 2, 2), n=6), np.random.default_rng(1).normal(size=(2, 3))
    added = NearMatrix.of(sums).added(factors)
    expected = np.einsum("nc,ncpq->npq", factors, dense_of(sums).reshape(2, 3, 108, 108))
    np.testing.assert_allclose(added.dense(), expected, atol=1e-12)


def test_couplings_are_the_mean_of_lines():
    sums = near_sums((4, 5, 6), (3, 3, 3))
    sums[:, :, 0, 0, 0] += 20  # a positive diagonal
    dense, scale = dense_of(sums)[1], np.random.default_rng(1).uniform(0.5, 1, 360)
    scaled = (dense * scale * scale[:, None]).reshape(3, 4, 5, 6, 3, 4, 5, 6)
    means = [
        np.einsum("azyxawyx->zw", scaled),
        np.einsum("azyxazvx->yv", scaled),
        np.einsum("azyxazyw->xw", scaled),
    ]
    for found, mean in zip(NearMatrix.of(sums).couplings(scale, 1), means, strict=True):
        root = np.sqrt(np.diag(mean))
        np.testing.assert_allclose(found, mean / (root * root[:, None]) + 0.1 * np.eye(len(mean)), atol=1e-12)
