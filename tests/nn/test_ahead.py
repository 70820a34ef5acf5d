"""Which kernels networks need, found without compiling one."""

from stn_numba import models
from stn_numba.nn.ahead import kernels_of


def test_every_kernel_of_a_step_and_of_a_prediction_is_found():
    found = kernels_of([models.tutorial], "v4", (40, 1))
    names = {kernel.removeprefix("nn.kernels.") for kernel, _ in found if kernel.startswith("nn.")}
    assert names >= {
        "attend.attend", "attend.matrix_gradient", "columns.gather", "convolution.forward_pool", "convolution.gather",
        "dense.backward", "dense.forward", "losses.softmax_cross_entropy", "patches.gradient", "sequence.run", "updates.adam",
        "updates.momentum", "updates.total",
    }  # fmt: skip


def test_levels_differ_by_their_vectors():
    narrow, wide = (kernels_of([models.tutorial], level, (40,)) for level in ("v3", "v4"))
    lanes = [{sig[1] for kernel, sig in found if kernel.endswith("forward_pool")} for found in (narrow, wide)]
    assert [{len(each) for each in several} for several in lanes] == [{8, 4}, {16, 8}]


def test_any_number_of_layers_is_one_kernel():
    def dense(found):
        return {job for job in found if job[0].startswith("nn.kernels.dense")}

    assert dense(kernels_of([models.fcn], "v3")) == dense(kernels_of([models.tutorial, models.st_fcn], "v3"))
