"""The kernels that networks need are found without compiling any; in processes of their own, which record kernels."""

import ast
import subprocess
import sys

PROGRAM = """
import sys
from stn_numba import models
from stn_numba.deploy.network_kernels import kernels_of
found = [kernels_of([getattr(models, name)], level, counts) for name, level, counts in {calls!r}]
assert "numba" not in sys.modules
print(found)
"""


def kernels_of(*calls):
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(calls=calls)], capture_output=True, text=True, check=True)
    return ast.literal_eval(done.stdout)


def test_every_kernel_of_training_and_prediction_is_found():
    (found,) = kernels_of(("tutorial", "v4", (40, 1)))
    names = {kernel.removeprefix("nn.kernels.") for kernel, _ in found if kernel.startswith("nn.")}
    assert names >= {
        "affine_sampling.sample_with_slopes", "affine_sampling.matrix_gradient",
        "im2col.gather", "convolution.forward_pool", "convolution.gather",
        "dense.backward", "dense.forward", "losses.softmax_cross_entropy", "sparse_conv_backward.gradient",
        "sequence.run", "optimizers.adam", "optimizers.momentum", "optimizers.total",
        "batch_norm.sums", "batch_norm.normalize", "batch_norm.slope_sums", "batch_norm.input_gradient",
        "pooling.maximum", "pooling.window_maximum", "pooling.window_maximum_gradient", "pooling.window_mean",
        "pooling.window_mean_gradient", "im2col.scatter",
    }  # fmt: skip


def test_levels_have_vectors_of_different_lengths():
    lanes = [
        {len(signature[1]) for kernel, signature in found if kernel.endswith("forward_pool")}
        for found in kernels_of(("tutorial", "v3", (40,)), ("tutorial", "v4", (40,)))
    ]
    assert lanes == [{8, 4}, {16, 8}]


def test_any_number_of_dense_layers_needs_the_same_kernels():
    several = kernels_of(("fcn", "v3", (40,)), ("tutorial", "v3", (40,)))
    found = [{job for job in each if ".dense." in job[0]} for each in several]
    assert found[0] == found[1]
    assert len(found[0]) == 4
