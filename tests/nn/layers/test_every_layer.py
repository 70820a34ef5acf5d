"""One suite for every layer that can be saved: a new layer is one more row of the table."""

import numpy as np
import pytest

from stn_numba.kernels.runtime import dispatch
from stn_numba.nn import (
    AvgPool,
    AvgPool3d,
    BatchNorm,
    Center,
    Chain,
    Conv2d,
    Conv3d,
    Dense,
    Dropout,
    Flatten,
    Heads,
    MaxPool,
    MaxPool3d,
    Parallel,
    Project,
    ReLU,
    Rescale,
    SpatialTransformer,
)
from stn_numba.nn.saving.architecture import LAYERS, build, expect_known
from stn_numba.testing import check_vjp
from tests.nn.examples import localisation


def transformers():
    kinds = (("affine", {}), ("projective", {}), ("tps", {"control_points": [3, 3]}))
    return [SpatialTransformer(localisation(), name, (5, 4), options=options) for name, options in kinds]


CASES = {
    "dense": (lambda: Dense(3), (5,)),
    "conv": (lambda: Conv2d(3, 3), (7, 6, 2)),
    "conv, strided and padded": (lambda: Conv2d(2, 3, stride=2, padding=1), (7, 8, 2)),
    "conv, 1 x 1": (lambda: Conv2d(2, 1), (3, 1, 3)),
    "max pool": (lambda: MaxPool(2), (5, 6, 2)),
    "average pool": (lambda: AvgPool(3), (7, 6, 2)),
    "conv, rectangular": (lambda: Conv2d(2, (3, 4), stride=(2, 1), padding="same"), (7, 6, 2)),
    "max pool, overlapping": (lambda: MaxPool(3, stride=(1, 2), padding=1), (5, 6, 2)),
    "average pool, overlapping": (lambda: AvgPool((2, 3), stride=1, padding=(0, 1)), (5, 6, 2)),
    "batch norm of maps": (BatchNorm, (4, 3, 2)),
    "batch norm of vectors": (lambda: BatchNorm(0.5, 1e-3), (5,)),
    "batch norm in a network": (
        lambda: Chain(Conv2d(3, 3), BatchNorm(), ReLU(), MaxPool(2), Flatten(), Dense(4), BatchNorm(), Dense(2)),
        (7, 6, 2),
    ),
    "batch norm in a localisation net": (
        lambda: SpatialTransformer(Chain(Flatten(), Dense(4), BatchNorm(), ReLU()), "affine"),
        (5, 6, 1),
    ),
    "relu": (ReLU, (4, 3)),
    "center": (Center, (4, 3)),
    "rescale": (lambda: Rescale(0.25, -1), (4, 3)),
    "dropout": (lambda: Dropout(0.4), (20,)),
    "flatten": (Flatten, (2, 3, 2)),
    "chain": (lambda: Chain(Conv2d(2, 3, padding=1), MaxPool(2), ReLU(), Flatten(), Dense(3)), (6, 5, 1)),
    "side by side": (lambda: Parallel(Dense(3), Chain(Dense(4), ReLU()), Dense(1)), (5,)),
    "heads": (lambda: Heads(a=Dense(3), b=Chain(Dense(4), ReLU())), (5,)),
    "transformers side by side": (lambda: Parallel(*transformers()), (6, 7, 2)),
    "transformers one after another": (lambda: Chain(*transformers(), Flatten(), Dense(2)), (6, 7, 1)),
    "transformers in both ways": (
        lambda: Chain(
            Parallel(
                Chain(Conv2d(2, 3), SpatialTransformer(localisation(), "tps")), SpatialTransformer(localisation(), shape=(4, 5))
            ),
            SpatialTransformer(localisation(), "projective"),
        ),
        (6, 7, 1),
    ),
    "affine": (lambda: SpatialTransformer(localisation(), "affine", (4, 5)), (6, 7, 2)),
    "projective": (lambda: SpatialTransformer(localisation(), "projective", padding="border"), (6, 7, 2)),
    "tps": (lambda: SpatialTransformer(localisation(), "tps", (5, 5), options={"control_points": [3, 3]}), (6, 7, 1)),
    "middle": (lambda: SpatialTransformer(localisation(), "affine", initial=[0.5, 0, 0, 0, 0.5, 0]), (6, 6, 1)),
    "affine, antialiased": (lambda: SpatialTransformer(localisation(), "affine", (3, 2), antialias=True), (6, 7, 2)),
    "affine, bicubic": (lambda: SpatialTransformer(localisation(), "affine", (4, 5), kernel="bicubic"), (6, 7, 2)),
    "tps, B-spline": (
        lambda: SpatialTransformer(
            localisation(), "tps", (3, 3), kernel="cubic_b_spline", padding="symmetric", antialias=True, align_corners=False
        ),
        (6, 7, 1),
    ),
    "conv of volumes": (lambda: Conv3d(3, 3), (4, 5, 6, 2)),
    "conv of volumes, strided and padded": (lambda: Conv3d(2, 3, stride=2, padding=1), (6, 5, 7, 1)),
    "conv of volumes, by axis": (lambda: Conv3d(2, (2, 3, 1), stride=(2, 1, 3), padding="same"), (5, 4, 6, 2)),
    "max pool of volumes": (lambda: MaxPool3d(2), (5, 4, 6, 2)),
    "max pool of volumes, by axis": (lambda: MaxPool3d((1, 3, 2)), (2, 4, 4, 1)),
    "average pool of volumes": (lambda: AvgPool3d((2, 1, 3)), (5, 2, 7, 2)),
    "mean projection": (Project, (3, 4, 2, 2)),
    "max projection": (lambda: Project("max"), (3, 4, 2, 2)),
    "affine of volumes": (
        lambda: Chain(SpatialTransformer(localisation(), "affine", (3, 4, 2), options={"ndim": 3}), Project()),
        (5, 6, 4, 2),
    ),
    "tps of volumes": (
        lambda: SpatialTransformer(
            localisation(), "tps", (2, 3, 4), options={"control_points": [2, 2, 2]}, padding="border", align_corners=False
        ),
        (4, 5, 3, 1),
    ),
    "oblique slice, cubic": (
        lambda: SpatialTransformer(localisation(), "rigid", (1, 4, 5), options={"ndim": 3}, kernel="cubic"),
        (5, 6, 4, 1),
    ),
    "batch norm of volumes": (BatchNorm, (2, 3, 2, 2)),
    "edges": (lambda: SpatialTransformer(localisation(), "affine", align_corners=False), (5, 6, 1)),
}

