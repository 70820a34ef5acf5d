"""Find the kernels that networks need, by training and predicting while kernels are recorded instead of run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from stn_numba.grid import MatrixGrid
from stn_numba.kernels.runtime import calls
from stn_numba.kernels.signature import Signature
from stn_numba.nn import AvgPool, BatchNorm, Chain, Conv2d, MaxPool, ReLU
from stn_numba.nn.engine.blas_threads import one_blas_thread
from stn_numba.nn.engine.sampling import sample_affine_parts
from stn_numba.nn.kernels import cpu
from stn_numba.nn.losses import softmax_cross_entropy
from stn_numba.nn.model.classifier import Classifier
from stn_numba.nn.optimizers.adam import Adam
from stn_numba.nn.optimizers.sgd import SGD
from stn_numba.nn.training.step import total

__all__ = ["BATCH_SIZES", "kernels_of", "ready_made_networks"]

BATCH_SIZES = (64, 32, 10, 3, 1)
"""Full batches as networks split them, remainders, and single images."""

_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def ready_made_networks() -> list[Callable[[], Classifier]]:
    """Return functions that make the networks of `stn_numba.models` and of the paper."""
    from stn_numba import models
    from stn_numba.paper import EXPERIMENTS
    from stn_numba.paper.networks import make_network

    named = [getattr(models, name) for name in models.__all__]
    return [*named, *(functools.partial(make_network, experiment, 0) for experiment in EXPERIMENTS)]


def kernels_of(
    makers: Iterable[Callable[[], Classifier]], level: str, batch_sizes: tuple[int, ...] = BATCH_SIZES
) -> set[tuple[str, Signature]]:
    """Return (kernel, signature) of all kernels that networks need for prediction and training, on CPUs of a level.

    Call it in a separate process: afterward, the recorded kernels do nothing in this one.

    Parameters
    ----------
    makers : iterable of callables
        Functions without arguments that make networks of float32. They are also tried in float64.
    level : str
        ``"v3"``, ``"v4"`` or ``"aarch64"``, as for `stn_numba.nn.kernels.cpu.forced`. The CPU of this machine does not matter.
    batch_sizes : tuple of int
        Numbers of images in a batch.
    """
    with cpu.forced(level), calls.recorded() as found, one_blas_thread(), np.errstate(all="ignore"):
        for dtype in _DTYPES:
            # Networks use these kernels for affine maps, which they recognize by a matrix that recorded kernels do not compute.
            grid, image = MatrixGrid(np.eye(3, dtype=dtype)[None], (2, 2)), np.zeros((1, 2, 2, 1), dtype)
            out, backprop = sample_affine_parts(image, grid, np.eye(3)[None])
            backprop(out, False)
            _layers_of_other_networks(dtype)
        for make in makers:
            made = make()
            for dtype in _DTYPES:
                model = made if dtype == made.dtype else Classifier(made.network, made.input_shape, made.n_classes, dtype=dtype)
                for size in batch_sizes:
                    _predict_and_train(model, size)
    return found


def _layers_of_other_networks(dtype: np.dtype[np.floating[Any]]) -> None:
    """Run layers that no ready-made network has, whose kernels do not depend on their sizes."""
    rng, images = np.random.default_rng(0), np.zeros((2, 6, 6, 1), dtype)
    layers = Conv2d(2, (1, 2)), BatchNorm(), ReLU(), MaxPool(2, stride=1), AvgPool(2, stride=1), Conv2d(2, (2, 1)), MaxPool(2)
    network = Chain(*layers)
    network.initialize(images.shape[1:], rng, dtype)
    y, backprop = network.forward(images, rng)
    backprop(y)


def _predict_and_train(model: Classifier, batch_size: int) -> None:
    """Do everything that predictions and training steps do, without reading any result."""
    network, images = model.network, np.zeros((batch_size, *model.input_shape), model.dtype)
    network.forward(images)
    logits, backprop = network.forward(images, np.random.default_rng(0))
    _, loss_backprop = softmax_cross_entropy(np.zeros_like(logits), np.zeros(batch_size, int))
    _, gradients = backprop(loss_backprop(), input_gradient=False)
    total(gradients)
    for optimizer in (Adam(), SGD()):
        optimizer.apply(network.params, gradients, optimizer.init(network.params), dict.fromkeys(gradients, 0.0))
