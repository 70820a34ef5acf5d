"""`stn_numba.dask.warp` has the bits of `stn_numba.warp`, whatever the chunks."""

import numpy as np
import pytest
from hypothesis import given, settings

import stn_numba as stn
from tests.dask.problems import calls, streamed, thetas

da = pytest.importorskip("dask.array", reason="Dask is not installed")
import stn_numba.dask  # noqa: E402


def bits(array):
    """The bytes of an array, with one NaN for all."""
    array = np.ascontiguousarray(array)
    parts = [array.real, array.imag] if array.dtype.kind == "c" else [array]
    return [np.where(np.isnan(part), np.nan, part).astype(part.dtype).tobytes() for part in parts]


def expect_same_bits(image, chunks, theta, transform, options):
    in_memory = stn.warp(image, theta, transform, **{name: value for name, value in options.items() if name != "chunks"})
    for images in (da.from_array(image, chunks=chunks), image):
        lazy = stn_numba.dask.warp(images, theta, transform, **options)
        found = lazy.compute()
        assert lazy.shape == found.shape == in_memory.shape
        assert lazy.dtype == found.dtype == in_memory.dtype
        assert bits(found) == bits(in_memory)


@settings(max_examples=100, deadline=None)
@given(calls())
def test_images_have_the_bits_of_the_whole(call):
    expect_same_bits(*call)


@settings(max_examples=25, deadline=None)
@given(calls(axes=3))
def test_volumes_have_the_bits_of_the_whole(call):
    expect_same_bits(*call)


def test_basis_functions_by_products_of_matrices_have_the_bits_of_the_whole():
    image = np.random.default_rng(0).random((20, 3300))
    transform = streamed(stn.get_transform("tps", control_points=(5, 5)))
    theta = thetas(transform, 1, np.random.default_rng(1), 0.02)
    expect_same_bits(image, (10, 1100), theta, transform, {"chunks": (11, 1500), "kernel": "cubic"})


def test_theta_that_dask_computes():
    rng = np.random.default_rng(0)
    frames, theta = rng.random((5, 20, 30, 1)), thetas(stn.get_transform("affine"), 5, rng, 0.1)
    lazy = stn_numba.dask.warp(da.from_array(frames, chunks=(2, 7, 9, 1)), da.from_array(theta, chunks=(3, 6)), chunks=8)
    np.testing.assert_array_equal(lazy.compute(), stn.warp(frames, theta))
    one = stn_numba.dask.warp(da.from_array(frames[0], chunks=(7, 9, 1)), da.from_array(theta), shape=(4, 5))
    np.testing.assert_array_equal(one.compute(), stn.warp(frames[0], theta, shape=(4, 5)))
    alone = stn_numba.dask.warp(da.from_array(frames[..., 0][0]), da.from_array(theta[0]))
    np.testing.assert_array_equal(alone.compute(), stn.warp(frames[..., 0][0], theta[0]))


def test_an_empty_output():
    assert stn_numba.dask.warp(np.ones((4, 5)), [1, 0, 0, 0, 1, 0], shape=(0, 3)).compute().shape == (0, 3)


def test_chunks_follow_those_of_the_image():
    image = da.ones((20, 30), chunks=((5, 15), 12))
    assert stn_numba.dask.warp(image, [1, 0, 0, 0, 1, 0]).chunks == ((5, 15), (12, 12, 6))
    assert stn_numba.dask.warp(image, [1, 0, 0, 0, 1, 0], shape=(20, 25)).chunks == ((5, 15), (12, 12, 1))
    assert stn_numba.dask.warp(image, [1, 0, 0, 0, 1, 0], chunks=(-1, 10)).chunks == ((20,), (10, 10, 10))


def test_the_graph_of_a_huge_image_is_small_and_made_without_reading_it():
    image = da.ones((100_000, 100_000), chunks=10_000, dtype=np.uint8)
    warped = stn_numba.dask.warp(image, [0.9, 0.1, 0, -0.1, 0.9, 0])
    assert len(warped.__dask_graph__()) < 250
    assert stn_numba.dask.warp(image, [1, 0, 0, 0, 1, 0], chunks=5_000)[:5, :5].compute().tolist() == [[1] * 5] * 5


def test_equal_calls_have_equal_names_and_others_have_others():
    image, theta = da.ones((20, 30), chunks=10), [1, 0, 0, 0, 1, 0]
    names = [stn_numba.dask.warp(image, theta, **options).name for options in ({}, {}, {"padding": "border"}, {"chunks": 7})]
    assert names[0] == names[1]
    assert len(set(names)) == 3


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"antialias": True}, ValueError, "antialias: expected False for Dask arrays"),
        ({"padding": "mirror"}, ValueError, "padding: expected one of"),
        ({"kernel": "linaer"}, ValueError, "kernel: expected one of"),
        ({"fill": 300}, ValueError, "fill: expected numbers that uint8 can hold"),
        ({"theta": np.ones((2, 5))}, ValueError, r"theta: expected \(6,\) or \(N, 6\), got \(2, 5\)"),
        ({"theta": da.ones((2, 5))}, ValueError, r"theta: expected \(6,\) or \(N, 6\), got \(2, 5\)"),
        ({"images": np.ones((3, 8, 9, 1))}, ValueError, "theta: expected 1 or 3 rows, as the image has, got 2"),
        ({"images": np.ones((2, 8, 9, 1), bool)}, TypeError, "image: bool can be read"),
        ({"images": np.ones((2, 8, 0, 1), np.uint8)}, ValueError, "image: expected at least one pixel"),
        ({"images": np.ones(4)}, ValueError, "image: expected"),
        ({"num_threads": 0}, ValueError, "num_threads"),
        ({"shape": (2, 3, 4)}, TypeError, "shape: expected two whole numbers"),
    ],
)
def test_errors_come_when_the_graph_is_made(arguments, error, message):
    given = {"images": np.ones((2, 8, 9, 1), np.uint8), "theta": np.tile([1.0, 0, 0, 0, 1, 0], (2, 1)), **arguments}
    with pytest.raises(error, match=message):
        stn_numba.dask.warp(**given)


def test_an_image_of_many_channels_is_pointed_out():
    with pytest.warns(RuntimeWarning, match="is read as one image of 28 channels"):
        stn_numba.dask.warp(np.ones((8, 28, 28)), [1, 0, 0, 0, 1, 0])
