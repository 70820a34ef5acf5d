"""The machine code of kernels calls nothing of Numba's runtime, so that a library of kernels can be loaded without Numba."""

import importlib
import re

import pytest

from stn_numba.kernels.compiler.jit import ENTRY

C_FUNCTIONS = {"malloc", "free", "memcpy", "memset", "memmove", "exp", "log", "sqrt", "sqrtf"}
LANES = ("like int64",) * 4
SIGNATURES = [
    ("dense.backward", ("like float64", *("int",) * 10)),
    ("affine_sampling.matrix_gradient", (*("float32[3]",) * 3, "int", "float32[3]", "float32[2]", "float64[3]")),
    ("convolution.unpool", ("like float64", LANES, *("int",) * 10)),
    ("im2col.scatter", ("float64[5]", "int", "int", "float64[4]")),
    ("batch_norm.slope_sums", (*("float32[1]",) * 2, "bool", *("float32[1]",) * 5)),
    ("pooling.window_maximum_gradient", ("float32[4]", *("int",) * 5, "uint8[4]", "float32[4]")),
    ("pooling.window_mean", ("float64[4]", *("int",) * 6, "float64[4]")),
    ("losses.softmax_cross_entropy", ("float32[2]", "int64[1]", "float", "float32[2]", "float64[1]")),
    ("optimizers.adam", ("int64[2]", "float32[1]", *("float32",) * 6)),
]


@pytest.mark.parametrize(("name", "signature"), SIGNATURES)
def test_kernels_declare_only_c_functions(name, signature):
    module, _, kernel = name.partition(".")
    entry = getattr(importlib.import_module(f"stn_numba.nn.kernels.{module}"), kernel).entry(signature)
    entry.compile(ENTRY)
    code = str(entry.overloads[ENTRY.args].library._final_module)
    declared = set(re.findall(r'^declare [^@]*@"?([^"(]+)', code, re.MULTILINE))
    assert {each for each in declared if not each.startswith("llvm.")} <= C_FUNCTIONS
