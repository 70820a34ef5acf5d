"""The training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.nn.checks import check_data, check_numbers, check_rates
from stn_numba.nn.classifier import Classifier
from stn_numba.nn.clock import Clock
from stn_numba.nn.diagnosis import warn_if_outside
from stn_numba.nn.history import Epoch, History
from stn_numba.nn.layer import Floats
from stn_numba.nn.optimisers import Adam, Optimiser
from stn_numba.nn.progress import progress_bar, summary
from stn_numba.nn.schedules import Schedule, one_cycle
from stn_numba.nn.step import NonFiniteError, Step
from stn_numba.nn.workers import one_blas_thread

__all__ = ["Callback", "NonFiniteError", "fit"]

Augment = Callable[[Floats, np.random.Generator], Floats]
Callback = Callable[[Classifier, History], Any]

# A localisation net that learns as fast as the classifier throws its region out of the image before the classifier knows
# what to look for; the source trains it with a tenth of the rate (SVHN) or less.
_RATES = {"localisation": 0.1}


def fit(
    model: Classifier,
    X: ArrayLike,
    y: ArrayLike,
    *,
    epochs: int = 10,
    seconds: float | None = None,
    batch_size: int = 128,
    optimiser: Optimiser | None = None,
    learning_rate: float = 1e-3,
    schedule: Schedule = one_cycle,
    rates: Mapping[str, float] | None = None,
    clip_norm: float | None = None,
    label_smoothing: float = 0.0,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    augment: Augment | None = None,
    callbacks: Sequence[Callback] = (),
    seed: int = 0,
    progress: bool = True,
) -> History:
    """Train a model in place on labelled images.

    Parameters
    ----------
    model
        A `Classifier`, as `stn_numba.models` makes them.
    X, y
        Images (N, H, W, C) or (N, H, W), and labels (N,).
    epochs
        Passes over the images.
    seconds
        Stop after so many seconds, validation left out. The schedule then follows the time, `epochs` is only an upper
        limit, and a run is no longer repeatable to the bit.
    batch_size
        Most images a step; an epoch is cut into steps of nearly equal size.
    optimiser
        `SGD`, `Adam` (the default) or anything with their two methods.
    learning_rate, schedule
        The rate at its peak, and the function of progress that multiplies it.
    rates
        Multipliers for the parameters whose dotted name has a given part; by default ``{"localisation": 0.1}``.
    clip_norm
        Limit of the joint norm of all gradients.
    label_smoothing
        See `softmax_cross_entropy`.
    validation
        (images, labels) to evaluate after each epoch, as the model takes them: they are not augmented.
    augment
        ``augment(images, rng) -> images``, drawn afresh for each batch; it may change the images' size.
    callbacks
        Called with (model, history) after each epoch; training stops when one returns True.
    seed
        Orders the batches and feeds dropout and augmentation. The same seed, model and data give the same bits again.
    progress
        Whether to show a progress bar, where tqdm is installed.

    Returns
    -------
    History

    Raises
    ------
    NonFiniteError
        If the loss, a gradient or a parameter becomes NaN or infinite; the message names the first layer where it shows.
    ValueError, TypeError
        If data or options do not fit.

    Examples
    --------
    >>> from stn_numba.models import fcn
    >>> X = np.random.default_rng(0).random((64, 28, 28), np.float32)
    >>> history = fit(fcn(units=8), X, np.arange(64) % 10, epochs=2, progress=False)
    >>> len(history)
    2
    """
    X, y = check_data(model, X, y, free_size=augment is not None)
    if validation is not None:
        validation = check_data(model, *validation, name="validation ")
    check_numbers(epochs, seconds, batch_size, learning_rate, label_smoothing)
    rates = _RATES if rates is None else rates
    check_rates(model, set(_RATES), rates)
    step = Step(model, optimiser or Adam(), rates, clip_norm, label_smoothing)
    order, noise, distortion = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    batches = -(-len(X) // batch_size)
    history, clock, warned = History(), Clock(epochs * batches, seconds), False
    with one_blas_thread(), progress_bar(epochs, seconds, progress) as bar:
        for epoch in range(1, epochs + 1):
            mean = _Mean()
            for rows in _batches(len(X), batch_size, order):
                images = X[rows] if augment is None else model.check_images(_augmented(augment, X[rows], distortion))
                rate = learning_rate * schedule(clock.progress())
                mean.add(len(rows), *step(images, y[rows], noise, rate, f"epoch {epoch}, step {clock.step + 1}"))
                clock.step += 1
                bar.update(1 / batches)
                if clock.finished():
                    break
            with clock.paused():
                warned = warned or warn_if_outside(model.network, images)
                scores = model.evaluate(*validation) if validation else None
            held_out = scores or (None, None)
            history.epochs.append(Epoch(epoch, *mean.values(), held_out[0], held_out[1], clock.seconds(), rate))
            bar.set_postfix_str(", " + summary(history[-1]))
            # a list: every callback is called, even after one has asked to stop
            if any([callback(model, history) is True for callback in callbacks]) or clock.finished():
                break
    return history


class _Mean:
    """Mean loss and share of wrong predictions over the batches of an epoch."""

    def __init__(self) -> None:
        self.count, self.loss, self.wrong = 0, 0.0, 0

    def add(self, count: int, loss: float, wrong: int) -> None:
        self.count, self.loss, self.wrong = self.count + count, self.loss + count * loss, self.wrong + wrong

    def values(self) -> tuple[float, float]:
        return self.loss / self.count, self.wrong / self.count


def _batches(count: int, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Shuffled row numbers, in batches of nearly equal size: no lone image at the end, which could borrow no clutter."""
    yield from np.array_split(rng.permutation(count), -(-count // size))


def _augmented(augment: Augment, images: Floats, rng: np.random.Generator) -> Floats:
    """Distort a batch on one Numba thread: idle ones would spin and slow the convolutions that follow."""
    from stn_numba.kernels import threads

    with threads.limited(1):
        return augment(images, rng)
