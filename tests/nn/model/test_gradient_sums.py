"""Sums of the gradients of parts have the same bits, on one worker or on several."""

import numpy as np
import pytest

from stn_numba.nn.engine.thread_pool import split
from stn_numba.nn.model.gradient_sums import subtrees, sum_of

RNG = np.random.default_rng(0)


def parts(count):
    return {(k, k + 1): {"weight": RNG.standard_normal((5, 7)).astype(np.float32)} for k in range(count)}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 8, 12])
@pytest.mark.parametrize("workers", [1, 2, 3, 4, 5])
def test_the_number_of_workers_changes_no_bit(count, workers):
    known, whole = parts(count), (0, count)
    expected = sum_of(whole, known)["weight"]
    np.testing.assert_allclose(expected, sum(each["weight"].astype(float) for each in known.values()), rtol=1e-4, atol=1e-5)
    partial = {}
    for share in split(count, workers):
        for span in subtrees(whole, (share.start, share.stop)):
            partial[span] = sum_of(span, known)
    assert np.array_equal(sum_of(whole, partial)["weight"], expected)


def test_workers_return_one_sum_each_if_their_number_divides_that_of_the_parts_by_two():
    for workers in (1, 2, 4, 8):
        assert [len(subtrees((0, 8), (share.start, share.stop))) for share in split(8, workers)] == [1] * workers
    assert [subtrees((0, 8), (share.start, share.stop)) for share in split(8, 3)] == [
        [(0, 2)],
        [(2, 4), (4, 5)],
        [(5, 6), (6, 8)],
    ]


def test_parts_are_not_changed():
    known = parts(4)
    before = {span: each["weight"].copy() for span, each in known.items()}
    sum_of((0, 4), known)
    assert all(np.array_equal(known[span]["weight"], array) for span, array in before.items())


def test_gradients_of_other_names_or_shapes_are_refused():
    known = parts(2) | {(1, 2): {"weight": np.zeros(3)}}
    with pytest.raises(ValueError, match=r"gradient of 'weight': expected \(5, 7\), got \(3,\)"):
        sum_of((0, 2), known)