layers = pytest.mark.parametrize(("make", "shape"), CASES.values(), ids=CASES)


def initialized(make, shape, dtype):
    layer = make()
    rng = np.random.default_rng(0)
    out_shape = layer.initialize(shape, rng, dtype)
    for array in layer.params.values():  # off the identity, where bilinear sampling has its kinks
        array += 0.05 * rng.standard_normal(array.shape).astype(dtype)
    return layer, out_shape, rng.standard_normal((3, *shape)).astype(dtype)


def test_a_transformer_starts_from_its_initial_parameters():
    layer = SpatialTransformer(localisation(), "affine", initial=[0.5, 0, 0, 0, 0.5, 0])
    layer.initialize((6, 6, 1), np.random.default_rng(0), np.float64)
    assert np.array_equal(layer.theta(np.ones((2, 6, 6, 1))), [[0.5, 0, 0, 0, 0.5, 0]] * 2)
    with pytest.raises(ValueError, match=r"initial: expected \(6\), got \(5,\)"):
        SpatialTransformer(localisation(), "affine", initial=np.zeros(5))


def test_every_known_layer_has_a_case():
    assert {type(make()).__name__ for make, _ in CASES.values()} == set(LAYERS)


@layers
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shapes_and_dtypes(make, shape, dtype):
    layer, out_shape, x = initialized(make, shape, dtype)
    before = x.copy()
    y, backprop = layer.forward(x)
    dx, gradients = backprop(np.ones_like(y))
    assert y.shape == (3, *out_shape)
    assert {y.dtype, dx.dtype} | {g.dtype for g in gradients.values()} == {np.dtype(dtype)}
    assert dx.shape == x.shape
    assert {k: g.shape for k, g in gradients.items()} == {k: p.shape for k, p in layer.params.items()}
    assert np.array_equal(x, before)


@layers
def test_gradients_agree_with_differences(make, shape):
    layer, _, x = initialized(make, shape, np.float64)
    names = list(layer.params)

    def function(x, *params):
        for name, array in zip(names, params, strict=True):
            layer.params[name][...] = array
        y, backprop = layer.forward(x, np.random.default_rng(7))

        def in_order(dy):
            dx, gradients = backprop(dy)
            return dx, *(gradients[name] for name in names)

        return y, in_order

    check_vjp(function, x, *(layer.params[name].copy() for name in names))


