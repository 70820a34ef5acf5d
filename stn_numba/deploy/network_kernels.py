"""Which kernels a network needs: it is trained and asked for once, while kernels are recorded instead of run."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from stn_numba.grid import MatrixGrid
from stn_numba.kernels.runtime import calls
from stn_numba.kernels.signature import Signature
from stn_numba.nn.classifier import Classifier
from stn_numba.nn.engine.blas_threads import one_blas_thread
from stn_numba.nn.engine.sampling import sample_affine_parts
from stn_numba.nn.kernels import cpu
from stn_numba.nn.losses import softmax_cross_entropy
from stn_numba.nn.optimizers.adam import Adam
from stn_numba.nn.optimizers.sgd import SGD
from stn_numba.nn.training.step import total

__all__ = ["COUNTS", "kernels_of"]

COUNTS = (64, 32, 10, 3, 1)
"""Images: what is passed through a network at once of full batches, tails, and single images."""

_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def kernels_of(
    makers: Iterable[Callable[[], Classifier]], level: str, counts: tuple[int, ...] = COUNTS
) -> set[tuple[str, Signature]]:
    """Return (kernel, signature) of all that networks need for prediction and training, on CPUs of a level.

    To be called in a process of its own: entries that do nothing are kept there for later calls.

    Parameters
    ----------
    makers
        What makes the networks, of float32; each is looked at in float64 as well.
    level
        ``"v3"``, ``"v4"`` or ``"aarch64"``, as for `machine.forced`; any, whatever this machine's CPU.
    counts
        Images in a batch.
    """
    with cpu.forced(level), calls.recorded() as found, one_blas_thread(), np.errstate(all="ignore"):
        for dtype in _DTYPES:
            # recorded kernels leave their results as they are: whether a map is affine, which networks ask, has no answer
            grid, image = MatrixGrid(np.eye(3, dtype=dtype)[None], (2, 2)), np.zeros((1, 2, 2, 1), dtype)
            out, backprop = sample_affine_parts(image, grid, np.eye(3)[None])
            backprop(out, False)
        for make in makers:
            made = make()
            for dtype in _DTYPES:
                model = made if dtype == made.dtype else Classifier(made.network, made.input_shape, made.n_classes, dtype=dtype)
                for count in counts:
                    _use(model, count)
    return found


def _use(model: Classifier, count: int) -> None:
    """Do all that steps of training and predictions do, without looking at any result."""
    network, images = model.network, np.zeros((count, *model.input_shape), model.dtype)
    network.forward(images)
    logits, backprop = network.forward(images, np.random.default_rng(0))
    _, from_loss = softmax_cross_entropy(np.zeros_like(logits), np.zeros(count, int))
    _, gradients = backprop(from_loss(), input_gradient=False)
    total(gradients)
    for rule in (Adam(), SGD()):
        rule.apply(network.params, gradients, rule.init(network.params), dict.fromkeys(gradients, 0.0))
