"""Kinds of arrays, and coordinates of xarray."""

import numpy as np
import pytest

import stn_numba as stn

da = pytest.importorskip("dask.array", reason="Dask is not installed")
import stn_numba.dask  # noqa: E402

TURN = [0.8, 0.3, 0.1, -0.3, 0.8, 0.05]


@pytest.fixture
def image():
    return np.random.default_rng(0).random((20, 30, 3))


def test_zarr_arrays_are_read_in_chunks(image, tmp_path):
    zarr = pytest.importorskip("zarr", reason="Zarr is not installed")
    stored = zarr.create_array(tmp_path / "image.zarr", shape=image.shape, chunks=(7, 8, 3), dtype=image.dtype)
    stored[:] = image
    warped = stn_numba.dask.warp(stored, TURN, chunks=(6, 30))
    np.testing.assert_array_equal(warped.compute(), stn.warp(image, TURN))


def test_lists_and_arrays_are_taken(image):
    for given in (image, image.tolist()):
        np.testing.assert_array_equal(stn_numba.dask.warp(given, TURN).compute(), stn.warp(image, TURN))


def test_unknown_chunks_are_an_error(image):
    lazy = da.from_array(image)[da.from_array(image[:, 0, 0]) > 0.5]
    with pytest.raises(ValueError, match="images: expected chunks of known sizes"):
        stn_numba.dask.warp(lazy, TURN)


@pytest.fixture
def labels(image):
    xarray = pytest.importorskip("xarray", reason="xarray is not installed")
    coordinates = {
        "lat": ("y", np.linspace(50, 31, 20), {"units": "degrees"}),
        "y": np.arange(20) ** 2,
        "x": [f"column {k}" for k in range(30)],
        "band": list("rgb"),
        "time": 7,
    }
    return xarray.DataArray(image, coordinates, ("y", "x", "band"), name="scene", attrs={"sensor": 3}).chunk(y=6, x=7)


def test_coordinates_of_the_same_axes_are_kept(image, labels):
    warped = stn_numba.dask.warp(labels, TURN)
    assert isinstance(warped.data, da.Array)
    assert warped.drop_vars(labels.coords).equals(labels.copy(data=stn.warp(image, TURN)).drop_vars(labels.coords))
    assert warped.coords.equals(labels.coords)
    assert (warped.name, warped.attrs) == ("scene", {"sensor": 3})


def test_coordinates_of_other_lengths_are_interpolated_or_left_out(image, labels):
    warped = stn_numba.dask.warp(labels, TURN, shape=(39, 15))
    np.testing.assert_array_equal(warped, stn.warp(image, TURN, shape=(39, 15)))
    assert set(warped.coords) == {"lat", "y", "band", "time"}
    np.testing.assert_allclose(warped.lat, np.linspace(50, 31, 39))
    np.testing.assert_array_equal(warped.y[::2], labels.y)
    assert warped.lat.attrs == {"units": "degrees"}


def test_several_outputs_of_one_image_have_a_dimension_of_their_own(image, labels):
    warped = stn_numba.dask.warp(labels, [TURN, TURN])
    assert warped.dims == ("warp", "y", "x", "band")
    np.testing.assert_array_equal(warped, stn.warp(image, [TURN, TURN]))


def test_channels_first_and_batches(image, labels):
    first = labels.transpose("band", "y", "x")
    warped = stn_numba.dask.warp(first, TURN, shape=(10, 30), layout="NCHW")
    assert warped.sizes == {"band": 3, "y": 10, "x": 30}
    assert list(warped.x.values) == list(labels.x.values)
    batch = first.rename(band="frame").expand_dims(gray=1, axis=-1)
    warped = stn_numba.dask.warp(batch, TURN, shape=(20, 5))
    assert warped.sizes == {"frame": 3, "y": 20, "x": 5, "gray": 1}
    assert "x" not in warped.coords
    np.testing.assert_array_equal(warped.frame, batch.frame)
