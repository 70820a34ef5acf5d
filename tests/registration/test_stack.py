import numpy as np
import pytest

import stn_numba as stn
from tests.registration.scenes import Scene


class Shift(stn.MatrixTransform):
    n_params = 2

    def identity(self):
        return np.zeros(2)

    def matrix(self, theta):
        matrix = np.tile(np.eye(3), (len(theta), 1, 1))
        matrix[:, :2, 2] = theta
        return matrix


SHAPE = (64, 72)
SHIFTS = np.cumsum(np.random.default_rng(0).normal(0, 0.04, (20, 2)), axis=0)


def stack(noise=0.02):
    points = stn.base_points(SHAPE)
    frames = np.array([Scene()(points - shift).reshape(SHAPE) for shift in SHIFTS])
    return frames + np.random.default_rng(1).normal(0, noise, frames.shape)


@pytest.mark.parametrize("reference", ["first", "previous", 3, -1])
def test_frames_are_found(reference):
    result = stn.register_stack(stack(), reference, Shift())
    start = SHIFTS[reference if isinstance(reference, int) else 0]
    assert result.success.shape == (20,)
    assert result.success.all()
    np.testing.assert_allclose(result.theta, SHIFTS - start, atol=0.02 if reference == "previous" else 0.003)


def test_the_mean_as_reference():
    result = stn.register_stack(stack(), "mean", Shift())
    centered = result.theta - result.theta.mean(axis=0)
    np.testing.assert_allclose(centered, SHIFTS - SHIFTS.mean(axis=0), atol=0.005)


def test_frames_that_do_not_resemble_their_mean_are_registered_to_the_first():
    points = stn.base_points(SHAPE)
    shifts = np.array([[0.0, 0.0], [0.9, 0.2], [-0.9, 0.3], [0.3, -0.9], [-0.2, 0.9], [0.8, -0.8], [-0.7, -0.7], [0.6, 0.6]])
    frames = np.array([Scene(shortest=0.3)(points - shift).reshape(SHAPE) for shift in shifts])
    result = stn.register_stack(frames, "mean", Shift())
    assert result.success[:5].all()
    np.testing.assert_allclose(result.theta[:5], shifts[:5], atol=0.002)


def test_the_mean_of_intensities_as_they_are():
    frames = stack() * np.linspace(1, 1.1, 20)[:, None, None] + 5
    result = stn.register_stack(frames, "mean", Shift(), measure="squares")
    assert result.success.all()
    centered = result.theta - result.theta.mean(axis=0)
    np.testing.assert_allclose(centered, SHIFTS - SHIFTS.mean(axis=0), atol=0.005)


def test_the_aligned_stack_stands_still():
    frames = stack(noise=0)
    aligned = stn.register_stack(frames, "first", Shift()).warp(frames, kernel="bicubic", fill=np.nan)
    seen = np.isfinite(aligned).all(axis=0)
    assert np.std(aligned[:, seen], axis=0).max() < 0.1 * np.std(frames)


def test_each_frame_is_registered_as_alone():
    frames = stack()
    together = stn.register_stack(frames, "first", Shift())
    for k in (1, 17):
        alone = stn.register(frames[k], frames[0], Shift())
        np.testing.assert_allclose(together.theta[k], alone.theta[0], atol=1e-6)
        np.testing.assert_allclose(together.correlation[k], alone.correlation, atol=1e-6)


def test_a_frame_that_shows_something_else_is_no_success_and_spoils_no_other():
    frames = stack()
    frames[5] = Scene(9)(stn.base_points(SHAPE)).reshape(SHAPE)
    frames[6] = 3.0
    result = stn.register_stack(frames, "first", Shift())
    np.testing.assert_array_equal(np.flatnonzero(~result.success), [5, 6])


def test_measure_squares_takes_intensities_as_they_are():
    frames = stack() * np.array([1.0, 3.0])[np.arange(20) % 2, None, None]
    frames[::2] += 5
    result = stn.register_stack(frames[:4], "first", Shift(), measure="squares", search=False)
    alone = stn.register(frames[1], frames[0], Shift(), measure="squares", search=False)
    np.testing.assert_allclose(result.theta[1], alone.theta[0], atol=1e-6)
    np.testing.assert_array_equal(result.gain, np.ones((4, 1)))
    np.testing.assert_array_equal(result.bias, np.zeros((4, 1)))


@pytest.mark.parametrize(("reference", "total"), [("first", 20), ("previous", 20), ("mean", 40)])
def test_progress_is_reported(reference, total):
    calls = []
    stn.register_stack(stack(), reference, Shift(), progress=lambda done, count: calls.append((done, count)))
    assert calls[-1] == (total, total)
    assert len(calls) > 1
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})


def test_errors_name_the_argument():
    for reference, message in (("frist", "did you mean 'first'"), (20, "a frame from 0 to 19"), (1.5, "whole number")):
        with pytest.raises((TypeError, ValueError), match=message):
            stn.register_stack(stack(), reference, Shift())
    with pytest.raises(TypeError, match="progress: expected True, False or a function"):
        stn.register_stack(stack(), progress="yes")
    with pytest.raises(ValueError, match=r"frames: expected \(N, H, W\)"):
        stn.register_stack(np.zeros((5, 5)))
