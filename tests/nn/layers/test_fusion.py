"""Plans for layers that run as one are kept, and follow changes of parameters."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

from stn_numba.nn import Chain, Conv2d, Dense, Flatten, MaxPool, ReLU
from stn_numba.nn.layers.chain import forward_through
from stn_numba.nn.layers.fusion.segments import segments_of

RNG = np.random.default_rng(5)
X = RNG.standard_normal((32, 9, 9, 2)).astype(np.float32)


def network(seed=0):
    chain = Chain(Conv2d(4, 3), MaxPool(2), ReLU(), Flatten(), Dense(8), ReLU(), Dense(3))
    chain.initialize(X.shape[1:], np.random.default_rng(seed))
    return chain


def prefixes(chain, x):
    found = []
    for segment in chain._segments:
        found += [planned.prefix for planned in segment.ops(x)]
        x, _ = forward_through([segment], x)
    return found


def test_a_plan_is_kept_for_each_shape_of_batch():
    segment = network()._segments[0]
    assert segment.ops(X) is segment.ops(X.copy())
    assert segment.ops(X) is not segment.ops(X[:16])


@pytest.mark.parametrize("layer", ["conv2d1", "dense2"])
@pytest.mark.parametrize("key", ["weight", "bias"])
def test_changed_and_replaced_parameters_are_used(layer, key):
    chain = network()
    before = chain.forward(X)[0].copy()
    array = chain.layers[layer].params[key]
    array += 1
    in_place = chain.forward(X)[0].copy()
    assert not np.array_equal(in_place, before)
    chain.layers[layer].params[key] = array - 1
    np.testing.assert_allclose(chain.forward(X)[0], before, rtol=1e-4, atol=1e-4)
    array += 1  # no longer the layer's
    np.testing.assert_allclose(chain.forward(X)[0], before, rtol=1e-4, atol=1e-4)


def test_parameters_initialized_again_are_used():
    chain, other = network(0), network(1)
    chain.forward(X)
    chain.initialize(X.shape[1:], np.random.default_rng(1))
    np.testing.assert_array_equal(chain.forward(X)[0], other.forward(X)[0])


@pytest.mark.parametrize("layer", ["conv2d1", "dense1"])
def test_layers_whose_arrays_do_not_fit_kernels_are_not_fused(layer):
    chain = network()
    expected = chain.forward(X)[0].copy()
    for key in ("weight", "bias"):
        array = chain.layers[layer].params[key]
        chain.layers[layer].params[key] = np.stack([array, array], axis=-1)[..., 0]  # with gaps
        assert f"{layer}." in prefixes(chain, X)
        np.testing.assert_allclose(chain.forward(X)[0], expected, rtol=1e-4, atol=1e-4)
        chain.layers[layer].params[key] = array.astype(np.float64)
        np.testing.assert_allclose(chain.forward(X)[0], expected, rtol=1e-4, atol=1e-4)
        chain.layers[layer].params[key] = array
        assert f"{layer}." not in prefixes(chain, X)


@pytest.mark.parametrize("layer", ["conv2d1", "dense1", "dense2"])
@pytest.mark.parametrize("key", ["weight", "bias"])
def test_parameters_of_another_size_are_refused(layer, key):
    chain = network()
    chain.forward(X)
    array = chain.layers[layer].params[key]
    chain.layers[layer].params[key] = np.ascontiguousarray(array[..., :2])
    with pytest.raises(ValueError, match="shape|broadcast|mismatch"):
        chain.forward(X)


@pytest.mark.parametrize("layer", [Conv2d(4, 3), MaxPool(3), Dense(2)])
def test_options_are_fixed(layer):
    for name in layer.fixed_options:
        with pytest.raises(AttributeError, match=f"{type(layer).__name__}.{name}: options are fixed once a layer is made"):
            setattr(layer, name, 2)
    assert layer.fixed_options
    assert type(layer)(**layer.config()).config() == layer.config()


def test_replaced_arrays_are_freed():
    chain = network()
    for count in (16, 17, 18):
        chain.forward(X[:count])
    weight = weakref.ref(chain.layers["conv2d1"].params["weight"])
    chain.initialize(X.shape[1:], np.random.default_rng(1))
    chain.forward(X[:16])
    gc.collect()
    assert weight() is None


def test_backprop_uses_the_current_weights():
    chain = Chain(Conv2d(16, 3), Conv2d(5, 4), MaxPool(2))
    chain.initialize(X.shape[1:], np.random.default_rng(0))
    y, backprop = chain.forward(X)
    before, _ = backprop(np.ones_like(y))
    chain.layers["conv2d2"].params["weight"] *= 2
    np.testing.assert_allclose(backprop(np.ones_like(y))[0], 2 * before, rtol=1e-4, atol=1e-4)


class Kernel(Conv2d):
    """A custom convolution with a parameter of another name."""

    def initialize(self, input_shape, rng, dtype=np.float32):
        self.params = {"kernel": np.ones(input_shape[2], dtype)}
        return input_shape

    def forward(self, x, rng=None):
        kernel = self.params["kernel"]
        return x * kernel, lambda dy, *, input_gradient=True: (dy * kernel, {"kernel": np.einsum("nhwc,nhwc->c", x, dy)})


def test_a_custom_convolution_is_not_fused():
    chain = Chain(Kernel(4, 3), ReLU())
    chain.initialize((2, 2, 2), np.random.default_rng(0))
    y, backprop = chain.forward(X[:, :2, :2])
    np.testing.assert_array_equal(y, np.maximum(X[:, :2, :2], 0))
    assert list(backprop(y)[1]) == ["kernel1.kernel"]


@pytest.mark.parametrize("count", [2, 32])
def test_an_input_too_small_for_pooling_is_refused(count):
    chain = Chain(Conv2d(4, 3), MaxPool(2))
    chain.initialize((4, 4, 2), np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"MaxPool: (a block of 2 does not fit|expected floats .* with H, W >= 2)"):
        chain.forward(X[:count, :3, :3])


@pytest.mark.parametrize("count", [2, 32])
def test_memory_order_of_images_changes_no_bit(count):
    chain = Chain(Conv2d(4, 3, padding=1), MaxPool(2), Flatten(), Dense(3))
    chain.initialize(X.shape[1:], np.random.default_rng(0))
    x = X[:count]
    np.testing.assert_array_equal(chain.forward(np.asfortranarray(x))[0], chain.forward(x)[0])


@pytest.mark.parametrize("layer", ["conv2d1", "dense1"])
def test_read_only_weights_give_the_same_result(layer):
    chain = network()
    expected = chain.forward(X)[0].copy()
    frozen = chain.layers[layer].params["weight"].copy()
    frozen.flags.writeable = False
    chain.layers[layer].params["weight"] = frozen
    np.testing.assert_allclose(chain.forward(X)[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
def test_other_floats_keep_their_dtype(dtype):
    chain = Chain(Flatten(), Dense(4), ReLU())
    chain.initialize(X.shape[1:], np.random.default_rng(0), dtype)
    y, backprop = chain.forward(X.astype(dtype))
    assert y.dtype == dtype
    assert backprop(y)[1]["dense1.weight"].dtype == dtype


def test_copies_make_their_own_plans():
    chain = network()
    expected = chain.forward(X)[0].copy()
    for twin in (copy.deepcopy(chain), pickle.loads(pickle.dumps(chain))):
        assert "_cached_segments" not in vars(twin)
        chain.layers["conv2d1"].params["weight"][:] = 0
        np.testing.assert_array_equal(twin.forward(X)[0], expected)


def test_a_chain_can_be_initialized_after_a_failed_call():
    chain = Chain(Conv2d(4, 3), MaxPool(2))
    with pytest.raises(ValueError, match="Conv2d: it has no weight yet"):
        chain.forward(X)
    chain.initialize(X.shape[1:], np.random.default_rng(0))
    y, backprop = chain.forward(X)
    assert set(backprop(y)[1]) == {"conv2d1.weight", "conv2d1.bias"}
    assert segments_of(chain.layers.items())[0].ops(X)[0].has_parameters
