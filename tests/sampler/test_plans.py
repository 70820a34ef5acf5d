"""Repeated calls use a plan: with the same results and errors as without."""

import gc
import itertools
import threading
import weakref

import numpy as np
import pytest

import stn_numba as stn
from stn_numba import warp_plans
from stn_numba.grid import BasisGrid, DenseGrid, MatrixGrid
from stn_numba.sampler import gradient_plans, plans
from stn_numba.transform import MatrixTransform, Transform, registry
from stn_numba.transform.registry import PluginError, get_transform, register_transform

pytestmark = pytest.mark.usefixtures("no_plans")
RNG = np.random.default_rng(5)
THETA = [0.8, 0.2, 0.1, -0.1, 0.9, -0.2]


def grids(dtype, n):
    matrix = np.eye(3, dtype=dtype) + RNG.normal(0, 0.1, (n, 3, 3)).astype(dtype) * [[1], [1], [0]]
    yield MatrixGrid(matrix, (6, 5))
    horizon = np.array([[0, 0, 0], [0, 0, 0], [0.1, 0.2, 0]], dtype)
    yield MatrixGrid(matrix + horizon, (6, 5), align_corners=False)
    positions = RNG.uniform(-1.2, 1.2, (n, 6, 5, 2)).astype(dtype)
    yield DenseGrid(positions)
    yield positions[:, ::-1]
    yield BasisGrid(RNG.normal(0, 0.3, (30, 4)), RNG.normal(0, 1, (n, 2, 4)).astype(dtype), (6, 5))


