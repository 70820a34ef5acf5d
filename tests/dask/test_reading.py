"""Which pixels chunks read: those of their positions, and none where positions lie outside."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stn_numba.kernels.constants import BILINEAR, BORDER, REFLECT, REFLECT_TAPS, WRAP, ZEROS
from tests.dask.problems import TRANSFORMS, thetas

da = pytest.importorskip("dask.array", reason="Dask is not installed")
import stn_numba.dask  # noqa: E402
from stn_numba.dask import reading  # noqa: E402
from stn_numba.dask.reading import Axis, crop_size  # noqa: E402


class Recorder:
    """An array that notes which pixels are read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.ndim = array, array.shape, array.dtype, array.ndim
        self.read = np.zeros(array.shape, bool)

    def __getitem__(self, index):
        self.read[index] = True
        return self.array[index]


def read_by(theta, transform="affine", *, block=(slice(0, 10), slice(0, 10)), blocks=4, **options):
    """Which of 100 x 100 pixels one chunk of 10 x 10 reads; a block of so many pixels is read whole."""
    source = Recorder(np.random.default_rng(0).random((100, 100)))
    image = da.from_array(source, chunks=blocks, meta=np.empty((0, 0)))
    warped = stn_numba.dask.warp(image, theta, transform, chunks=10, **options)
    warped[block].compute()
    return source.read


def rectangle(read):
    """(top, bottom, left, right) of the pixels that were read, all of which must have been."""
    rows, columns = np.flatnonzero(read.any(axis=1)), np.flatnonzero(read.any(axis=0))
    assert read[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    return rows[0], rows[-1], columns[0], columns[-1]


@pytest.mark.parametrize("name", ["affine", "projective", "tps", "streamed tps", "polynomial", "bspline", "radial"])
def test_a_chunk_reads_what_its_positions_reach_and_little_more(name):
    transform = TRANSFORMS[name]()
    theta = thetas(transform, 1, np.random.default_rng(3), 0.03)
    block = slice(40, 50), slice(50, 60)
    grid = transform.for_image((100, 100)).forward(theta, (100, 100))[0]
    x, y = np.moveaxis((grid.dense()[0][block] + 1) * 99 / 2, -1, 0)
    top, bottom, left, right = rectangle(read_by(theta[0], transform, block=block, blocks=1))
    most = 14 if "tps" in name else 5  # the bound for a spline is coarse in so small an image
    for first, last, at in ((top, bottom, y), (left, right, x)):
        assert at.min() - most <= first <= np.floor(at.min())
        assert np.ceil(at.max()) <= last <= at.max() + most


def test_a_chunk_outside_reads_nothing():
    shift = [1, 0, 3, 0, 1, 0]
    assert not read_by(shift).any()
    assert not read_by(shift, fill=5).any()
    assert not read_by(shift, padding="constant", kernel="nearest").any()
    assert read_by(shift, padding="border").any()


def test_behind_the_horizon_nothing_is_read_and_near_it_what_is_seen():
    theta = [1, 0, 0, 0, 1, 0, 2, 0]  # the denominator 2 x + 1 is 0 at x = -0.5, in the middle of chunk 2
    assert not read_by(theta, "projective", padding="border").any()
    assert not read_by(theta, "projective", block=(slice(0, 10), slice(10, 20))).any()
    behind = read_by(theta, "projective", padding="border", block=(slice(40, 50), slice(20, 30)))
    assert rectangle(behind)[2] == 0
    assert rectangle(behind)[3] < 40
    assert behind.sum() < 5000


def test_a_rotated_chunk_at_the_edge_reads_only_the_part_inside():
    turned = [0.7, 0.7, 0, -0.7, 0.7, 0]
    top, bottom, _left, right = rectangle(read_by(turned, block=(slice(20, 30), slice(0, 10))))
    assert right < 25
    assert bottom - top < 25


def test_a_position_beyond_the_crop_is_an_error_and_no_wrong_pixel(monkeypatch):
    monkeypatch.setattr(reading.Axis, "reach", property(lambda axis: -3))
    with pytest.raises(RuntimeError, match="beyond the part of the image that its chunk reads"):
        read_by([1, 0, 0, 0, 1, 0], block=(slice(40, 50), slice(50, 60)))


AXES = {
    "zeros": (ZEROS, 0.0),
    "border": (BORDER, 0.0),
    "reflect101": (REFLECT, 0.0),
    "symmetric": (REFLECT, -0.5),
    "wrap": (WRAP, 0.0),
    "mirrored taps": (REFLECT_TAPS, 0.0),
}


def pixels_read(name, size, position):
    """The pixels that bilinear reading takes at a position, one by one."""
    found = set()
    for pixel in (int(np.floor(position)), int(np.floor(position)) + 1):
        if name == "border":
            pixel = min(max(pixel, 0), size - 1)
        elif name == "wrap":
            pixel %= size
        elif name == "symmetric":
            pixel = pixel % (2 * size) if pixel % (2 * size) < size else 2 * size - 1 - pixel % (2 * size)
        elif name != "zeros":
            period = max(2 * (size - 1), 1)
            pixel = pixel % period if pixel % period < size else period - pixel % period
        found.add(pixel)
    return {pixel for pixel in found if 0 <= pixel < size}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([*AXES]), st.integers(1, 30), st.floats(-100, 100), st.floats(0, 40))
def test_runs_hold_all_pixels_of_a_range(name, size, low, length):
    mode, first = AXES[name]
    axis = Axis(size, BILINEAR, 2, mode, first, {"symmetric": size, "wrap": size}.get(name, size - 1))
    runs = axis.runs(low, low + length)
    held = {pixel for start, stop in runs for pixel in range(start, stop)}
    assert len(held) == crop_size(runs) <= size
    for position in np.linspace(low, low + length, 50):
        assert pixels_read(name, size, position) <= held


def test_an_endless_range_of_a_repeating_image_is_everything():
    for name, (mode, first) in AXES.items():
        assert Axis(9, BILINEAR, 2, mode, first, 9.0).runs(-np.inf, np.inf) == ((0, 9),), name
