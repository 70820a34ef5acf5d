"""Held-out rows have every class's share; batches have one size."""

import numpy as np
import pytest

from stn_numba.data.images.split import batches_by_size, held_out_rows


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.99])
def test_each_class_gives_its_share(share):
    counts = np.array([1, 2, 5, 40, 100])
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(5), counts))
    held_out = np.bincount(labels[held_out_rows(labels, share, 3)], minlength=5)
    assert held_out.tolist() == [0] + [min(max(round(share * n), 1), n - 1) for n in (2, 5, 40, 100)]


def test_the_seed_decides():
    labels = np.repeat(np.arange(3), 20)
    a, again, other = (held_out_rows(labels, 0.3, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a, again)
    assert (a != other).any()


def test_batches_have_one_size_and_all_rows():
    rng = np.random.default_rng(0)
    shapes = rng.integers(8, 11, (100, 2))
    batches = batches_by_size(shapes, 7, np.random.default_rng(1))
    assert all((shapes[rows] == shapes[rows[0]]).all() and len(rows) <= 7 for rows in batches)
    assert sorted(np.concatenate(batches).tolist()) == list(range(100))
    assert len(batches) == len(batches_by_size(shapes, 7, None))
    firsts = [tuple(shapes[rows[0]]) for rows in batches]
    assert firsts != sorted(firsts)  # sizes are mixed within an epoch


def test_batches_of_one_size_are_nearly_equal():
    batches = batches_by_size(np.ones((10, 2), int), 4, np.random.default_rng(0))
    assert [len(rows) for rows in batches] == [4, 3, 3]
