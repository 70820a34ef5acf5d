"""Pooling against slow, obvious loops, and against PyTorch."""

import numpy as np
import pytest

from stn_numba.kernels.runtime import dispatch
from stn_numba.nn import AvgPool, Chain, Conv2d, MaxPool, ReLU

RNG = np.random.default_rng(3)


@pytest.mark.parametrize(("layer", "reduce"), [(MaxPool(2), np.max), (AvgPool(2), np.mean), (MaxPool(3), np.max)])
def test_pooling_agrees_with_loops(layer, reduce):
    x = np.random.default_rng(3).standard_normal((2, 7, 8, 3))
    s, y = layer.size, layer.forward(x)[0]
    for i, j in np.ndindex(7 // s, 8 // s):
        np.testing.assert_allclose(y[:, i, j], reduce(x[:, i * s : i * s + s, j * s : j * s + s], axis=(1, 2)))


WINDOWS = [(3, 2, 1), ((2, 3), None, 0), ((3, 2), (1, 2), (1, 0)), (2, 1, 1), (5, 3, 2), (1, 2, 0), ((4, 1), (3, 1), (2, 0))]
windows = pytest.mark.parametrize(("size", "stride", "padding"), WINDOWS)


@windows
@pytest.mark.parametrize(("kind", "reduce"), [(MaxPool, np.nanmax), (AvgPool, np.nanmean)])
def test_windows_agree_with_loops(kind, reduce, size, stride, padding):
    layer, x = kind(size, stride=stride, padding=padding), RNG.standard_normal((2, 7, 8, 3))
    (rows, columns), (down, across), ((top, _), (left, _)) = layer.window
    outside = np.pad(x, ((0, 0), (top, top), (left, left), (0, 0)), constant_values=np.nan)
    y, _ = layer.forward(x)
    assert y.shape[1:] == layer.initialize(x.shape[1:], RNG)
    assert y.shape[1:3] == ((7 + 2 * top - rows) // down + 1, (8 + 2 * left - columns) // across + 1)
    for i, j in np.ndindex(y.shape[1:3]):
        window = outside[:, i * down : i * down + rows, j * across : j * across + columns]
        np.testing.assert_allclose(y[:, i, j], reduce(window, axis=(1, 2)))


@windows
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_windows_agree_with_pytorch(kind, size, stride, padding):
    torch = pytest.importorskip("torch")
    layer = {"max": MaxPool, "avg": AvgPool}[kind](size, stride=stride, padding=padding)
    x = RNG.standard_normal((5, 7, 8, 3))
    given = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).requires_grad_()
    options = {"stride": stride, "padding": padding} | ({"count_include_pad": False} if kind == "avg" else {})
    expected = getattr(torch.nn.functional, f"{kind}_pool2d")(given, size, **options)
    y, backprop = layer.forward(x)
    expected.backward(torch.cos(expected.detach()))
    np.testing.assert_allclose(y, expected.detach().numpy().transpose(0, 2, 3, 1), rtol=1e-12)
    np.testing.assert_allclose(backprop(np.cos(y))[0], given.grad.numpy().transpose(0, 2, 3, 1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layer", [MaxPool(3, stride=2), AvgPool(3, stride=2), AvgPool(2)])
def test_the_number_of_threads_changes_no_bit(layer):
    x, results = RNG.standard_normal((70, 30, 30, 16)).astype(np.float32), []
    for count in (1, 2):
        with dispatch.limited(count):
            y, backprop = layer.forward(x)
            results.append((y, backprop(np.cos(y))[0]))
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))


def test_overlapping_windows_stay_in_the_fused_segment_of_a_convolution():
    chain, x = Chain(Conv2d(4, 3), MaxPool(3, stride=2), ReLU()), RNG.standard_normal((32, 9, 9, 2))
    chain.initialize(x.shape[1:], RNG, np.float64)
    conv, pool, relu = chain.layers.values()
    expected = relu.forward(pool.forward(conv.forward_im2col(x)[0])[0])[0]
    np.testing.assert_allclose(chain.forward(x)[0], expected, rtol=1e-10, atol=1e-12)
    assert len(chain._segments[0].ops(x)) == 1


@pytest.mark.parametrize("layer", [MaxPool(2), MaxPool(2, stride=1)])
def test_max_pool_propagates_nan(layer):
    x = np.zeros((1, 2, 2, 1))
    x[0, 0, 1, 0] = np.nan
    assert np.isnan(layer.forward(x)[0]).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MaxPool(16), "size: expected at most 255 pixels, as in 15 x 15, got 16"),
        (lambda: MaxPool(3, padding=2), "padding: expected at most half of the size 3, got 2"),
        (lambda: AvgPool((2, 3, 4)), r"size: expected a whole number or \(rows, columns\), got \(2, 3, 4\)"),
        (lambda: AvgPool(2, stride=0), "stride: expected at least 1, got 0"),
        (
            lambda: AvgPool((2, 5)).initialize((4, 4, 1), None),
            "AvgPool: a window of 2 x 5 does not fit an input of 4 x 4",
        ),
    ],
)
def test_bad_options_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_options_are_shown_if_they_say_more_than_the_size():
    assert repr(MaxPool(2)) == "MaxPool(size=2)"
    assert repr(AvgPool((3, 2), stride=1, padding=(1, 0))) == "AvgPool(size=(3, 2), stride=1, padding=(1, 0))"
