"""`fit`, the function that trains a model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from stn_numba.nn.engine.blas_threads import one_blas_thread
from stn_numba.nn.inputs.images import warn_of_large_pixels
from stn_numba.nn.inputs.weights import expect_weights
from stn_numba.nn.layers.rescale import starts_with_rescale
from stn_numba.nn.layers.theta_penalty import ThetaPenalty
from stn_numba.nn.losses.base import Loss
from stn_numba.nn.losses.function import LossFunction
from stn_numba.nn.model.base import Model
from stn_numba.nn.optimizers.adam import Adam
from stn_numba.nn.optimizers.base import Optimizer
from stn_numba.nn.optimizers.learning_rate_multipliers import check_multipliers
from stn_numba.nn.penalties import KEEP_INSIDE
from stn_numba.nn.schedules import Schedule, one_cycle, scaled
from stn_numba.nn.training.argument_checks import (
    check_data,
    check_functions,
    check_numbers,
    check_restore_best,
    check_validation,
)
from stn_numba.nn.training.batches import ArrayBatches, Batches, Stream
from stn_numba.nn.training.checkpointing import Checkpointer, run_settings
from stn_numba.nn.training.clock import Clock
from stn_numba.nn.training.cluster import Cluster, as_cluster, computed_on
from stn_numba.nn.training.loop import Augment, Callback, Loop
from stn_numba.nn.training.optimizer_state import carried_over
from stn_numba.nn.training.reports.history import History
from stn_numba.nn.training.reports.progress import progress_display
from stn_numba.nn.training.state import TrainingState
from stn_numba.nn.training.step import NonFiniteError, Step
from stn_numba.nn.training.training_loss import smoothed, weighted
from stn_numba.nn.training.writable_parameters import ensure_writable

__all__ = ["Callback", "NonFiniteError", "fit"]


def fit(
    model: Model,
    X: ArrayLike | Stream,
    y: Any = None,
    *,
    loss: str | Loss | LossFunction | None = None,
    epochs: int = 10,
    seconds: float | None = None,
    batch_size: int = 64,
    optimizer: Optimizer | None = None,
    learning_rate: float = 4e-3,
    schedule: Schedule = one_cycle,
    learning_rate_multipliers: Mapping[str, float] | None = None,
    clip_norm: float | None = 1.0,
    label_smoothing: float | Schedule | None = None,
    weight_decay: float = 0.0,
    class_weight: str | Mapping[int, float] | ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    theta_penalty: ThetaPenalty | None = KEEP_INSIDE,
    validation: tuple[ArrayLike, Any] | None = None,
    augment: Augment | None = None,
    callbacks: Sequence[Callback] = (),
    restore_best: str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 60.0,
    optimizer_state: dict[str, Any] | None = None,
    parts: int | None = None,
    cluster: Cluster | Any = None,
    seed: int = 0,
    progress: bool = True,
) -> History:
    """Train a model in place on images and what it should say about them.

    The model remembers the range of the pixels, and warns once when it gets images on another scale.

    Parameters
    ----------
    model : Model
        A `Classifier`, as `stn_numba.models` makes them, a `Regressor`, a `MultiHead`, or a `Model`. Its parameter arrays are
        changed in place; layers get copies of arrays that are read-only, have gaps, or another dtype or byte order.
    X : (N, H, W, C) or (N, H, W) array of numbers, or Stream
        Images. Only one batch at a time is read, so arrays may be mapped from files (`numpy.load` with ``mmap_mode``). Or a
        `Stream`, which yields images with their targets.
    y : array, default None
        Targets; None with a `Stream`. For a `Classifier` labels (N,) from 0 to n_classes - 1, or class probabilities
        (N, n_classes), which one-hot rows are as well; with several labels an image (N, n_classes) of 0 and 1. For a
        `Regressor` measurements, shaped as the outputs. For a `MultiHead` a dict of targets by head, or a tuple in the order of
        the heads. For a loss that is a function any array whose first axis is the batch.
    loss : str, Loss or function, default None
        What training makes small: ``"cross_entropy"`` (of the softmax), ``"binary_cross_entropy"`` (of the sigmoid),
        ``"mean_squared_error"``, ``"huber"``, a `Loss` with options, or a function ``loss(outputs, targets) -> (value,
        d_outputs)`` of a whole batch, with the gradient shaped as the outputs (dicts, with several heads). None for the model's
        own.
    epochs : int, default 10
        Passes over the images.
    seconds : float, default None
        Stop after this time, without validation. The schedule then follows the time, `epochs` is only an upper limit, and
        training is no longer repeatable to the bit.
    batch_size : int, default 64
        Largest number of images in a step; an epoch is split into steps of nearly equal size.
    optimizer : Optimizer, default Adam()
        `SGD`, `Adam`, `Muon`, or your own object with their two methods (see `stn_numba.nn.Optimizer`).
    learning_rate : float, default 4e-3
        Its peak, at least 0.
    schedule : function, default one_cycle
        ``schedule(progress) -> multiplier`` of the learning rate, for progress in [0, 1].
    learning_rate_multipliers : dict of float, default {}
        Further multipliers, by name. A key is a parameter's full name, as ``"dense1.bias"``; the name of a layer, as
        ``"spatialtransformer1.localisation"`` or ``"dense1"``; or a pattern with ``*``, as ``"*.bias"``, among which
        ``"localisation"`` means every localisation net. If several keys match a parameter, the most specific one counts: kinds
        in this order, and the longer of two keys of a kind. A multiplier of 0 freezes: not a bit of the parameter changes.
        Parameters that no key matches have 1.
    clip_norm : float, default 1.0
        Limit of the joint norm of all gradients, without those of frozen parameters; None for no limit.
    label_smoothing : float in [0, 1) or function, default None
        See `softmax_cross_entropy`; only with this loss, also in some heads. A function ``label_smoothing(progress)`` of
        progress in [0, 1] changes it in training. None for a smoothing that grows evenly from 0 to 0.1, for each cross entropy
        without a smoothing of its own. The losses of validation are not smoothed.
    weight_decay : float, default 0.0
        Each step multiplies weights, but not biases, by 1 - learning_rate * weight_decay, independently of the optimizer
        (Loshchilov and Hutter, arXiv 1711.05101).
    class_weight : "balanced", dict or (n_classes,) array, default None
        Factors of the losses of images by their class, only with the cross entropy: for classes of which there are few images.
        ``"balanced"`` makes all classes count the same (N / (K n) for a class of n images); a stream needs an attribute
        `labels` (N,) for it. Validation is not weighted.
    sample_weight : (N,) array, default None
        Factors of the losses of images; a stream may yield those of a batch after its targets. The sum of the weighted losses
        is divided by the number of images.
    theta_penalty : function, default centers_inside()
        ``theta_penalty(theta, transformer) -> (value, d_theta)``, called for each spatial transformer with its parameters
        (N, P): the mean over these images of a penalty, which is added to the loss, and its gradient. `centers_inside`,
        `near_identity` and `scale_limits` make such functions. The default brings regions back that have left the image; None
        for no penalty.
    validation : (images, targets), default None
        Data to evaluate after each epoch. They are not augmented: give them the scale that training images have when they reach
        the network.
    augment : function, default None
        ``augment(images, rng) -> images``, called for each batch; it may change the size of the images.
    callbacks : sequence of functions, default ()
        Called with (model, history) after each epoch; training stops when one returns True.
    restore_best : str, default None
        A loss or error of the history, as ``"validation_error"``. The model ends with the parameters of the epoch with its
        smallest value, instead of those of the last one. The training loss or error of a last epoch that `seconds` cut short
        does not count.
    checkpoint : path, default None
        File for the state of training. If it exists, training resumes from there, with the same bits as if it had never
        stopped. It is written after each epoch, and after the current step on Ctrl-C.
    checkpoint_seconds : float, default 60.0
        Within an epoch the file is written when this time has passed.
    optimizer_state : dict, default None
        State of the optimizer that an earlier call left in this dict; an empty one for none. Whatever fits the parameters is
        used, and the dict has the new state when training ends.
    parts : int, default None
        In how many parts a batch passes through the network, side by side on threads or workers; the sums of their gradients
        are added in a fixed order. None for 2 if each has at least 32 images, else 1. Other numbers give other bits, by
        rounding, while the number of threads and of workers never changes a bit. Ignored with layers that look at the whole
        batch, as `BatchNorm`.
    cluster : dask.distributed.Client or Cluster, default None
        Compute the parts of each batch on the workers of a cluster, with the same bits as without it; a client needs the extra
        ``dask``. Give as many `parts` as there are workers, or a multiple. See `stn_numba.dask.training.DaskCluster`.
    seed : int, default 0
        Seed of the order of batches, of dropout and of augmentation. The same seed, model and data give the same bits.
    progress : bool, default True
        Show a progress bar, on a terminal or in a notebook, if tqdm is installed. Elsewhere each epoch is a line on the
        standard error stream, and a record of level INFO of the logger ``stn_numba.nn.training.reports.progress``; if logging
        writes the record to the console, the line is left out.

    Returns
    -------
    History
        Losses, errors and learning rates, epoch by epoch.

    Raises
    ------
    NonFiniteError
        If the loss, a gradient or a parameter becomes NaN or infinite; the message names the first layer where it shows.
    StorageError
        If the checkpoint is damaged, or belongs to a run with other settings.
    ValueError, TypeError
        If data or options do not fit, or the model has no loss and none is given; with a cluster, if a layer looks at the whole
        batch, as `BatchNorm`.

    Examples
    --------
    >>> import numpy as np
    >>> from stn_numba.models import fcn
    >>> X = np.random.default_rng(0).random((64, 28, 28), np.float32)
    >>> history = fit(fcn(units=8), X, np.arange(64) % 10, epochs=2, progress=False)
    >>> len(history)
    2
    """
    if not isinstance(model, Model):
        raise TypeError(f"model: expected a Model, as a Classifier is, got {type(model).__name__}")
    check_numbers(
        epochs=epochs, batch_size=batch_size, seconds=seconds, learning_rate=learning_rate, clip_norm=clip_norm,
        weight_decay=weight_decay, checkpoint_seconds=checkpoint_seconds, seed=seed, parts=parts,
    )  # fmt: skip
    check_functions(schedule, augment, theta_penalty, callbacks, optimizer)
    evaluated = model.loss_of(loss)
    batches = _batches(model, evaluated, X, y, sample_weight, batch_size, free_size=augment is not None)
    loss_at = smoothed(weighted(model, evaluated, _all_targets(batches), class_weight), label_smoothing)
    if augment is None and isinstance(batches, ArrayBatches) and not starts_with_rescale(model.network):
        warn_of_large_pixels(batches.X)
    held_out = check_validation(model, evaluated, validation)
    multipliers = {} if learning_rate_multipliers is None else learning_rate_multipliers
    check_multipliers(model.params, multipliers)
    check_restore_best(restore_best, held_out is not None)
    workers = as_cluster(cluster, model)
    ensure_writable(model)
    step = Step(
        model, optimizer or Adam(), multipliers, loss=loss_at(0.0), theta_penalty=theta_penalty, clip_norm=clip_norm,
        weight_decay=weight_decay, parts=parts,
    )  # fmt: skip
    if optimizer_state is not None:
        step.optimizer_state = carried_over(step.optimizer_state, optimizer_state)
    state = TrainingState(model, step, Clock(epochs * len(batches), seconds), seed)
    settings = run_settings(
        step, loss_at, schedule, multipliers, epochs=epochs, batches=len(batches), batch_size=batch_size,
        learning_rate=learning_rate, seed=seed, parts=parts, restore_best=restore_best,
        images=len(batches.X) if isinstance(batches, ArrayBatches) else None,
    )  # fmt: skip
    checkpointer = Checkpointer(checkpoint, settings if checkpoint is not None else {}, checkpoint_seconds)
    checkpointer.resume(state)
    rates = scaled(schedule, learning_rate)
    loop = Loop(state, batches, epochs, rates, loss_at, augment, held_out, evaluated, restore_best, callbacks, checkpointer)
    with one_blas_thread(of_scipy=True), computed_on(workers, step), progress_display(epochs, seconds, progress) as display:
        loop.run(display)
    state.restore_best()
    if optimizer_state is not None:
        optimizer_state.update(step.optimizer_state)
    return state.history


def _all_targets(batches: Batches) -> Any:
    """Return the targets of all images: those of arrays, or the `labels` that a stream may know; else None."""
    return batches.y if isinstance(batches, ArrayBatches) else getattr(batches, "labels", None)


def _batches(model: Model, loss: Loss, X: Any, y: Any, sample_weight: Any, batch_size: int, *, free_size: bool) -> Batches:
    """Return the batches of arrays, or the stream itself."""
    if callable(X):
        for name, value in (("y", y), ("sample_weight", sample_weight)):
            if value is not None:
                raise ValueError(f"{name}: expected none with a stream, which yields targets and weights itself")
        if not isinstance(X, Stream) or len(X) < 1:
            raise TypeError("X: expected arrays, or a stream with a length of at least one batch")
        return X
    if y is None:
        raise ValueError(
            "y: expected targets with arrays; only a Stream, which has __len__ and __call__(rng), yields the targets itself"
        )
    X, targets = check_data(model, loss, X, y, free_size=free_size)
    weights = None if sample_weight is None else expect_weights(sample_weight, "sample_weight", len(X))
    return ArrayBatches(X, targets, batch_size, weights)
