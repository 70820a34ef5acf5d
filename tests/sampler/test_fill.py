"""What `fill` becomes for dtypes that the sampler's own tests do not cover."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.sampler.fill import as_fill
from stn_numba.sampler.padding import fill_rule


@pytest.mark.parametrize("dtype", ["int64", "uint64", "uint32"])
def test_the_ends_of_wide_integers_are_exact(dtype):
    limits = np.iinfo(dtype)
    for fill in (int(limits.min), int(limits.max)):
        assert int(as_fill(fill, np.dtype(dtype))) == fill
        assert fill_rule(as_fill(fill, np.dtype(dtype)), "constant", 2, dtype)[0].tolist() == [fill, fill]
    for fill in (int(limits.min) - 1, int(limits.max) + 1, float(limits.max) + 1, 2.0**64, np.nan):
        with pytest.raises(ValueError, match=f"fill: expected numbers that {dtype} can hold, .* to {limits.max}, got"):
            as_fill(fill, np.dtype(dtype))


def test_fractions_are_rounded_half_to_even_where_they_are_cast():
    fill = as_fill([0.5, 1.5, -0.5], np.dtype(np.int64))
    assert fill_rule(fill, "zeros", 3, np.int64)[0].tolist() == [0, 2, 0]


def test_images_that_hold_no_numbers():
    day = np.datetime64("2020-01-02")
    assert as_fill(day, np.dtype("M8[D]")) == day
    with pytest.raises(TypeError, match=r"fill: expected what an image of datetime64\[D\] can hold, got 'x'"):
        as_fill("x", np.dtype("M8[D]"))


def test_no_warning_whatever_numpy_is_told():
    with np.errstate(all="raise"):
        with pytest.raises(ValueError, match="fill: expected"):
            as_fill(1e300, np.dtype(np.float32))
        assert np.isnan(as_fill(np.nan, np.dtype(np.float16)))
        as_fill(np.longdouble(1), np.dtype(np.longdouble))


@pytest.mark.parametrize(
    ("fill", "dtype"),
    [(b"abcdef", "S2"), ("abcdef", "U2"), (10**19, "m8[s]"), ("3000-01-01", "M8[ns]"), (300, [("a", "u1"), ("b", "f4")])],
)
def test_a_fill_that_other_dtypes_would_change_is_refused(fill, dtype):
    with pytest.raises((TypeError, ValueError), match="fill: expected what an image of"):
        as_fill(fill, np.dtype(dtype))


def test_a_structure_is_a_fill_for_an_image_of_structures():
    kind = np.dtype([("a", "u1"), ("b", "f4")])
    fill = np.array((3, 1.5), kind)
    out = stn.warp(np.zeros((2, 2), kind), [1, 0, 9, 0, 1, 0], kernel="nearest", fill=fill)
    assert (out == fill).all()
