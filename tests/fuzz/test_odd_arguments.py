"""Arguments that the fuzz once found unchecked, or refused without their name."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba import data, nn, testing
from stn_numba._util.arrays import as_array
from stn_numba.grid import to_normalized, to_pixels
from stn_numba.nn.optimizers.clipping import clip_by_global_norm
from stn_numba.sampler import interpolation

IMAGE = np.ones((1, 4, 4, 1), np.float32)
MASKED = np.ma.array(IMAGE, mask=IMAGE > 0)
POINTS = np.zeros((1, 2, 2, 2))
POSITIONS = np.ma.array(POINTS, mask=POINTS == 0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: stn.warp(MASKED, [1, 0, 0, 0, 1, 0]),
        lambda: stn.warp(IMAGE, np.ma.array([1, 0, 0, 0, 1, 0], mask=[1, 0, 0, 0, 0, 0])),
        lambda: stn.sample(MASKED, POINTS),
        lambda: stn.sample_vjp(IMAGE, POINTS)[1](np.ma.masked_equal(np.zeros((1, 2, 2, 1)), 0)),
        lambda: stn.sample(IMAGE, POSITIONS),
        lambda: stn.DenseGrid(POSITIONS),
        lambda: stn.get_transform("affine").apply(np.ma.masked_equal([[1, 0, 0, 0, 1, 0]], 0), [[0, 0]]),
        lambda: to_pixels(POSITIONS, (2, 2)),
        lambda: to_normalized(POSITIONS, (2, 2)),
        lambda: interpolation.bicubic()(POSITIONS),
        lambda: data.get_distortion("R")(np.ma.masked_equal(np.zeros((1, 28, 28, 1)), 0), np.random.default_rng(0)),
        lambda: testing.check_vjp(lambda x: (x, lambda d: d), POSITIONS),
    ],
)
def test_masked_values_are_refused(call):
    with pytest.raises(ValueError, match=r"^[\w ]+: \d+ of \d+ values are masked; fill them first"):
        call()


def test_a_masked_array_without_masked_values_is_accepted():
    np.testing.assert_array_equal(stn.warp(np.ma.array(IMAGE), [1, 0, 0, 0, 1, 0]), IMAGE)


def test_values_that_make_no_array_are_refused_by_name():
    with pytest.raises(TypeError, match=r"^image: expected an array, got list: .*inhomogeneous"):
        as_array([[1], [1, 2]], "image")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: to_pixels([[0, 0]], "x"), "shape: expected two whole numbers"),
        (lambda: to_normalized(np.zeros((1, 3)), (2, 2)), r"pixels: expected \(..., 2\)"),
        (lambda: interpolation.PiecewisePolynomial({}, [[1]]), "breakpoints: expected numbers"),
        (lambda: stn.save(None, "x"), "model: expected a Model, got NoneType"),
        (lambda: stn.load("x", max_bytes=(1,)), "max_bytes: expected a whole number"),
        (lambda: data.read_idx("x", max_bytes=1.5), "max_bytes: expected a whole number"),
        (lambda: testing.check_vjp(lambda x: (x, lambda d: d), 3), "argument 0: expected float64"),
    ],
)
def test_odd_arguments_are_refused_by_name(call, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        call()


MODEL = stn.models.st_fcn((4, 4, 1), units=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MODEL.predict(MASKED), r"X: \d+ of \d+ values are masked"),
        (lambda: nn.softmax(None), "logits: expected real numbers, got dtype object"),
        (lambda: nn.softmax([1.0]), r"logits: expected \(N, classes\), got \(1,\)"),
        (lambda: nn.softmax_cross_entropy([[1.0]], [0], label_smoothing=1), r"label_smoothing: expected a number in \[0, 1\)"),
        (lambda: clip_by_global_norm((), 1.0), "gradients: expected arrays by name, got tuple"),
        (lambda: clip_by_global_norm({}, float("nan")), r"limit: expected a number in \(0, inf\], got nan"),
        (lambda: nn.SGD(momentum=1.0), r"momentum: expected a number in \[0, 1\), got 1.0"),
        (lambda: nn.Adam(epsilon=0), r"epsilon: expected a number in \(0, inf\)"),
        (lambda: nn.cosine("x"), r"progress: expected a number in \[0, 1\]"),
        (lambda: nn.step_decay(steps=0), "steps: expected at least 1"),
        (
            lambda: fitted(learning_rate_multipliers=()),
            "learning_rate_multipliers: expected multipliers by names of parameters or layers, got tuple",
        ),
        (
            lambda: fitted(learning_rate_multipliers={"dense1": "x"}),
            r"learning_rate_multipliers\['dense1'\]: expected a number",
        ),
        (lambda: fitted(callbacks=print), "callbacks: expected a sequence of functions"),
        (lambda: fitted(validation=3), r"validation: expected \(images, targets\)"),
        (lambda: fitted(schedule=lambda progress: "x"), "schedule's value: expected a number"),
        (lambda: fitted(optimizer=0), r"optimizer: expected an optimizer"),
        (lambda: fitted(seed=-1), "seed: expected at least 0"),
        (lambda: fitted(checkpoint=3), "checkpoint: expected a path, got int"),
        (lambda: stn.models.st_fcn((4, 4)), r"input_shape: expected \(H, W, C\)"),
        (lambda: stn.models.st_fcn((4, 4, 1), transform=3), "transform: expected a registered name or a Transform, got int"),
        (lambda: stn.sample(IMAGE, POINTS, num_threads=1.5), "num_threads: expected a whole number"),
        (lambda: stn.sample(IMAGE, POINTS, align_corners="x"), "align_corners: expected True or False"),
        (lambda: stn.load("a\0b"), "path: expected a path, got a text with a null character"),
    ],
)
def test_networks_and_training_refuse_odd_arguments_by_name(call, message):
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        call()


def fitted(**options):
    stn.fit(MODEL, IMAGE, [0], epochs=1, progress=False, **options)


def test_layers_and_optimizers_refuse_other_shapes():
    """Kernels do not validate: with other channels they would read beyond the weights, with other gradients beyond those."""
    rng = np.random.default_rng(0)
    convolution, pooling = nn.Conv2d(4, 3), nn.MaxPool(2)
    convolution.initialize((8, 8, 3), rng)
    for count in (1, 32):  # by matrices, and with samples in vector lanes
        for shape in ((8, 8, 1), (8, 8, 5), (2, 8, 3), (8, 8)):
            with pytest.raises(ValueError, match="Conv2d: (expected|a patch)"):
                convolution.forward(np.ones((count, *shape), np.float32))
        _, backprop = convolution.forward(np.ones((count, 8, 8, 3), np.float32))
        for shape in ((count, 3, 3, 4), (count, 6, 6, 2), (2, 6, 6, 4)):
            with pytest.raises(ValueError, match="Conv2d: dy: expected"):
                backprop(np.ones(shape, np.float32))
    with pytest.raises(ValueError, match="MaxPool: dy: expected"):
        pooling.forward(np.ones((2, 400, 400, 3), np.float32))[1](np.ones((1, 1, 1, 3), np.float32))
    connected = nn.Chain(nn.Dense(6), nn.ReLU(), nn.Dense(4))
    connected.initialize((5,), rng)
    for shape in ((64, 3), (64, 9), (1, 3), (64, 5, 2)):
        with pytest.raises(ValueError, match="matmul"):
            connected.forward(np.ones(shape, np.float32))
    params = {"w": np.zeros(5)}
    state = nn.SGD().init(params)
    with pytest.raises(
        ValueError, match=r"params\['w'\]: expected float32 or float64 \(2,\), as its gradient, got float64 \(5,\)"
    ):
        nn.SGD().apply(params, {"w": np.ones(2)}, state, {"w": 0.1})
