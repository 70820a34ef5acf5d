"""Training step by step, in a loop of your own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from stn_numba._util.arguments import as_real
from stn_numba.nn.engine.blas_threads import one_blas_thread
from stn_numba.nn.inputs.weights import expect_weights
from stn_numba.nn.layers.theta_penalty import ThetaPenalty
from stn_numba.nn.losses.base import Loss
from stn_numba.nn.losses.function import LossFunction
from stn_numba.nn.model.base import Model
from stn_numba.nn.optimizers.adam import Adam
from stn_numba.nn.optimizers.base import Optimizer, State
from stn_numba.nn.optimizers.learning_rate_multipliers import check_multipliers
from stn_numba.nn.penalties import KEEP_INSIDE
from stn_numba.nn.training.argument_checks import check_data, check_functions, check_numbers
from stn_numba.nn.training.step import Step
from stn_numba.nn.training.training_loss import smoothed, weighted
from stn_numba.nn.training.writable_parameters import ensure_writable

__all__ = ["Trainer", "training_threads"]


def training_threads() -> AbstractContextManager[None]:
    """Return a context in which BLAS keeps to one thread, because layers use threads of their own.

    `fit` and `Trainer.step` do this themselves. Put it around a loop that calls `Model.forward` or layers: idle threads of BLAS
    spin, and make training 2 to 10 times slower. It needs threadpoolctl (extra ``train``); without it nothing changes.

    Examples
    --------
    >>> with training_threads():
    ...     pass
    """
    return one_blas_thread(of_scipy=True)


class Trainer:
    """Trains a model batch by batch: the step of `fit`, for a loop of your own.

    Parameters
    ----------
    model : Model
        Its parameter arrays are changed in place, as by `fit`.
    optimizer : Optimizer, default Adam()
        See `fit`.
    learning_rate : float, default 1e-3
        At least 0; `step` may be given another.
    loss, learning_rate_multipliers, clip_norm, weight_decay, class_weight, theta_penalty
        See `fit`.
    label_smoothing : float, default 0.0
        See `softmax_cross_entropy`; only with this loss.
    seed : int, default 0
        Seed of dropout.

    Attributes
    ----------
    steps : int
        How many steps were taken.
    error : float or None
        The mean error of the last batch, None if the loss has none.
    optimizer_state : dict
        The state of the optimizer.

    Raises
    ------
    TypeError, ValueError
        If an option does not fit.

    Examples
    --------
    >>> from stn_numba.models import fcn
    >>> trainer = Trainer(fcn((4, 4, 1), 2, units=4))
    >>> X, y = np.random.default_rng(0).random((64, 4, 4), np.float32), np.arange(64) % 2
    >>> for start in range(0, 64, 32):
    ...     loss = trainer.step(X[start : start + 32], y[start : start + 32])
    >>> trainer.steps
    2
    """

    def __init__(
        self,
        model: Model,
        *,
        optimizer: Optimizer | None = None,
        learning_rate: float = 1e-3,
        loss: str | Loss | LossFunction | None = None,
        learning_rate_multipliers: Mapping[str, float] | None = None,
        clip_norm: float | None = 1.0,
        label_smoothing: float = 0.0,
        weight_decay: float = 0.0,
        class_weight: Mapping[int, float] | ArrayLike | None = None,
        theta_penalty: ThetaPenalty | None = KEEP_INSIDE,
        seed: int = 0,
    ) -> None:
        if not isinstance(model, Model):
            raise TypeError(f"model: expected a Model, as a Classifier is, got {type(model).__name__}")
        check_numbers(
            learning_rate=learning_rate, clip_norm=clip_norm, weight_decay=weight_decay, seed=seed,
        )  # fmt: skip
        check_functions(None, None, theta_penalty, (), optimizer)
        multipliers = {} if learning_rate_multipliers is None else learning_rate_multipliers
        check_multipliers(model.params, multipliers)
        ensure_writable(model)
        smoothing = as_real(label_smoothing, "label_smoothing", "[0, 1)")
        chosen = smoothed(weighted(model, model.loss_of(loss), None, class_weight), smoothing)(0.0)
        self.model, self.learning_rate, self.steps = model, learning_rate, 0
        self.error: float | None = None
        self._step = Step(
            model, Adam() if optimizer is None else optimizer, multipliers, loss=chosen, theta_penalty=theta_penalty,
            clip_norm=clip_norm, weight_decay=weight_decay,
        )  # fmt: skip
        self._noise = np.random.default_rng(seed)

    @property
    def optimizer_state(self) -> State:
        """The state of the optimizer."""
        return self._step.optimizer_state

    def step(
        self, X: ArrayLike, y: Any, *, sample_weight: ArrayLike | None = None, learning_rate: float | None = None
    ) -> float:
        """Train on a batch of images.

        Parameters
        ----------
        X : (N, H, W, C) array of numbers
            Images; (N, H, W) if C is 1.
        y : array
            Their targets, as for `fit`.
        sample_weight : (N,) array, default None
            Factors of the losses of the images.
        learning_rate : float, default None
            For this step, at least 0; None for that of the trainer.

        Returns
        -------
        float
            The mean loss before the step, with penalties.

        Raises
        ------
        NonFiniteError
            If the loss, a gradient or a parameter becomes NaN or infinite.
        TypeError, ValueError
            If images or targets do not fit the model.
        """
        images, targets = check_data(self.model, self._step.loss, X, y)
        weights = None if sample_weight is None else expect_weights(sample_weight, "sample_weight", len(images))
        rate = self.learning_rate if learning_rate is None else as_real(learning_rate, "learning_rate", "[0, inf)")
        with training_threads():
            images = images.astype(self.model.dtype, copy=False)
            loss, self.error = self._step(images, targets, self._noise, rate, f"step {self.steps + 1}", weights)
        self.steps += 1
        return loss
