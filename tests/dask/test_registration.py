"""Registration of stacks: for each frame what `stn_numba.register` finds."""

import numpy as np
import pytest

import stn_numba as stn

da = pytest.importorskip("dask.array", reason="Dask is not installed")
import stn_numba.dask  # noqa: E402


@pytest.fixture(scope="module")
def frames():
    y, x = np.mgrid[-1:1:40j, -1:1:44j]
    return np.stack([np.sin(5 * (x + 0.03 * k)) + np.cos(4 * y - 3 * x * (y - 0.02 * k)) for k in range(5)])


def test_each_frame_is_registered_as_by_itself(frames):
    found = stn_numba.dask.register(da.from_array(frames, chunks=(2, 20, 44)), transform="affine")
    alone = [stn.register(frame, frames[0], "affine") for frame in frames]
    assert found.theta.shape == (5, 6)
    np.testing.assert_array_equal(found.theta.compute(), np.concatenate([each.theta for each in alone]))
    np.testing.assert_array_equal(found.success.compute(), [each.success for each in alone])
    np.testing.assert_array_equal(found.overlap.compute(), [each.overlap for each in alone])
    assert found.success.dtype == bool
    assert found.success.compute().all()


@pytest.mark.parametrize("color", [False, True])
def test_frames_are_warped_by_what_is_found(frames, color):
    stack = np.stack([frames, 2 * frames], axis=-1) if color else frames
    lazy = da.from_array(stack, chunks=(2, 20, *stack.shape[2:]))
    found = stn_numba.dask.register(lazy, 1, "affine")
    theta = found.theta.compute()
    expected = stn.warp(stack.reshape(*frames.shape, -1), theta, "affine").reshape(stack.shape)
    warped = found.warp(lazy)
    assert warped.shape == stack.shape
    np.testing.assert_array_equal(warped.compute(), expected)


def test_another_image_as_the_reference(frames):
    found = stn_numba.dask.register(frames[1:], frames[0], "translation", robust="huber")
    expected = stn.register(frames[1], frames[0], "translation", robust="huber").theta
    np.testing.assert_array_equal(found.theta[:1].compute(), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reference": "mean"}, "reference: expected 'first', the number of a frame or an image, got 'mean'"),
        ({"reference": 5}, "reference: expected a frame from 0 to 4, got 5"),
        ({"reference": np.zeros(4)}, r"reference: expected an image with 2 axes, as a frame has, got \(4,\)"),
        ({"transform": stn.get_transform("affine", ndim=3)}, r"frames: expected 4 or 5 axes, got \(5, 40, 44\)"),
    ],
)
def test_errors_name_the_argument(frames, arguments, message):
    with pytest.raises(ValueError, match=message):
        stn_numba.dask.register(frames, **arguments)
