"""Convolution by Fourier transforms, against products of matrices."""

import numpy as np
import pytest

from stn_numba.models import cnn
from stn_numba.nn import AvgPool, Chain, Conv2d, MaxPool, ReLU
from stn_numba.nn.engine.conv import fourier
from stn_numba.nn.layers.fusion import segments
from stn_numba.nn.layers.fusion.segments import segments_of
from stn_numba.testing import check_vjp

RNG = np.random.default_rng(23)


@pytest.fixture
def always(monkeypatch):
    """Use transforms wherever they are possible."""
    monkeypatch.setattr(fourier, "_GAIN", 0.0)


def made(layer, shape, dtype=np.float64):
    layer.initialize(shape, np.random.default_rng(0), dtype)
    layer.params["bias"][:] = RNG.standard_normal(layer.filters)
    return layer


@pytest.mark.parametrize(
    ("size", "padding", "H", "W"), [(3, 0, 9, 7), (4, 0, 8, 10), (5, 4, 6, 5), (1, 0, 3, 4), (4, 0, 4, 4), (3, 2, 1, 6)]
)
@pytest.mark.usefixtures("always")
def test_transforms_agree_with_matrices(size, padding, H, W):
    layer, x = made(Conv2d(3, size, padding=padding), (H, W, 2)), RNG.standard_normal((5, H, W, 2))
    assert fourier.is_faster(layer.spec, layer.params["weight"], x.shape, x.dtype)
    (y, backprop), (expected, expected_backprop) = layer.forward(x), layer.forward_im2col(x)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    dy = RNG.standard_normal(y.shape)
    (dx, gradients), (expected_dx, expected_gradients) = backprop(dy), expected_backprop(dy)
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-12, atol=1e-12)
    assert backprop(dy, input_gradient=False)[0] is None
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, expected_gradients[name], rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("always")
def test_gradients_agree_with_differences():
    layer = made(Conv2d(3, 3, padding=1), (6, 5, 2))

    def function(x, weight, bias):
        layer.params["weight"][...], layer.params["bias"][...] = weight, bias
        y, backprop = fourier.convolve(layer.spec, weight, bias, x)

        def in_order(dy):
            dx, gradients = backprop(dy)
            return dx, gradients["weight"], gradients["bias"]

        return y, in_order

    check_vjp(function, RNG.standard_normal((4, 6, 5, 2)), layer.params["weight"].copy(), layer.params["bias"].copy())


@pytest.mark.usefixtures("always")
def test_a_segment_is_cut_where_transforms_are_faster():
    chain = Chain(AvgPool(2), ReLU(), Conv2d(4, 2, stride=2), MaxPool(2), Conv2d(3, 2), ReLU(), Conv2d(2, 2), MaxPool(2))
    chain.initialize((32, 32, 2), np.random.default_rng(0), np.float64)
    x = RNG.standard_normal((9, 32, 32, 2))
    (segment,) = segments_of(chain.layers.items())
    ops = [[name for name, _ in op.layers] for op in segment.ops(x)]
    assert ops == [["avgpool1", "relu1", "conv2d1", "maxpool1"], ["conv2d2"], ["relu2"], ["conv2d3"], ["maxpool2"]]


@pytest.mark.usefixtures("always")
def test_a_cut_segment_agrees_with_a_whole_one(monkeypatch):
    cut, whole = (Chain(Conv2d(4, 3), MaxPool(2), ReLU(), Conv2d(3, 2), ReLU()) for _ in range(2))
    for chain in (cut, whole):
        chain.initialize((9, 8, 2), np.random.default_rng(0), np.float64)
    x = RNG.standard_normal((9, 9, 8, 2))
    y, backprop = cut.forward(x)
    dx, gradients = backprop(np.cos(y))
    monkeypatch.setattr(fourier, "_GAIN", np.inf)
    expected, expected_backprop = whole.forward(x)
    expected_dx, expected_gradients = expected_backprop(np.cos(y))
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-12, atol=1e-12)
    assert gradients.keys() == expected_gradients.keys()
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, expected_gradients[name], rtol=1e-12, atol=1e-12)


def test_a_large_network_uses_transforms_and_a_small_one_does_not():
    x = np.zeros((64, 42, 42, 1), np.float32)
    for filters, prefixes in ((64, ["", "conv2d2.", "maxpool2.", "relu2."]), (4, [""])):
        network = cnn((42, 42, 1), 10, filters=filters, center=False).network
        segment = segments_of(network.layers.items())[0]
        assert [op.prefix for op in segment.ops(x)] == prefixes


@pytest.mark.usefixtures("always")
def test_each_size_of_image_is_cut_by_itself():
    (segment,) = segments_of(Chain(Conv2d(2, 3), ReLU()).layers.items())
    made(segment.layers[0][1], (9, 9, 1))
    batches = [np.zeros((4, size, size, 1)) for size in range(3, 3 + 2 * segments._MAX_PLANS)]
    again = [[[op.prefix for op in segment.ops(x)] for x in batches] for _ in range(2)]
    assert again[0] == again[1] == [["conv2d1.", "relu1."]] * len(batches)
    assert len(segment._plans) <= segments._MAX_PLANS
    assert len(segment.ops(batches[0].astype(np.float32))) == 2  # the weights are of float64


def test_float32_is_accurate():
    layer, x = made(Conv2d(48, 7), (20, 20, 40), np.float32), RNG.standard_normal((64, 20, 20, 40)).astype(np.float32)
    assert fourier.is_faster(layer.spec, layer.params["weight"], x.shape, x.dtype)
    y, backprop = layer.forward(x)
    dx, gradients = backprop(np.cos(y))
    expected, expected_backprop = layer.forward_im2col(x)
    expected_dx, expected_gradients = expected_backprop(np.cos(y))
    for got, right in zip([y, dx, *gradients.values()], [expected, expected_dx, *expected_gradients.values()], strict=True):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, right, rtol=0, atol=2e-5 * np.abs(right).max())


def test_layers_that_do_not_fit_are_computed_directly():
    layer = made(Conv2d(64, 7), (20, 20, 64), np.float32)
    good = (64, 20, 20, 64)
    assert fourier.is_faster(layer.spec, layer.params["weight"], good, np.float32)
    assert not fourier.is_faster(layer.spec, layer.params["weight"], good, np.float64)
    for shape in ((64, 20, 20, 63), (64, 6, 20, 64), (0, 20, 20, 64), (64, 20, 64)):
        assert not fourier.is_faster(layer.spec, layer.params["weight"], shape, np.float32)
    assert not fourier.is_faster(layer.spec._replace(stride=2), layer.params["weight"], good, np.float32)
    with pytest.raises(ValueError, match="Conv2d: expected floats"):
        layer.forward(np.zeros((64, 20, 20, 63), np.float32))
    _, backprop = layer.forward(np.zeros(good, np.float32))
    with pytest.raises(ValueError, match=r"Conv2d: dy: expected floats \(64, 14, 14, 64\)"):
        backprop(np.zeros((64, 14, 14, 63), np.float32))


def test_inputs_that_are_no_images_are_refused():
    network = cnn((42, 42, 1), 10, filters=8).network
    with pytest.raises(ValueError, match="Conv2d: expected floats"):
        network.forward(np.zeros((9, 42), np.float32))
