"""Convolution against slow, obvious loops, and against PyTorch."""

import numpy as np
import pytest

from stn_numba.nn import Chain, Conv2d, MaxPool, ReLU

RNG = np.random.default_rng(3)


def naive_convolution(x, weight, bias, stride, sides):
    x = np.pad(x, ((0, 0), *sides, (0, 0)))
    rows, columns, _, filters = weight.shape
    h, w = (x.shape[1] - rows) // stride[0] + 1, (x.shape[2] - columns) // stride[1] + 1
    y = np.zeros((len(x), h, w, filters))
    for i in range(h):
        for j in range(w):
            patch = x[:, i * stride[0] : i * stride[0] + rows, j * stride[1] : j * stride[1] + columns]
            y[:, i, j] = np.tensordot(patch, weight, axes=3) + bias
    return y


OPTIONS = [
    (1, 1, 0), (3, 1, 0), (3, 2, 1), (4, 3, 2), (5, 1, 4), ((3, 5), 1, 0), ((1, 4), (2, 3), (0, 2)), (3, (1, 2), 1),
    ((3, 5), 1, "same"), (4, 1, "same"), ((2, 3), (2, 1), "same"), (3, 2, "same"), (3, 1, (0, 2)),
]  # fmt: skip
options = pytest.mark.parametrize(("size", "stride", "padding"), OPTIONS)


def made(size, stride, padding, shape=(9, 7, 2)):
    layer = Conv2d(3, size, stride=stride, padding=padding)
    out_shape = layer.initialize(shape, RNG, np.float64)
    layer.params["bias"][:] = RNG.standard_normal(3)
    return layer, out_shape


@options
@pytest.mark.parametrize("count", [4, 40])
def test_convolution_agrees_with_loops(size, stride, padding, count):
    layer, out_shape = made(size, stride, padding)
    x = RNG.standard_normal((count, 9, 7, 2))
    _, steps, sides = layer.window
    expected = naive_convolution(x, layer.params["weight"], layer.params["bias"], steps, sides)
    assert expected.shape[1:] == out_shape
    np.testing.assert_allclose(layer.forward(x)[0], expected, rtol=1e-12, atol=1e-12)


@options
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_convolution_agrees_with_pytorch(size, stride, padding):
    torch = pytest.importorskip("torch")
    if padding == "same" and stride != 1:
        pytest.skip("PyTorch has no such padding with strides")
    layer, _ = made(size, stride, padding)
    x = RNG.standard_normal((40, 9, 7, 2))
    given = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).requires_grad_()
    weight = torch.from_numpy(layer.params["weight"].transpose(3, 2, 0, 1).copy()).requires_grad_()
    bias = torch.from_numpy(layer.params["bias"]).requires_grad_()
    expected = torch.nn.functional.conv2d(given, weight, bias, stride=stride, padding=padding)
    expected.backward(torch.cos(expected.detach()))
    y, backprop = layer.forward(x)
    dx, gradients = backprop(np.cos(y))
    pairs = [
        (y, expected.detach().numpy().transpose(0, 2, 3, 1)), (dx, given.grad.numpy().transpose(0, 2, 3, 1)),
        (gradients["weight"], weight.grad.numpy().transpose(2, 3, 1, 0)), (gradients["bias"], bias.grad.numpy()),
    ]  # fmt: skip
    for got, wanted in pairs:
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("length", [6, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_same_padding_keeps_the_size_over_the_stride(size, stride, length):
    assert Conv2d(2, size, stride=stride, padding="same").initialize((length, length, 1), RNG)[0] == -(-length // stride)


def test_rectangular_convolutions_stand_beside_fused_ones():
    chain, x = (
        Chain(Conv2d(4, 3), ReLU(), Conv2d(3, (1, 3)), ReLU(), MaxPool(2), Conv2d(2, 2)),
        RNG.standard_normal((32, 9, 9, 2)),
    )
    chain.initialize(x.shape[1:], RNG, np.float64)
    expected = x
    for layer in chain.layers.values():
        expected = layer.forward_im2col(expected)[0] if isinstance(layer, Conv2d) else layer.forward(expected)[0]
    y, backprop = chain.forward(x)
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-12)
    assert set(backprop(np.ones_like(y))[1]) == set(chain.params)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel_size": (3,)}, r"kernel_size: expected a whole number or \(rows, columns\), got \(3,\)"),
        ({"kernel_size": (3, 0)}, "kernel_size: expected at least 1, got 0"),
        ({"kernel_size": (3, 1), "padding": 1}, r"padding: expected less than the kernel_size \(3, 1\), got 1"),
        ({"kernel_size": 3, "padding": "valid"}, "padding: expected whole numbers or 'same', got 'valid'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Conv2d(2, **options)


def test_a_patch_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="Conv2d: a patch of 3 x 9 does not fit an input of 8 x 8"):
        Conv2d(1, (3, 9)).initialize((8, 8, 1), None)


def test_equal_pairs_are_single_numbers():
    assert repr(Conv2d(2, (3, 3), stride=(2, 2), padding=(1, 1))) == repr(Conv2d(2, 3, stride=2, padding=1))
