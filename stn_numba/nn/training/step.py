"""One step of training: forward, backward, update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import kernel
from stn_numba.nn.arrays import Arrays, Floats, as_kernel_array
from stn_numba.nn.classifier import Classifier
from stn_numba.nn.engine.thread_pool import batch_parts, parallel_map, summed
from stn_numba.nn.layers.container import Parameters, needs_whole_batch
from stn_numba.nn.losses import softmax_cross_entropy
from stn_numba.nn.optimizers.base import Optimizer
from stn_numba.nn.optimizers.clipping import clip_by_global_norm
from stn_numba.nn.optimizers.learning_rate_multipliers import resolve_multipliers
from stn_numba.nn.training.diagnostics import why_not_finite

__all__ = ["NonFiniteError", "Step", "total"]

_TOTAL = kernel("nn.kernels.optimizers", "total")


class NonFiniteError(ArithmeticError):
    """The loss, a gradient or a parameter became NaN or infinite."""


class Step:
    """Forward, backward, update; the optimizer's state is kept from one call to the next.

    A multiplier of 0 freezes a parameter: neither the optimizer nor `weight_decay` nor `clip_norm` sees it.
    """

    def __init__(
        self,
        model: Classifier,
        optimizer: Optimizer,
        learning_rate_multipliers: Mapping[str, float],
        *,
        clip_norm: float | None = None,
        label_smoothing: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        self.network, self.optimizer = model.network, optimizer
        self.whole_batch = needs_whole_batch(model.network)
        self.clip_norm, self.label_smoothing, self.weight_decay = clip_norm, label_smoothing, weight_decay
        multipliers = resolve_multipliers(model.params, learning_rate_multipliers)
        self.multipliers = {name: multiplier for name, multiplier in multipliers.items() if multiplier}
        self.optimizer_state = optimizer.init(self._without_frozen(model.params))

    def __call__(
        self, images: Floats, labels: NDArray[Any], rng: np.random.Generator, learning_rate: float, place: str
    ) -> tuple[float, int]:
        """Train on a batch; return its mean loss and the number of wrong predictions. Errors name the `place`."""
        parts = [slice(0, len(images))] if self.whole_batch else batch_parts(len(images))
        seeds = rng.integers(1 << 63, size=len(parts))

        def train_part(number: int) -> tuple[float, int, Arrays]:
            x, y = images[parts[number]], labels[parts[number]]
            logits, backprop = self.network.forward(x, np.random.default_rng(seeds[number]))
            loss, loss_backprop = softmax_cross_entropy(logits, y, label_smoothing=self.label_smoothing)
            share = len(x) / max(len(images), 1)
            _, gradients = backprop(loss_backprop() * logits.dtype.type(share), input_gradient=False)
            return share * loss, int(np.sum(logits.argmax(axis=1) != y)), gradients

        with np.errstate(over="ignore", invalid="ignore"):  # `_expect_finite` reports them, with the name of the layer
            losses, wrong, gradients = zip(*parallel_map(train_part, range(len(parts))), strict=True)
            total_gradients = self._summed(gradients)
            self._expect_finite(sum(losses), "the loss", images, place)
            # a transformer whose theta is NaN reads nothing but padding: the loss stays finite, and its gradient is 0
            self._expect_finite(total(total_gradients), "a gradient", images, place)
            self.expect_finite_parameters(images, place)
            if self.clip_norm is not None:
                total_gradients = clip_by_global_norm(total_gradients, self.clip_norm)
            self._update(total_gradients, learning_rate)
        return sum(losses), sum(wrong)

    def _summed(self, gradients: tuple[Arrays, ...]) -> Arrays:
        """Return the sum over the parts of a batch, without frozen parameters, after a check of names and shapes."""
        params = self.network.params
        for part in gradients:
            for name in {**params, **part}:
                got = np.shape(part[name]) if name in part else "none"
                expected = params[name].shape if name in params else "none, since there is no such parameter"
                if got != expected:
                    raise ValueError(f"gradient of {name!r}: expected {expected}, got {got}")
        trained = self._without_frozen(summed(gradients))
        return {name: as_kernel_array(gradient, params[name].dtype) for name, gradient in trained.items()}

    def _update(self, gradients: Arrays, learning_rate: float) -> None:
        """Change the parameters in place; an optimizer that assigns arrays instead writes into these as well."""
        params = Parameters(self._without_frozen(self.network.params))
        rates = {name: learning_rate * multiplier for name, multiplier in self.multipliers.items()}
        if self.weight_decay:
            for name, array in params.items():
                if array.ndim > 1:  # weights, not biases
                    array *= array.dtype.type(1 - rates[name] * self.weight_decay)
        result: object = self.optimizer.apply(params, gradients, self.optimizer_state, rates)  # type: ignore[func-returns-value]
        if result is not None:
            raise TypeError(f"optimizer.apply: expected to change params and state in place, got a {type(result).__name__}")

    def _without_frozen(self, arrays: Arrays) -> Arrays:
        return {name: array for name, array in arrays.items() if name in self.multipliers}

    def expect_finite_parameters(self, images: Floats, place: str) -> None:
        """Raise a `NonFiniteError` if a parameter is not finite."""
        self._expect_finite(total(self.network.params), "a parameter", images, place)

    def _expect_finite(self, value: float, what: str, images: Floats, place: str) -> None:
        if not np.isfinite(value):
            raise NonFiniteError(f"{what} is not finite in {place}: {why_not_finite(self.network, images)}")


def total(arrays: Arrays) -> float:
    """Return the sum of all values, which is not finite if one of them is not."""
    result, whole = np.empty(1), 0.0
    for dtype in {array.dtype for array in arrays.values()}:
        own = [np.ascontiguousarray(array) for array in arrays.values() if array.dtype == dtype]
        if dtype in (np.float32, np.float64):
            _TOTAL(dtype.type(0), np.array([(array.size, address_of(array)) for array in own], np.int64), result)
            whole += float(result[0])
        else:
            whole += sum(float(np.sum(array)) for array in own)
    return whole
