"""One step of training: forward, loss, backward, update."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import kernel
from stn_numba.nn.arrays import Arrays, Floats, as_kernel_array
from stn_numba.nn.layers.container import Parameters
from stn_numba.nn.layers.theta_penalty import ThetaPenalty
from stn_numba.nn.losses.base import Loss, Targets
from stn_numba.nn.model.base import Model
from stn_numba.nn.model.parts import PartRunner, forward_with_penalty
from stn_numba.nn.optimizers.base import Optimizer
from stn_numba.nn.optimizers.clipping import clip_by_global_norm
from stn_numba.nn.optimizers.learning_rate_multipliers import resolve_multipliers
from stn_numba.nn.training.diagnostics import why_not_finite

__all__ = ["NonFiniteError", "Step", "total"]

_TOTAL = kernel("nn.kernels.optimizers", "total")


class NonFiniteError(ArithmeticError):
    """The loss, a gradient or a parameter became NaN or infinite."""


class Step:
    """Forward, loss, backward, update; the optimizer's state is kept from one call to the next.

    A multiplier of 0 freezes a parameter: neither the optimizer nor `weight_decay` nor `clip_norm` sees it.
    """

    def __init__(
        self,
        model: Model,
        optimizer: Optimizer,
        learning_rate_multipliers: Mapping[str, float],
        *,
        loss: Loss | None = None,
        theta_penalty: ThetaPenalty | None = None,
        clip_norm: float | None = None,
        weight_decay: float = 0.0,
        parts: int | None = None,
    ) -> None:
        self.model, self.network, self.optimizer = model, model.network, optimizer
        self.loss, self.theta_penalty = model.loss_of(loss), theta_penalty
        self.clip_norm, self.weight_decay, self.parts = clip_norm, weight_decay, parts
        self.run_parts: PartRunner | None = None  # where the parts of a batch are computed; None for here
        multipliers = resolve_multipliers(model.params, learning_rate_multipliers)
        self.multipliers = {name: multiplier for name, multiplier in multipliers.items() if multiplier}
        self.optimizer_state = optimizer.init(self._without_frozen(model.params))

    def __call__(
        self,
        images: Floats,
        targets: Targets,
        rng: np.random.Generator,
        learning_rate: float,
        place: str,
        sample_weight: Floats | None = None,
    ) -> tuple[float, float | None]:
        """Train on a batch; return its mean loss and its mean error, if the loss has one. Errors name the `place`."""
        with np.errstate(over="ignore", invalid="ignore"):  # `_expect_finite` reports them, with the name of the layer
            joined, backprop, penalty = forward_with_penalty(
                self.network, images, rng, self.theta_penalty, pieces=self.parts, run=self.run_parts
            )
            outputs = self.model.split_outputs(joined)
            loss, d_outputs = self.loss(outputs, targets, sample_weight)
            self._expect_finite(loss + penalty, "the loss", images, place)
            _, gradients = backprop(self.model.join_outputs(d_outputs), input_gradient=False)
            gradients = self._trained(gradients)
            # a transformer whose theta is NaN reads nothing but padding: the loss stays finite, and its gradient is 0
            self._expect_finite(total(gradients), "a gradient", images, place)
            self.expect_finite_parameters(images, place)
            if self.clip_norm is not None:
                gradients = clip_by_global_norm(gradients, self.clip_norm)
            self._update(gradients, learning_rate)
        errors = self.loss.errors(outputs, targets)
        return loss + penalty, None if errors is None else float(np.mean(errors))

    def _trained(self, gradients: Arrays) -> Arrays:
        """Return the gradients of parameters that are not frozen, after a check of names and shapes."""
        params = self.network.params
        for name in {**params, **gradients}:
            got = np.shape(gradients[name]) if name in gradients else "none"
            expected = params[name].shape if name in params else "none, since there is no such parameter"
            if got != expected:
                raise ValueError(f"gradient of {name!r}: expected {expected}, got {got}")
        trained = self._without_frozen(gradients)
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
