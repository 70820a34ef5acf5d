"""The training loop."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba.nn.classifier import Classifier
from stn_numba.nn.history import Epoch, History
from stn_numba.nn.layer import Arrays, Floats
from stn_numba.nn.losses import softmax_cross_entropy
from stn_numba.nn.optimisers import Adam, Optimiser, clip_by_global_norm
from stn_numba.nn.schedules import Schedule, one_cycle
from stn_numba.nn.workers import one_blas_thread

__all__ = ["Callback", "NonFiniteError", "fit"]

Augment = Callable[[Floats, np.random.Generator], Floats]
Callback = Callable[[Classifier, History], Any]

# A localisation net that learns as fast as the classifier throws its region out of the image before the classifier knows
# what to look for; the source trains it with a tenth of the rate (SVHN) or less.
_RATES = {"localisation": 0.1}
_OUTSIDE = 0.1  # share of a batch without any sample inside the image that is worth a warning


class NonFiniteError(ArithmeticError):
    """The loss became NaN or infinite."""


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
        Stop after so many seconds, validation left out. The schedule then follows the time, `epochs` is only an upper limit, and
        a run is no longer repeatable to the bit.
    batch_size
        Images a step.
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
        If the loss becomes NaN or infinite; the message names the first layer where it shows.
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
    X, y = _check(model, X, y, epochs, batch_size, free_size=augment is not None)
    rule = optimiser or Adam()
    state = rule.init(model.params)
    scales = _scales(model.params, _RATES if rates is None else rates)
    order, noise, distortion = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    history, clock = History(), _Clock(epochs * -(-len(X) // batch_size), seconds)
    with one_blas_thread(), _progress_bar(epochs, progress) as bar:
        for epoch in range(1, epochs + 1):
            losses, wrong = [], 0
            for rows in _batches(len(X), batch_size, order):
                images = X[rows] if augment is None else model.check_images(_augmented(augment, X[rows], distortion))
                logits, backprop = model.network.forward(images, noise)
                loss, loss_backprop = softmax_cross_entropy(logits, y[rows], label_smoothing=label_smoothing)
                if not np.isfinite(loss):
                    raise NonFiniteError(_explain(model, images, loss, epoch, clock.step + 1))
                _, gradients = backprop(loss_backprop(), input_gradient=False)
                if clip_norm is not None:
                    gradients = clip_by_global_norm(gradients, clip_norm)
                directions, state = rule.update(gradients, state)
                rate = learning_rate * schedule(clock.progress())
                for name, array in model.params.items():
                    array -= (rate * scales[name]) * directions[name]
                losses.append(loss * len(rows))
                wrong += int(np.sum(logits.argmax(axis=1) != y[rows]))
                clock.step += 1
                bar.update(1 / (-(-len(X) // batch_size)))
                if clock.finished():
                    break
            seen = max(1, sum(1 for _ in losses)) * batch_size
            with clock.paused():
                _warn_if_outside(model, images)
                scores = model.evaluate(*validation) if validation else (None, None)
            count = min(seen, len(X))
            history.epochs.append(Epoch(epoch, sum(losses) / count, wrong / count, *scores, clock.seconds(), rate))
            bar.set_postfix_str(_summary(history[-1]))
            stop = [callback(model, history) is True for callback in callbacks]
            if any(stop) or clock.finished():
                break
    return history


def _check(
    model: Classifier, X: ArrayLike, y: ArrayLike, epochs: int, batch_size: int, *, free_size: bool
) -> tuple[Floats, NDArray[Any]]:
    X, y = model.check_images(X, free_size=free_size), np.asarray(y)
    if y.shape != (len(X),) or y.dtype.kind not in "iu":
        raise ValueError(f"y: expected ({len(X)},) whole numbers, got {y.dtype} {y.shape}")
    if not len(X):
        raise ValueError("X: expected at least one image, got none")
    if not 0 <= y.min() <= y.max() < model.n_classes:
        raise ValueError(f"y: expected labels 0 to {model.n_classes - 1}, got {y.min()} to {y.max()}")
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if value < 1:
            raise ValueError(f"{name}: expected at least 1, got {value}")
    return X, y


def _batches(count: int, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Shuffled row numbers, in batches."""
    order = rng.permutation(count)
    for start in range(0, count, size):
        yield order[start : start + size]


