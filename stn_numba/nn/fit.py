"""The training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.nn.classifier import Classifier
from stn_numba.nn.clock import Clock
from stn_numba.nn.diagnosis import first_non_finite, warn_if_outside
from stn_numba.nn.history import Epoch, History
from stn_numba.nn.layer import Arrays, Floats, positive_int
from stn_numba.nn.losses import softmax_cross_entropy
from stn_numba.nn.optimisers import Adam, Optimiser, clip_by_global_norm
from stn_numba.nn.progress import progress_bar, summary
from stn_numba.nn.schedules import Schedule, one_cycle
from stn_numba.nn.workers import one_blas_thread

__all__ = ["Callback", "NonFiniteError", "fit"]

Augment = Callable[[Floats, np.random.Generator], Floats]
Callback = Callable[[Classifier, History], Any]

# A localisation net that learns as fast as the classifier throws its region out of the image before the classifier knows
# what to look for; the source trains it with a tenth of the rate (SVHN) or less.
_RATES = {"localisation": 0.1}


class NonFiniteError(ArithmeticError):
    """The loss, a gradient or a parameter became NaN or infinite."""


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
    X, y = _check(model, X, y, free_size=augment is not None)
    if validation is not None:
        validation = _check(model, *validation, name="validation ")
    _check_numbers(epochs, seconds, batch_size, learning_rate, label_smoothing)
    rates = _RATES if rates is None else rates
    _check_rates(model, rates)
    step = _Step(model, optimiser or Adam(), rates, clip_norm, label_smoothing)
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


class _Step:
    """One step of training: forward, backward, update."""

    def __init__(
        self, model: Classifier, rule: Optimiser, rates: Mapping[str, float], clip_norm: float | None, smoothing: float
    ) -> None:
        self.network, self.rule, self.clip_norm, self.smoothing = model.network, rule, clip_norm, smoothing
        self.scales = _scales(model.params, rates)
        self.state = rule.init(model.params)

    def __call__(
        self, images: Floats, labels: NDArray[Any], noise: np.random.Generator, rate: float, place: str
    ) -> tuple[float, int]:
        """Return the batch's loss and how many predictions were wrong."""
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is reported here, by name
            logits, backprop = self.network.forward(images, noise)
            loss, from_loss = softmax_cross_entropy(logits, labels, label_smoothing=self.smoothing)
            self._expect_finite(loss, "the loss", images, place)
            _, gradients = backprop(from_loss(), input_gradient=False)
            # a transformer whose theta is NaN reads nothing but padding: the loss stays finite, and its gradient is 0
            self._expect_finite(_total(gradients), "a gradient", images, place)
            self._expect_finite(_total(self.network.params), "a parameter", images, place)
        if self.clip_norm is not None:
            gradients = clip_by_global_norm(gradients, self.clip_norm)
        directions, self.state = self.rule.update(gradients, self.state)
        for name, array in self.network.params.items():
            array -= (rate * self.scales[name]) * directions[name]
        return loss, int(np.sum(logits.argmax(axis=1) != labels))

    def _expect_finite(self, value: float, what: str, images: Floats, place: str) -> None:
        if not np.isfinite(value):
            raise NonFiniteError(
                f"{what} is not finite in {place}: {first_non_finite(self.network, images)} is the first that is not finite; "
                "try a smaller learning_rate, or clip_norm"
            )


def _total(arrays: Arrays) -> float:
    """Sum of all values: not finite where one of them is not."""
    return sum(float(array.sum()) for array in arrays.values())


class _Mean:
    """Mean loss and share of wrong predictions over the batches of an epoch."""

    def __init__(self) -> None:
        self.count, self.loss, self.wrong = 0, 0.0, 0

    def add(self, count: int, loss: float, wrong: int) -> None:
        self.count, self.loss, self.wrong = self.count + count, self.loss + count * loss, self.wrong + wrong

    def values(self) -> tuple[float, float]:
        return self.loss / self.count, self.wrong / self.count


def _check(
    model: Classifier, X: ArrayLike, y: ArrayLike, *, free_size: bool = False, name: str = ""
) -> tuple[Floats, NDArray[Any]]:
    X, y = model.check_images(X, free_size=free_size, name=f"{name}X"), np.asarray(y)
    if y.shape != (len(X),) or y.dtype.kind not in "iu":
        raise ValueError(f"{name}y: expected ({len(X)},) whole numbers, got {y.dtype} {y.shape}")
    if not len(X):
        raise ValueError(f"{name}X: expected at least one image, got none")
    if not 0 <= y.min() <= y.max() < model.n_classes:
        raise ValueError(f"{name}y: expected labels 0 to {model.n_classes - 1}, got {y.min()} to {y.max()}")
    return X, y


def _check_numbers(epochs: int, seconds: float | None, batch_size: int, learning_rate: float, smoothing: float) -> None:
    positive_int("epochs", epochs)
    positive_int("batch_size", batch_size)
    if seconds is not None and not seconds > 0:
        raise ValueError(f"seconds: expected more than 0, got {seconds}")
    if not 0 <= learning_rate < math.inf:
        raise ValueError(f"learning_rate: expected a finite number, at least 0, got {learning_rate}")
    if not 0 <= smoothing < 1:
        raise ValueError(f"label_smoothing: expected a number in [0, 1), got {smoothing}")


def _check_rates(model: Classifier, rates: Mapping[str, float]) -> None:
    """Refuse a misspelt part; "localisation" is understood by networks without one too."""
    known = {part for name in model.params for part in name.split(".")} | set(_RATES)
    for part in rates:
        if part not in known:
            raise ValueError(f"rates: expected parts of parameter names ({', '.join(sorted(known))}), got {part!r}")


def _batches(count: int, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Shuffled row numbers, in batches of nearly equal size: no lone image at the end, which could borrow no clutter."""
    yield from np.array_split(rng.permutation(count), -(-count // size))


def _scales(params: Arrays, rates: Mapping[str, float]) -> dict[str, float]:
    """Each parameter's multiplier: the product of the rates whose key is a part of its dotted name."""
    return {name: math.prod(rate for part, rate in rates.items() if part in name.split(".")) for name in params}


def _augmented(augment: Augment, images: Floats, rng: np.random.Generator) -> Floats:
    """Distort a batch on one Numba thread: idle ones would spin and slow the convolutions that follow."""
    from stn_numba.kernels import threads

    with threads.limited(1):
        return augment(images, rng)
