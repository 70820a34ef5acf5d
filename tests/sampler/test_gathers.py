"""Results do not depend on whether the CPU loads from eight addresses at once: `stn_numba.kernels.runtime.cpu.gathers`."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba import warp_plans
from stn_numba.kernels.runtime import cpu
from stn_numba.sampler import plans

AFFINE = np.array([[0.8, -0.35, 0.1, 0.3, 0.9, -0.05]])
PROJECTIVE = np.array([[0.8, -0.3, 0.1, 0.3, 0.9, -0.05, 0.1, 0.2]])
SHAPES = [(1, 150, 170), (3, 28, 28), (2, 3, 300), (1, 1, 40), (1, 40, 1)]  # wide rows, several rows a strip, single pixels
GRIDS = {
    "affine": lambda shape: stn.get_transform("affine").forward(np.tile(AFFINE, (shape[0], 1)), shape[1:])[0],
    "inside": lambda shape: stn.get_transform("affine").forward(np.tile(0.5 * AFFINE, (shape[0], 1)), shape[1:])[0],
    "projective": lambda shape: stn.get_transform("projective").forward(np.tile(PROJECTIVE, (shape[0], 1)), shape[1:])[0],
    "dense": lambda shape: np.random.default_rng(1).uniform(-1.3, 1.3, (*shape, 2)),
}


def an_image(shape, dtype):
    values = np.random.default_rng(0).integers(0, 200, shape)
    image = values.astype(dtype)
    if image.dtype.kind == "f" and shape[1] > 100:
        image[0, 60:70, 80:90] = np.nan
    return image


@pytest.fixture
def with_and_without(monkeypatch):
    """A function that returns the results of a call for both kinds of CPUs."""

    def run(call):
        results = []
        for gathers in (False, True):
            monkeypatch.setattr(cpu, "gathers", lambda gathers=gathers: gathers)
            plans._plans.clear()
            warp_plans._plans.clear()
            results.append(call())
        return results

    yield run
    plans._plans.clear()
    warp_plans._plans.clear()


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int8", "uint16", "int32"])
def test_forward(with_and_without, dtype, shape, grid):
    positions = GRIDS[grid](shape)
    for channels in (1, 3, 4):
        image = an_image((*shape, channels), dtype)
        for options in ({}, {"padding": "reflect101"}, {"padding": "border"}, {"kernel": "nearest"}, {"fill": 7}):
            by_one, at_once = with_and_without(lambda image=image, options=options: stn.sample(image, positions, **options))
            np.testing.assert_array_equal(by_one, at_once)
            assert by_one.tobytes() == at_once.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES[:3], ids=str)
def test_gradients(with_and_without, shape, dtype):
    image, positions = an_image((*shape, 1), dtype), GRIDS["affine"](shape)
    d_out = np.random.default_rng(2).random(image.shape).astype(dtype)
    by_one, at_once = with_and_without(lambda: [np.array(d) for d in stn.sample_vjp(image, positions)[1](d_out)])
    for expected, found in zip(by_one, at_once, strict=True):
        assert expected.tobytes() == found.tobytes()


@pytest.mark.parametrize("kernel", ["bilinear", "nearest"])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "int32"])
def test_volumes(with_and_without, dtype, kernel):
    volume = np.random.default_rng(0).integers(0, 200, (1, 12, 14, 40, 1)).astype(dtype)
    grid = np.random.default_rng(1).uniform(-1.2, 1.2, (1, 9, 10, 33, 3))
    by_one, at_once = with_and_without(lambda: stn.sample(volume, grid, kernel=kernel))
    assert by_one.tobytes() == at_once.tobytes()
    assert np.ptp(by_one) > 0