def _scales(params: Arrays, rates: Mapping[str, float]) -> dict[str, np.float32]:
    """Each parameter's multiplier: the product of the rates whose key is a part of its dotted name."""
    return {
        name: np.float32(np.prod([rate for part, rate in rates.items() if part in name.split(".")]))
        for name in params
    }


def _augmented(augment: Augment, images: Floats, rng: np.random.Generator) -> Floats:
    """Distort a batch on one Numba thread: idle ones would spin and slow the convolutions that follow."""
    from stn_numba.kernels import threads

    with threads.limited(1):
        return augment(images, rng)


class _Clock:
    """Progress by steps, or by time where there is a budget; the budget counts training alone."""

    def __init__(self, steps: int, budget: float | None) -> None:
        self.step, self.steps, self.budget = 0, steps, budget
        self._start, self._paused = time.perf_counter(), 0.0

    def seconds(self) -> float:
        return time.perf_counter() - self._start - self._paused

    def progress(self) -> float:
        by_steps = self.step / self.steps
        return by_steps if self.budget is None else min(1.0, max(by_steps, self.seconds() / self.budget))

    def finished(self) -> bool:
        return self.budget is not None and self.seconds() >= self.budget

    def paused(self) -> _Pause:
        return _Pause(self)


class _Pause:
    def __init__(self, clock: _Clock) -> None:
        self.clock = clock

    def __enter__(self) -> None:
        self.since = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.clock._paused += time.perf_counter() - self.since


def _explain(model: Classifier, images: Floats, loss: float, epoch: int, step: int) -> str:
    """Name the first layer whose output or parameters are not finite."""
    where = "the loss itself"
    if not np.isfinite(images).all():
        where = "the training images"
    else:
        with np.errstate(all="ignore"):
            for name, layer, output in model.network.trace(images):
                own = [key for key, array in layer.params.items() if not np.isfinite(array).all()]
                if own or not np.isfinite(output).all():
                    what = f"parameter {own[0]!r}" if own else "output"
                    where = f"the {what} of layer {name!r} ({type(layer).__name__})"
                    break
    return (
        f"loss is {loss} in epoch {epoch}, step {step}: {where} is the first that is not finite; "
        "try a smaller learning_rate, or clip_norm"
    )


def _warn_if_outside(model: Classifier, images: Floats) -> None:
    x = images
    for name, layer in model.network.layers.items():
        if layer in model.transformers:
            share = layer.outside(layer.theta(x))  # type: ignore[attr-defined]
            if share > _OUTSIDE:
                warnings.warn(
                    f"layer {name!r}: the sampled region has left the image for {share:.0%} of a batch; "
                    "where all samples are padding there is no gradient to bring it back: "
                    "try a smaller rate for the localisation net, or clip_norm",
                    RuntimeWarning,
                    stacklevel=3,
                )
        if layer is model.transformers[-1] if model.transformers else True:
            return
        x = layer.forward(x)[0]


def _summary(epoch: Epoch) -> str:
    text = f"loss {epoch.loss:.4f}, error {epoch.error:.2%}"
    return text if epoch.validation_error is None else f"{text}, validation {epoch.validation_error:.2%}"


class _NoBar:
    def update(self, amount: float) -> None: ...

    def set_postfix_str(self, text: str) -> None: ...

    def __enter__(self) -> _NoBar:
        return self

    def __exit__(self, *_: object) -> None: ...


def _progress_bar(epochs: int, wanted: bool) -> Any:
    if wanted:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return _NoBar()
        return tqdm(total=epochs, unit="epoch", bar_format="{l_bar}{bar}| {n:.1f}/{total} [{elapsed}<{remaining}{postfix}]")
    return _NoBar()
