"""Layers against slow, obvious loops."""

import numpy as np
import pytest

from stn_numba.kernels.runtime import dispatch
from stn_numba.nn import AvgPool, Conv2d, Dropout, MaxPool, softmax_cross_entropy
from stn_numba.nn.optimizers.clipping import clip_by_global_norm
from stn_numba.testing import check_vjp

RNG = np.random.default_rng(3)


def naive_convolution(x, weight, bias, stride, padding):
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    size, filters = weight.shape[0], weight.shape[3]
    h, w = ((length - size) // stride + 1 for length in x.shape[1:3])
    y = np.zeros((len(x), h, w, filters))
    for i in range(h):
        for j in range(w):
            patch = x[:, i * stride : i * stride + size, j * stride : j * stride + size]
            y[:, i, j] = np.tensordot(patch, weight, axes=3) + bias
    return y


@pytest.mark.parametrize(("size", "stride", "padding"), [(1, 1, 0), (3, 1, 0), (3, 2, 1), (4, 3, 2), (5, 1, 4)])
def test_convolution(size, stride, padding):
    layer = Conv2d(3, size, stride=stride, padding=padding)
    layer.initialize((9, 7, 2), RNG, np.float64)
    layer.params["bias"][:] = RNG.standard_normal(3)
    x = RNG.standard_normal((4, 9, 7, 2))
    expected = naive_convolution(x, layer.params["weight"], layer.params["bias"], stride, padding)
    np.testing.assert_allclose(layer.forward(x)[0], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("layer", "reduce"), [(MaxPool(2), np.max), (AvgPool(2), np.mean), (MaxPool(3), np.max)])
def test_pooling(layer, reduce):
    x = RNG.standard_normal((2, 7, 8, 3))
    s, y = layer.size, layer.forward(x)[0]
    for i, j in np.ndindex(7 // s, 8 // s):
        np.testing.assert_allclose(y[:, i, j], reduce(x[:, i * s : i * s + s, j * s : j * s + s], axis=(1, 2)))


def test_max_pool_passes_nan_on():
    x = np.zeros((1, 2, 2, 1))
    x[0, 0, 1, 0] = np.nan
    assert np.isnan(MaxPool(2).forward(x)[0]).all()


@pytest.mark.parametrize(
    ("layer", "side", "channels"),
    [(Conv2d(8, 5), 28, 8), (MaxPool(2), 28, 8), (Conv2d(48, 7), 20, 40)],
    ids=["vectors of samples", "pooling", "Fourier transforms"],
)
def test_bits_do_not_depend_on_threads(layer, side, channels):
    x = RNG.standard_normal((64, side, side, channels)).astype(np.float32)
    layer.initialize(x.shape[1:], RNG)
    results = []
    for count in (1, 2):
        with dispatch.limited(min(count, dispatch.count())):
            y, backprop = layer.forward(x)
            dx, gradients = backprop(np.cos(y))
            results.append([y, dx, *gradients.values()])
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))


def test_dropout_keeps_the_mean_and_drops_in_training_only():
    layer, x = Dropout(0.25), np.ones((100, 100))
    y, _ = layer.forward(x, np.random.default_rng(0))
    assert abs(np.mean(y == 0) - 0.25) < 0.02
    assert abs(y.mean() - 1) < 0.02
    assert np.array_equal(layer.forward(x)[0], x)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_gradient(smoothing):
    labels = np.array([0, 3, 1])

    def function(logits):
        loss, backprop = softmax_cross_entropy(logits, labels, label_smoothing=smoothing)
        return np.array(loss), lambda u: u * backprop()

    check_vjp(function, RNG.standard_normal((3, 4)))


def test_cross_entropy_of_huge_logits_is_finite():
    assert softmax_cross_entropy(np.array([[1e4, -1e4]]), [0])[0] == 0.0


def test_labels_are_checked():
    with pytest.raises(ValueError, match="labels: expected 0 to 3, got 4 to 4"):
        softmax_cross_entropy(np.zeros((1, 4)), [4])
    with pytest.raises(ValueError, match=r"labels: expected \(1,\) whole numbers"):
        softmax_cross_entropy(np.zeros((1, 4)), [0.5])


def test_clipping_limits_the_joint_norm():
    gradients = {"a": np.full(3, 2.0), "b": np.full(1, 2.0)}
    clipped = clip_by_global_norm(gradients, 1.0)
    assert np.isclose(sum(np.sum(g**2) for g in clipped.values()), 1.0)
    assert clip_by_global_norm(gradients, 5.0) is gradients
