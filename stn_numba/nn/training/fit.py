"""`fit`, the function that trains a model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from stn_numba._util.arguments import as_real
from stn_numba.nn.classifier import Classifier
from stn_numba.nn.engine.blas_threads import one_blas_thread
from stn_numba.nn.inputs.images import warn_of_large_pixels
from stn_numba.nn.optimizers.adam import Adam
from stn_numba.nn.optimizers.base import Optimizer
from stn_numba.nn.optimizers.learning_rate_multipliers import DEFAULT_MULTIPLIERS, check_multipliers
from stn_numba.nn.schedules import Schedule, one_cycle
from stn_numba.nn.training.argument_checks import (
    check_data,
    check_functions,
    check_numbers,
    check_restore_best,
    check_validation,
)
from stn_numba.nn.training.batches import ArrayBatches, Batches, Stream
from stn_numba.nn.training.checkpointing import Checkpointer, architecture_of, optimizer_name, schedule_name
from stn_numba.nn.training.clock import Clock
from stn_numba.nn.training.history import History
from stn_numba.nn.training.loop import Augment, Callback, Loop
from stn_numba.nn.training.progress import progress_display
from stn_numba.nn.training.state import TrainingState
from stn_numba.nn.training.step import NonFiniteError, Step
from stn_numba.nn.training.writable_parameters import ensure_writable

__all__ = ["Callback", "NonFiniteError", "fit"]


def fit(
    model: Classifier,
    X: ArrayLike | Stream,
    y: ArrayLike | None = None,
    *,
    epochs: int = 10,
    seconds: float | None = None,
    batch_size: int = 128,
    optimizer: Optimizer | None = None,
    learning_rate: float = 1e-3,
    schedule: Schedule = one_cycle,
    learning_rate_multipliers: Mapping[str, float] | None = None,
    clip_norm: float | None = None,
    label_smoothing: float = 0.0,
    weight_decay: float = 0.0,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    augment: Augment | None = None,
    callbacks: Sequence[Callback] = (),
    restore_best: str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 60.0,
    seed: int = 0,
    progress: bool = True,
) -> History:
    """Train a model in place on labeled images.

    The model remembers the range of the pixels, and warns once when it gets images on another scale.

    Parameters
    ----------
    model : Classifier
        As `stn_numba.models` makes them. Its parameter arrays are changed in place; layers get copies of arrays that are
        read-only, have gaps, or another dtype or byte order.
    X : (N, H, W, C) or (N, H, W) array of numbers, or Stream
        Images. Only one batch at a time is read, so arrays may be mapped from files (`numpy.load` with ``mmap_mode``). Or a
        `Stream`, which yields images with their labels.
    y : (N,) array of int, default None
        Labels from 0 to n_classes - 1; None with a `Stream`.
    epochs : int, default 10
        Passes over the images.
    seconds : float, default None
        Stop after this time, without validation. The schedule then follows the time, `epochs` is only an upper limit, and
        training is no longer repeatable to the bit.
    batch_size : int, default 128
        Largest number of images in a step; an epoch is split into steps of nearly equal size.
    optimizer : Optimizer, default Adam()
        `SGD`, `Adam`, `Muon`, or your own object with their two methods (see `stn_numba.nn.Optimizer`).
    learning_rate : float, default 1e-3
        Its peak, at least 0.
    schedule : function, default one_cycle
        ``schedule(progress) -> multiplier`` of the learning rate, for progress in [0, 1].
    learning_rate_multipliers : dict of float, default {"localisation": 0.1}
        Further multipliers, by name. A key is a parameter's full name, as ``"dense1.bias"``; the name of a layer, as
        ``"spatialtransformer1.localisation"`` or ``"dense1"``; or a pattern with ``*``, as ``"*.bias"``, among which
        ``"localisation"`` means every localisation net. If several keys match a parameter, the most specific one counts: kinds
        in this order, and the longer of two keys of a kind. A multiplier of 0 freezes: not a bit of the parameter changes.
        Parameters that no key matches have 1, but those of localisation nets have 0.1.
    clip_norm : float, default None
        Limit of the joint norm of all gradients, without those of frozen parameters.
    label_smoothing : float, default 0.0
        See `softmax_cross_entropy`.
    weight_decay : float, default 0.0
        Each step multiplies weights, but not biases, by 1 - learning_rate * weight_decay, independently of the optimizer
        (Loshchilov and Hutter, arXiv 1711.05101).
    validation : (images, labels), default None
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
    seed : int, default 0
        Seed of the order of batches, of dropout and of augmentation. The same seed, model and data give the same bits.
    progress : bool, default True
        Show a progress bar, on a terminal or in a notebook, if tqdm is installed. Elsewhere each epoch is a line on the
        standard error stream, and a record of level INFO of the logger ``stn_numba.nn.training.progress``; if logging writes
        the record to the console, the line is left out.

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
        If data or options do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from stn_numba.models import fcn
    >>> X = np.random.default_rng(0).random((64, 28, 28), np.float32)
    >>> history = fit(fcn(units=8), X, np.arange(64) % 10, epochs=2, progress=False)
    >>> len(history)
    2
    """
    if not isinstance(model, Classifier):
        raise TypeError(f"model: expected a Classifier, got {type(model).__name__}")
    check_numbers(
        epochs=epochs, batch_size=batch_size, seconds=seconds, learning_rate=learning_rate, clip_norm=clip_norm,
        label_smoothing=label_smoothing, weight_decay=weight_decay, checkpoint_seconds=checkpoint_seconds, seed=seed,
    )  # fmt: skip
    check_functions(schedule, augment, callbacks, optimizer)
    batches = _batches(model, X, y, batch_size, free_size=augment is not None)
    if augment is None and isinstance(batches, ArrayBatches):
        warn_of_large_pixels(batches.X)
    held_out = check_validation(model, validation)
    multipliers = {} if learning_rate_multipliers is None else learning_rate_multipliers
    check_multipliers(model.params, multipliers)
    check_restore_best(restore_best, held_out is not None)
    ensure_writable(model)
    optimizer = Adam() if optimizer is None else optimizer
    step = Step(
        model, optimizer, multipliers, clip_norm=clip_norm, label_smoothing=label_smoothing, weight_decay=weight_decay
    )  # fmt: skip
    state = TrainingState(model, step, Clock(epochs * len(batches), seconds), seed)
    settings = {
        "model": architecture_of(model), "dtype": model.dtype.name, "epochs": epochs, "batches": len(batches),
        "images": len(batches.X) if isinstance(batches, ArrayBatches) else None,
        "batch_size": batch_size, "optimizer": optimizer_name(optimizer), "learning_rate": learning_rate,
        "schedule": schedule_name(schedule), "clip_norm": clip_norm,
        "learning_rate_multipliers": dict(multipliers or DEFAULT_MULTIPLIERS),
        "label_smoothing": label_smoothing, "weight_decay": weight_decay, "seed": seed, "restore_best": restore_best,
    }  # fmt: skip
    checkpointer = Checkpointer(checkpoint, settings if checkpoint is not None else {}, checkpoint_seconds)
    checkpointer.resume(state)

    def learning_rate_at(progress: float) -> float:
        return learning_rate * as_real(schedule(progress), "schedule's value")

    loop = Loop(state, batches, epochs, learning_rate_at, augment, held_out, restore_best, callbacks, checkpointer)
    with one_blas_thread(of_scipy=True), progress_display(epochs, seconds, progress) as display:
        loop.run(display)
    state.restore_best()
    return state.history


def _batches(model: Classifier, X: Any, y: Any, batch_size: int, *, free_size: bool) -> Batches:
    """Return the batches of arrays, or the stream itself."""
    if callable(X):
        if y is not None:
            raise ValueError("y: expected none with a stream, which yields the labels itself")
        if not isinstance(X, Stream) or len(X) < 1:
            raise TypeError("X: expected arrays, or a stream with a length of at least one batch")
        return X
    if y is None:
        raise ValueError(
            "y: expected labels (N,) with arrays; only a Stream, which has __len__ and __call__(rng), yields the labels itself"
        )
    return ArrayBatches(*check_data(model, X, y, free_size=free_size), batch_size)