@layers
def test_input_gradient_can_be_left_out(make, shape):
    layer, _, x = initialized(make, shape, np.float32)
    y, backprop = layer.forward(x)
    dx, gradients = backprop(np.ones_like(y), input_gradient=False)
    assert dx is None
    full = backprop(np.ones_like(y))[1]
    assert all(np.array_equal(gradients[name], full[name]) for name in layer.params)


@layers
def test_empty_batches(make, shape):
    layer, out_shape, x = initialized(make, shape, np.float32)
    y, backprop = layer.forward(x[:0])
    assert y.shape == (0, *out_shape)
    assert backprop(y)[0].shape == (0, *shape)


@layers
def test_trace_names_layers_as_their_parameters_are_named(make, shape):
    layer, _, x = initialized(lambda: Chain(make()), shape, np.float32)
    traced = list(layer.trace(x))
    names = [name for name, _, _ in traced if name]
    assert names
    assert len(set(names)) == len(names)
    assert {f"{name}.{key}" for name, inner, _ in traced if name for key in inner.params} == set(layer.params)
    np.testing.assert_array_equal(traced[-1][2], layer.forward(x)[0])


@layers
def test_description_rebuilds_the_layer(make, shape):
    layer, _, _ = initialized(make, shape, np.float32)
    again, _, _ = initialized(lambda: build(layer.describe()), shape, np.float32)
    assert again.describe() == layer.describe()
    assert {k: p.shape for k, p in again.params.items()} == {k: p.shape for k, p in layer.params.items()}


def test_unknown_layers_are_refused():
    with pytest.raises(ValueError, match="layer: expected a description of one of"):
        build({"layer": "os.system"})
    with pytest.raises(ValueError, match="layer: expected one of"):
        expect_known(type("Mine", (ReLU,), {})())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(0), "units: expected at least 1, got 0"),
        (lambda: Parallel(), "layers: expected at least one layer"),
        (
            lambda: Parallel(Conv2d(1, 3), Conv2d(1, 1)).initialize((4, 4, 1), np.random.default_rng(0)),
            "outputs alike in all axes",
        ),
        (lambda: Dropout(1.0), "rate: expected a number in"),
        (lambda: Conv2d(1, 9).initialize((8, 8, 1), None), "a patch of 9 does not fit"),
        (lambda: MaxPool(3).initialize((2, 8, 1), None), "a block of 3 does not fit"),
        (lambda: Conv3d(1, 9).initialize((8, 9, 9, 1), None), "a block of 9 planes does not fit an input of 8"),
        (lambda: Conv3d(1, (3, 3)), r"kernel_size: expected a whole number or \(planes, rows, columns\), got \(3, 3\)"),
        (lambda: Conv3d(1, 3, padding=3), "padding: expected less than the kernel_size 3, got 3"),
        (lambda: AvgPool3d(3).initialize((4, 2, 4, 1), None), r"AvgPool3d: a block of 3 does not fit an input \(4, 2, 4, 1\)"),
        (lambda: MaxPool3d(256), "size: expected sides of at most 255 voxels, got 256"),
        (lambda: Project("sum"), "reduction: expected one of mean, max, got 'sum'"),
        (lambda: Project().initialize((4, 4, 1), None), r"Project: expected an input of shape \(D, H, W, C\), got \(4, 4, 1\)"),
        (
            lambda: SpatialTransformer(localisation(), "affine", (4, 4), options={"ndim": 3}),
            r"shape: expected \(d, h, w\), got \(4, 4\)",
        ),
        (
            lambda: SpatialTransformer(localisation(), "affine").initialize((4, 4, 4, 1), None),
            r"SpatialTransformer: expected an input of shape \(H, W, C\), got \(4, 4, 4, 1\)",
        ),
        (lambda: Dense(2).initialize((4, 4), None), r"Dense: expected an input of shape \(D,\), got \(4, 4\)"),
    ],
)
def test_bad_options_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "side", "channels"),
    [(Conv2d(8, 5), (28, 28), 8), (MaxPool(2), (28, 28), 8), (Conv2d(48, 7), (20, 20), 40), (Conv3d(8, 3), (8, 9, 9), 2)],
    ids=["small convolution", "pooling", "large convolution", "volumes"],
)
def test_the_number_of_threads_changes_no_bit(layer, side, channels):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((64, *side, channels)).astype(np.float32)
    layer.initialize(x.shape[1:], rng)
    results = []
    for count in (1, 2):
        with dispatch.limited(count):
            y, backprop = layer.forward(x)
            dx, gradients = backprop(np.cos(y))
            results.append([y, dx, *gradients.values()])
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))
