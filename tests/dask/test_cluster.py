"""Results on threads and on worker processes are those of one thread."""

import os

import numpy as np
import pytest

import stn_numba as stn
from tests.dask.problems import TRANSFORMS, thetas

da = pytest.importorskip("dask.array", reason="Dask is not installed")
distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
import stn_numba.dask  # noqa: E402
from stn_numba.dask.models import SharedModel  # noqa: E402
from tests.dask.conftest import local_client  # noqa: E402


@pytest.fixture(scope="module")
def client():
    with local_client(2, threads_per_worker=2, silence_logs=50, set_as_default=False) as client:
        yield client


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).random((90, 120), np.float32)


def warps(image):
    """(lazy, in memory) of several transforms."""
    lazy = da.from_array(image, chunks=(40, 37))
    for name in ("affine", "projective", "streamed tps", "bspline", "radial", "composed"):
        transform = TRANSFORMS[name]()
        theta = thetas(transform, 1, np.random.default_rng(1), 0.05)
        yield stn_numba.dask.warp(lazy, theta, transform, kernel="cubic"), stn.warp(image, theta, transform, kernel="cubic")


def test_threads_give_the_same_bits(image):
    for lazy, expected in warps(image):
        np.testing.assert_array_equal(lazy.compute(scheduler="threads", num_workers=4), expected)


def test_processes_give_the_same_bits(client, image):
    for lazy, expected in warps(image):
        np.testing.assert_array_equal(client.compute(lazy).result(), expected)


def copies(_=None):
    return os.getpid(), len(SharedModel._known)


def test_a_worker_has_one_copy_of_the_model(client):
    model = stn.models.st_fcn(input_shape=(12, 12, 1), n_classes=3)
    images = np.random.default_rng(0).random((16, 12, 12, 1), np.float32)
    lazy = da.from_array(images, chunks=(2, 12, 12, 1))
    both = da.concatenate([stn_numba.dask.predict(model, lazy), stn_numba.dask.predict(model, lazy[::-1])])
    expected = np.concatenate([model.predict(images), model.predict(images[::-1])])
    future = client.persist(both)
    np.testing.assert_array_equal(client.compute(future).result(), expected)
    assert all(number <= 1 for _, number in client.run(copies).values())


def test_stacks_are_registered_and_warped(client):
    y, x = np.mgrid[-1:1:40j, -1:1:44j]
    frames = np.stack([np.sin(5 * (x + 0.03 * k)) + np.cos(4 * y - 3 * x * y) for k in range(4)])
    lazy = da.from_array(frames, chunks=(1, 40, 44))
    found = stn_numba.dask.register(lazy)
    theta, warped = client.gather(client.compute([found.theta, found.warp(lazy)]))
    np.testing.assert_array_equal(theta, np.concatenate([stn.register(f, frames[0], "translation").theta for f in frames]))
    np.testing.assert_array_equal(warped, stn.warp(frames[..., None], theta, "translation")[..., 0])
