"""Nearest-pixel sampling of labels of any dtype, bit for bit."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.sampler.padding import PADDINGS
from tests.sampler import oracle

DTYPES = ["bool", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g", "c8", "c16", "G", ">i8", "M8[s]", "S5"]
POSITIONS = np.random.default_rng(3).uniform(-9, 16, (2, 9, 40, 2))
POSITIONS[0, 0, :6, 0] = np.nan, np.inf, -np.inf, 1e38, 2.0**31, -0.5
POSITIONS[1, 1, 3:8] = [2.5, -0.5]


def image_of(dtype, shape):
    values = np.random.default_rng(0).integers(0, 100, shape)
    return values.astype("U5").astype(dtype) if np.dtype(dtype).kind == "S" else values.astype(dtype)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_is_copied(dtype, channels, layout):
    """An image of pixel numbers shows which pixel is read; the result is the value of that pixel."""
    numbers = np.arange(1, 7 * 6 + 1).reshape(1, 7, 6, 1)
    image = image_of(dtype, (1, 7, 6, channels))
    for padding in ("zeros", "border", "symmetric", "reflect101", "wrap"):
        which = oracle.read(numbers, POSITIONS, "nearest", padding, None).astype(int)[..., 0]
        read = image.transpose(0, 3, 1, 2) if layout == "NCHW" else image
        got = stn.sample(read, POSITIONS, kernel="nearest", padding=padding, units="pixels", layout=layout)
        got = got.transpose(0, 2, 3, 1) if layout == "NCHW" else got
        assert got.dtype == np.dtype(dtype).newbyteorder("=")
        flat = np.concatenate([np.zeros((1, channels), image.dtype), image.reshape(-1, channels)])
        np.testing.assert_array_equal(got, flat[which])


@pytest.mark.parametrize("dtype", ["u4", "i8", "u8"])
def test_large_labels_are_not_rounded(dtype):
    limits = np.iinfo(dtype)
    labels = np.array([[limits.min, 3, limits.max - 1, limits.max]], dtype)
    got = stn.warp(labels, [-1, 0, 0, 0, 1, 0], kernel="nearest")
    assert got.dtype == dtype
    assert got.tolist() == labels[:, ::-1].tolist()


def test_payloads_of_nan_and_signs_of_zero_are_kept():
    values = np.array([0x7FC12345, 0x80000000, 0xFF812345, 1], np.uint32).view(np.float32)
    got = stn.warp(values[None], [1, 0, 0, 0, 1, 0], kernel="nearest")
    assert got.view(np.uint32).tolist() == [values.view(np.uint32).tolist()]


@pytest.mark.parametrize("padding", [None, *PADDINGS])
def test_fill_is_read_wherever_no_pixel_is_nearest(padding):
    labels = np.arange(1, 43, dtype=np.int64).reshape(1, 7, 6, 1)
    options = {} if padding is None else {"padding": padding}
    got = stn.sample(labels, POSITIONS, kernel="nearest", fill=2**60, units="pixels", **options)
    np.testing.assert_array_equal(got, oracle.read(labels, POSITIONS, "nearest", "constant", 2.0**60).astype(np.int64))


def test_structured_dtypes_and_any_strides_are_read():
    kind = np.dtype([("label", "<i4"), ("score", "<f8")])
    image = np.zeros((1, 4, 5, 2), kind)
    image["label"], image["score"] = np.arange(40).reshape(1, 4, 5, 2), 0.5
    grid = stn.grid_from_pixel_matrix([[-1, 0, 4], [0, -1, 3]], (4, 5), (4, 5))
    for given in (image, image[:, ::-1, ::-1], np.asfortranarray(image), image[..., ::-1]):
        np.testing.assert_array_equal(stn.sample(given, grid, kernel="nearest"), given[:, ::-1, ::-1])


def test_object_dtype_is_refused():
    with pytest.raises(TypeError, match="image: expected numbers, got dtype object"):
        stn.sample(np.full((1, 2, 2, 1), None), np.zeros((1, 1, 1, 2)), kernel="nearest")


def test_other_kernels_refuse_int64_and_suggest_nearest():
    with pytest.raises(TypeError, match='image: expected .*, got int64; kernel="nearest" reads every dtype'):
        stn.sample(np.zeros((1, 2, 2, 1), np.int64), np.zeros((1, 1, 1, 2)))


def most_frequent(values):
    labels, counts = np.unique(values, return_counts=True)
    return labels[counts.argmax()]  # the smallest of several


@pytest.mark.parametrize("dtype", ["bool", "u1", "i8", "f4"])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_antialias_takes_the_most_frequent_label_of_a_cell(dtype, factor):
    rng = np.random.default_rng(factor)
    labels = rng.integers(0, 2 if dtype == "bool" else 4, (5 * factor, 6 * factor, 2)).astype(dtype)
    options = {"shape": (5, 6), "kernel": "nearest", "align_corners": False, "antialias": True}
    got = stn.warp(labels, [1, 0, 0, 0, 1, 0], **options)
    cells = labels.reshape(5, factor, 6, factor, 2)
    expected = [[[most_frequent(cells[i, :, j, :, c]) for c in range(2)] for j in range(6)] for i in range(5)]
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, np.array(expected, dtype))


def test_antialiased_nearest_has_no_gradient():
    with pytest.raises(ValueError, match="antialias: the most frequent of several pixels has no gradient"):
        stn.sample_vjp(np.ones((1, 4, 4, 1)), np.zeros((1, 1, 1, 2)), kernel="nearest", antialias=True)