OPTIONS = [
    {},
    {"kernel": "bicubic", "padding": "reflect101"},
    {"layout": "NCHW", "padding": "border"},
    {"num_threads": 1, "kernel": "nearest"},
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_planned_samples_have_the_bits_of_unplanned_ones(dtype, options, without_plans):
    for images, n in itertools.product((1, 3), (1, 3)):
        for number, grid in enumerate(grids(dtype, n)):
            for _ in range(3):  # the first makes the plan
                image = RNG.normal(size=(images, 4, 7, 2) if "layout" not in options else (images, 2, 4, 7))
                image = image.astype(np.uint8 if number == 1 else dtype)
                got = stn.sample(image, grid, **options)
                np.testing.assert_array_equal(got, without_plans(lambda i=image, g=grid: stn.sample(i, g, **options)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("wanted", [(True, True), (True, False), (False, True)])
def test_planned_gradients_have_the_bits_of_unplanned_ones(dtype, options, wanted, without_plans):
    def gradients(image, grid, d_out):
        out, backprop = stn.sample_vjp(image, grid, **options)
        return out, *backprop(d_out, image=wanted[0], grid=wanted[1])

    for images, n in ((3, 3), (1, 3), (3, 1)):
        for grid in grids(dtype, n):
            for _ in range(3):
                nchw = "layout" in options
                image = RNG.normal(size=(images, 2, 4, 7) if nchw else (images, 4, 7, 2)).astype(dtype)
                d_out = RNG.normal(size=(3, 2, 6, 5) if nchw else (3, 6, 5, 2)).astype(dtype)
                expected = without_plans(lambda i=image, g=grid, d=d_out: gradients(i, g, d))
                for got, known in zip(gradients(image, grid, d_out), expected, strict=True):
                    assert (got is None) == (known is None)
                    if known is not None:
                        np.testing.assert_array_equal(got, known)
                        assert (got.dtype, got.shape) == (known.dtype, known.shape)


def test_gradients_are_planned():
    image, grid = np.ones((1, 4, 4, 1), np.float32), MatrixGrid(np.eye(3)[None], (4, 4))
    for _ in range(2):
        out, backprop = stn.sample_vjp(image, grid)
        backprop(out)
    (plan,) = plans._plans.values()
    assert isinstance(plan.gradients[True, True], gradient_plans.GradientPlan)


@pytest.mark.parametrize("d_out", [np.ones((1, 5, 4, 1), np.float32), np.ones((1, 4, 4, 1), complex), "ones"])
def test_planned_gradients_refuse_other_outputs(d_out):
    image, grid = np.ones((1, 4, 4, 1), np.float32), MatrixGrid(np.eye(3)[None], (4, 4))
    for _ in range(2):
        out, backprop = stn.sample_vjp(image, grid)
        backprop(out)
        with pytest.raises((TypeError, ValueError), match="d_out"):
            backprop(d_out)


def test_planned_gradients_accept_other_strides_and_dtypes():
    image, grid = RNG.normal(size=(1, 4, 4, 2)), MatrixGrid(np.eye(3)[None], (4, 4))
    d_out = RNG.normal(size=(1, 4, 4, 2)).astype(np.float32)
    for _ in range(3):
        _, backprop = stn.sample_vjp(image, grid)
        expected = backprop(d_out.astype(np.float64))
        for other in (d_out, np.asfortranarray(d_out.astype(np.float64))):
            for got, known in zip(backprop(other), expected, strict=True):
                np.testing.assert_allclose(got, known, rtol=1e-12, atol=1e-12)  # sums go in another order


SHAPES = [((5, 6), None), ((5, 6, 3), (4, 4)), ((2, 5, 6, 3), None), ((1, 5, 6, 1), (3, 7))]


@pytest.mark.parametrize(("shape", "out_shape"), SHAPES)
@pytest.mark.parametrize(
    "theta", [THETA, np.array(THETA), np.array([THETA], np.float32), np.array([[1, 0, 0, 0, 1, 0]])], ids=str
)
def test_planned_warps_have_the_bits_of_unplanned_ones(shape, out_shape, theta, without_plans):
    for transform, options in ((a, b) for a in ("affine", get_transform("affine")) for b in ({}, {"padding": "border"})):
        for _ in range(3):
            image = RNG.integers(0, 256, shape).astype(np.uint8)
            got = stn.warp(image, theta, transform, out_shape, **options)
            known = without_plans(lambda i=image, t=transform, o=options: stn.warp(i, theta, t, out_shape, **o))
            np.testing.assert_array_equal(got, known)
            assert (got.dtype, got.shape, got.flags.c_contiguous) == (known.dtype, known.shape, True)


@pytest.mark.parametrize("name", ["projective", "tps"])
def test_other_transforms_are_planned_too(name, without_plans):
    transform = get_transform(name)
    for _ in range(3):
        theta = transform.identity() + RNG.normal(0, 0.05, transform.n_params)
        image = RNG.normal(size=(9, 8)).astype(np.float32)
        known = without_plans(lambda i=image, t=theta: stn.warp(i, t, transform))
        np.testing.assert_array_equal(stn.warp(image, theta, transform), known)
    assert warp_plans._plans


def test_options_of_other_types_are_still_refused():
    image, grid = np.ones((1, 4, 4, 1), np.float32), np.zeros((1, 2, 2, 2))
    for _ in range(2):
        stn.sample(image, grid, align_corners=True, num_threads=1)
        stn.warp(image, THETA, align_corners=True, shape=(2, 2))
    for wrong in ({"align_corners": 1}, {"align_corners": np.array([True, False])}, {"num_threads": True}, {"kernel": []}):
        with pytest.raises((TypeError, ValueError), match=next(iter(wrong))):
            stn.sample(image, grid, **{"num_threads": 1, **wrong})
        with pytest.raises((TypeError, ValueError), match=next(iter(wrong))):
            stn.warp(image, THETA, **wrong)
    with pytest.raises(TypeError, match="shape"):
        stn.warp(image, THETA, shape=(2.0, 2.0))


def test_nan_in_theta_is_found_in_every_call():
    image = np.ones((4, 4), np.float32)
    for transform in ("affine", "projective", get_transform("tps")):
        known = get_transform(transform) if isinstance(transform, str) else transform
        for theta in (known.identity(), np.full(known.n_params, np.nan), known.identity()):
            out = stn.warp(image, theta, transform)
            np.testing.assert_array_equal(out, image if np.isfinite(theta).all() else 0)


class Changing(MatrixTransform):
    """A plugin whose matrix can be changed."""

    n_params = 1
    does = staticmethod(lambda theta: np.tile(np.eye(3), (len(theta), 1, 1)))

    def identity(self):
        return np.zeros(1)

    def matrix_vjp(self, theta):
        return self.does(theta), lambda d_matrix: d_matrix[:, 0, :1]


@pytest.mark.parametrize(
    "does",
    [
        lambda theta: 1 / 0,
        lambda theta: np.full((len(theta), 3, 3), np.nan),
        lambda theta: np.eye(3),
        lambda theta: np.zeros((len(theta), 3, 3), complex),
        lambda theta: None,
    ],
)
def test_a_plugin_that_fails_after_a_good_call_is_named(does):
    transform, image = Changing(), np.ones((4, 4), np.float32)
    for _ in range(2):
        np.testing.assert_array_equal(stn.warp(image, [0.0], transform), image)
    transform.does = does
    with pytest.raises(PluginError, match="Changing"):
        stn.warp(image, [0.0], transform)


def test_a_name_registered_again_is_used():
    class Mirror(Changing):
        does = staticmethod(lambda theta: np.tile(np.diag([-1.0, 1, 1]), (len(theta), 1, 1)))

    image = np.array([[1.0, 2.0]])
    register_transform("test-plan", Changing, overwrite=True)
    try:
        for _ in range(2):
            assert stn.warp(image, [0.0], "test-plan").tolist() == [[1.0, 2.0]]
        register_transform("test-plan", Mirror, overwrite=True)
        assert stn.warp(image, [0.0], "test-plan").tolist() == [[2.0, 1.0]]
    finally:
        registry._registered.pop("test-plan")


def test_transforms_that_keep_state_are_not_shared():
    class Counting(Changing):
        made = 0

        def __init__(self):
            type(self).made += 1

    register_transform("test-count", Counting, overwrite=True)
    try:
        for _ in range(3):
            stn.warp(np.ones((3, 3)), [0.0], "test-count")
    finally:
        registry._registered.pop("test-count")
    assert Counting.made >= 3


def test_a_plain_transform_is_called_every_time():
    class Asked(Transform):
        n_params, asked = 1, 0

        def identity(self):
            return np.zeros(1)

        def apply(self, theta, points):
            self.asked += 1
            return np.tile(points, (len(theta), 1, 1))

    transform = Asked()
    for _ in range(3):
        stn.warp(np.ones((4, 4)), [0.0], transform)
    assert transform.asked == 3


def test_plans_keep_no_reference_to_transforms_or_positions():
    transform, image = get_transform("tps"), np.ones((4, 4), np.float32)
    positions = np.zeros((1, 50, 50, 2))
    for _ in range(2):
        stn.warp(image, transform.identity(), transform)
        _, backprop = stn.sample_vjp(image[None, ..., None], DenseGrid(positions))
        backprop(np.ones((1, 50, 50, 1), np.float32))
    del backprop
    held = weakref.ref(transform), weakref.ref(positions)
    del transform, positions
    gc.collect()
    assert [reference() for reference in held] == [None, None]


def test_results_do_not_share_memory():
    image = np.ones((4, 4), np.float32)
    outs = [stn.warp(image * k, THETA) for k in range(4)]
    assert not any(np.may_share_memory(a, b) for a, b in itertools.combinations(outs, 2))


def test_plans_can_be_shared_by_many_threads():
    images = [np.full((16, 16), k, np.float32) for k in range(8)]
    wrong = []

    def work(image):
        for _ in range(200):
            if not (stn.warp(image, [1, 0, 0, 0, 1, 0]) == image).all():
                wrong.append(image[0, 0])

    threads = [threading.Thread(target=work, args=(image,)) for image in images]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_number_of_plans_is_bounded():
    for size in range(1, 200):
        stn.warp(np.ones((1, size)), [1, 0, 0, 0, 1, 0])
    assert len(plans._plans) <= plans._MAX_PLANS
    assert len(warp_plans._plans) <= warp_plans._MAX_PLANS
