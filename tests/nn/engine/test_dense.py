"""Fused dense layers against the layers themselves."""

import numpy as np
import pytest

from stn_numba.nn import Dense, ReLU
from stn_numba.nn.engine.blas_threads import one_blas_thread
from stn_numba.nn.engine.dense import DenseOp, FusedDense


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("rows", "depth", "units"), [(16, 5, 3), (16, 1, 3), (17, 4, 1), (16, 1, 1), (1, 4, 3), (1, 4, 1)])
def test_fused_dense_layers_agree_with_the_layers_for_every_shape(rows, depth, units, dtype):
    rng = np.random.default_rng(0)
    layers = [("first", Dense(units)), ("relu", ReLU()), ("second", Dense(2))]
    shape = (depth,)
    for _, layer in layers:
        shape = layer.initialize(shape, rng, dtype)
        for array in layer.params.values():
            array[...] = rng.standard_normal(array.shape)
    x, dy = (rng.standard_normal((rows, width)).astype(dtype) for width in (depth, 2))
    ops = [DenseOp(name, *(layer.params[key] for key in ("weight", "bias")), name == "first") for name, layer in layers[::2]]
    with one_blas_thread(of_scipy=True):
        y, backprop = FusedDense(ops, layers[-1][1], rows).forward(x)
        dx, gradients = backprop(dy)
    expected, backprops = x, []
    for _, layer in layers:
        expected, layer_backprop = layer.forward(expected)
        backprops.append(layer_backprop)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    d = dy
    for (name, _), layer_backprop in zip(reversed(layers), reversed(backprops), strict=True):
        d, own = layer_backprop(d)
        for key, array in own.items():
            np.testing.assert_allclose(gradients[f"{name}.{key}"], array, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dx, d, rtol=1e-4, atol=1e-5)
