"""What kernels of layers may need when they run, and the products that they leave to BLAS."""

import importlib
import re

import numpy as np
import pytest

from stn_numba.kernels.compiler.jit import ENTRY
from stn_numba.nn import Chain, Conv2d, Dense, Flatten, ReLU, SpatialTransformer
from stn_numba.nn.engine.blas_threads import one_blas_thread
from stn_numba.nn.engine.dense import DenseOp, FusedDense
from stn_numba.nn.training.diagnostics import warn_if_outside

C_FUNCTIONS = {"malloc", "free", "memcpy", "memset", "memmove", "exp", "log", "sqrt", "sqrtf"}
LANES = ("like int64",) * 4
SIGNATURES = [
    ("dense.backward", ("like float64", *("int",) * 10)),
    ("attend.matrix_gradient", (*("float32[3]",) * 3, "int", "float32[3]", "float32[2]", "float64[3]")),
    ("convolution.unpool", ("like float64", LANES, *("int",) * 10)),
    ("im2col.scatter", ("float64[5]", "int", "int", "float64[4]")),
    ("losses.softmax_cross_entropy", ("float32[2]", "int64[1]", "float", "float32[2]", "float64[1]")),
    ("optimizers.adam", ("int64[2]", "float32[1]", *("float32",) * 6)),
]


@pytest.mark.parametrize(("name", "signature"), SIGNATURES)
def test_kernels_need_nothing_of_numba(name, signature):
    module, _, kernel = name.partition(".")
    entry = getattr(importlib.import_module(f"stn_numba.nn.kernels.{module}"), kernel).entry(signature)
    entry.compile(ENTRY)
    code = str(entry.overloads[ENTRY.args].library._final_module)
    declared = set(re.findall(r'^declare [^@]*@"?([^"(]+)', code, re.MULTILINE))
    assert {each for each in declared if not each.startswith("llvm.")} <= C_FUNCTIONS


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("rows", "depth", "units"), [(16, 5, 3), (16, 1, 3), (17, 4, 1), (16, 1, 1), (1, 4, 3), (1, 4, 1)])
def test_products_of_all_shapes(rows, depth, units, dtype):
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
        expected, backprop = layer.forward(expected)
        backprops.append(backprop)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    d = dy
    for (name, _), backprop in zip(reversed(layers), reversed(backprops), strict=True):
        d, own = backprop(d)
        for key, array in own.items():
            np.testing.assert_allclose(gradients[f"{name}.{key}"], array, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dx, d, rtol=1e-4, atol=1e-5)


def test_the_warning_about_regions_outside_reads_no_image(monkeypatch):
    network = Chain(SpatialTransformer(Flatten()), Conv2d(2, 3), Flatten(), Dense(2))
    network.initialize((8, 8, 1), np.random.default_rng(0))
    network.layers["spatialtransformer1"].theta_layer.params["bias"][2] = 9
    monkeypatch.setattr(SpatialTransformer, "sample", None)
    with pytest.warns(RuntimeWarning, match="the sampled region has left the image"):
        assert warn_if_outside(network, np.zeros((4, 8, 8, 1), np.float32))
