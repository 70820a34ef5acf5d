"""The training loop."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from stn_numba._util.arguments import as_option, as_real
from stn_numba.nn.classifier import Classifier
from stn_numba.nn.engine.blas_threads import one_blas_thread
from stn_numba.nn.inputs.images import expect_finite, warn_of_large_pixels
from stn_numba.nn.optimizers.base import Adam, Optimizer
from stn_numba.nn.optimizers.learning_rates import DEFAULT_MULTIPLIERS, check_multipliers
from stn_numba.nn.schedules import Schedule, one_cycle
from stn_numba.nn.training.arguments import check_data, check_functions, check_numbers, check_pair
from stn_numba.nn.training.batches import ArrayBatches, Source, Stream
from stn_numba.nn.training.checkpointing import Keeper, architecture_of, optimizer_name, schedule_name
from stn_numba.nn.training.clock import Clock
from stn_numba.nn.training.history import History
from stn_numba.nn.training.loop import Augment, Callback, Loop
from stn_numba.nn.training.progress import shown_progress
from stn_numba.nn.training.state import Run
from stn_numba.nn.training.step import NonFiniteError, Step
from stn_numba.nn.training.trainable import make_trainable

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

    The model remembers the range of the pixels that it is fed, and warns once when it is asked about images on another scale.

    Parameters
    ----------
    model
        A `Classifier`, as `stn_numba.models` makes them. Its parameter arrays are changed in place; layers get copies of those
        that are read-only, have gaps, or another dtype or byte order.
    X, y
        Images (N, H, W, C) or (N, H, W), and labels (N,). Arrays may be mapped from files (`numpy.load` with ``mmap_mode``):
        only one batch at a time is read. Or a `Stream` alone, which yields batches of both.
    epochs
        Passes over the images.
    seconds
        Stop after so many seconds, validation left out. The schedule then follows the time, `epochs` is only an upper
        limit, and a run is no longer repeatable to the bit.
    batch_size
        Most images a step; an epoch is cut into steps of nearly equal size.
    optimizer
        `SGD`, `Adam` (the default), `Muon` or anything with their two methods.
    learning_rate, schedule
        The rate at its peak, and the function of progress that multiplies it.
    learning_rate_multipliers
        Multipliers of the learning rate, by name. A key is a parameter's full name, as ``"dense1.bias"``; the name of a layer,
        as ``"spatialtransformer1.localisation"`` or ``"dense1"``; or a pattern with ``*``, as ``"*.bias"``, among which
        ``"localisation"`` means every localisation net. If several keys name a parameter, the most specific one counts, in this
        order, and the longer one of two of a kind. A multiplier of 0 freezes: not a bit of the parameter changes. Parameters
        that no key names have 1, but those of localisation nets have 0.1.
    clip_norm
        Limit of the joint norm of all gradients, those of frozen parameters left out.
    label_smoothing
        See `softmax_cross_entropy`.
    weight_decay
        Each step multiplies weights, but not biases, by 1 - rate * weight_decay, whatever the optimizer does (Loshchilov and
        Hutter, arXiv 1711.05101).
    validation
        (images, labels) to evaluate after each epoch, as the model takes them: they are not augmented, so scale them as
        training images are when they reach the network.
    augment
        ``augment(images, rng) -> images``, drawn afresh for each batch; it may change the images' size.
    callbacks
        Called with (model, history) after each epoch; training stops when one returns True.
    restore_best
        A loss or error of the history, as ``"validation_error"``. The model ends with the parameters of the epoch where it was
        smallest, instead of those of the last one. A last epoch that `seconds` cut short has no chance by its mean in training.
    checkpoint
        A file for the state of the run. If it exists, the run goes on from there, with the same bits as if it had never
        stopped; it is written after every epoch, and after the running step when Ctrl-C comes.
    checkpoint_seconds
        It is also written within an epoch when so many seconds have passed.
    seed
        Orders the batches and feeds dropout and augmentation. The same seed, model and data give the same bits again.
    progress
        Whether to show a progress bar, on a terminal or in a notebook where tqdm is installed. Elsewhere each epoch is a line
        on the standard error stream, and a record of level INFO of the logger ``stn_numba.nn.training.progress``; if logging
        writes the record to the console, the line is left out.

    Returns
    -------
    History

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
    source = _source(model, X, y, batch_size, free_size=augment is not None)
    if augment is None and isinstance(source, ArrayBatches):
        warn_of_large_pixels(source.X)
    if validation is not None:
        validation = check_data(model, *check_pair(validation), name="validation ")
        expect_finite(validation[0], name="validation X")
    multipliers = {} if learning_rate_multipliers is None else learning_rate_multipliers
    check_multipliers(model.params, multipliers)
    _check_best(restore_best, validation is not None)
    make_trainable(model.network, model.dtype)
    rule = Adam() if optimizer is None else optimizer
    step = Step(model, rule, multipliers, clip_norm=clip_norm, smoothing=label_smoothing, weight_decay=weight_decay)
    run = Run(model, step, Clock(epochs * len(source), seconds), seed)
    settings = {
        "model": architecture_of(model), "dtype": model.dtype.name, "epochs": epochs, "batches": len(source),
        "images": len(source.X) if isinstance(source, ArrayBatches) else None,
        "batch_size": batch_size, "optimizer": optimizer_name(rule), "learning_rate": learning_rate,
        "schedule": schedule_name(schedule), "clip_norm": clip_norm,
        "learning_rate_multipliers": dict(multipliers or DEFAULT_MULTIPLIERS),
        "label_smoothing": label_smoothing, "weight_decay": weight_decay, "seed": seed, "restore_best": restore_best,
    }  # fmt: skip
    keeper = Keeper(checkpoint, settings if checkpoint is not None else {}, checkpoint_seconds)
    keeper.resume(run)
    loop = Loop(run, source, epochs, _rate_at(learning_rate, schedule), augment, validation, restore_best, callbacks, keeper)
    with one_blas_thread(of_scipy=True), shown_progress(epochs, seconds, progress) as shown:
        loop.turn(shown)
    run.put_best_back()
    return run.history


def _rate_at(learning_rate: float, schedule: Schedule) -> Schedule:
    return lambda progress: learning_rate * as_real(schedule(progress), "schedule's value")


def _source(model: Classifier, X: Any, y: Any, batch_size: int, *, free_size: bool) -> Source:
    """Return a source of batches of arrays, or the stream itself."""
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


def _check_best(best: str | None, validated: bool) -> None:
    if best is not None:
        as_option(best, "restore_best", ("loss", "error", "validation_loss", "validation_error"))
        if best.startswith("validation") and not validated:
            raise ValueError(f"restore_best: {best!r} needs validation data")
