"""One step of training: forward, backward, update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.kernels.runtime.addresses import address_of
from stn_numba.kernels.runtime.calls import kernel
from stn_numba.nn.arrays import Arrays, Floats
from stn_numba.nn.classifier import Classifier
from stn_numba.nn.engine.thread_pool import batch_parts, each_number, summed
from stn_numba.nn.losses import softmax_cross_entropy
from stn_numba.nn.optimizers.base import InPlace, Optimizer, clip_by_global_norm, plain
from stn_numba.nn.optimizers.learning_rates import multipliers
from stn_numba.nn.training.diagnosis import why_not_finite

__all__ = ["NonFiniteError", "Step", "total"]

_TOTAL = kernel("nn.kernels.optimizers", "total")


class NonFiniteError(ArithmeticError):
    """The loss, a gradient or a parameter became NaN or infinite."""


class Step:
    """Forward, backward, update; the optimizer's state is kept between the calls.

    Parameters whose multiplier is 0 are frozen: nothing is written to them, neither the optimizer nor `weight_decay` nor
    `clip_norm` ever sees them.
    """

    def __init__(
        self,
        model: Classifier,
        rule: Optimizer,
        rates: Mapping[str, float],
        *,
        clip_norm: float | None = None,
        smoothing: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        self.network, self.rule = model.network, rule
        self.clip_norm, self.smoothing, self.weight_decay = clip_norm, smoothing, weight_decay
        scales = multipliers(model.params, rates)
        self.scales = {name: scale for name, scale in scales.items() if scale}
        self.freezes = len(self.scales) < len(scales)
        self.state = rule.init(self._trained(model.params))
        self.in_place = rule if isinstance(rule, InPlace) and _is_up_to_date(rule) else None

    def __call__(
        self, images: Floats, labels: NDArray[Any], noise: np.random.Generator, rate: float, place: str
    ) -> tuple[float, int]:
        """Return the batch's loss and how many predictions were wrong."""
        parts = batch_parts(len(images))
        seeds = noise.integers(1 << 63, size=len(parts))

        def pass_part(number: int) -> tuple[float, Floats, Arrays]:
            part = parts[number]
            logits, backprop = self.network.forward(images[part], np.random.default_rng(seeds[number]))
            loss, from_loss = softmax_cross_entropy(logits, labels[part], label_smoothing=self.smoothing)
            share = (part.stop - part.start) / max(len(images), 1)
            _, gradients = backprop(from_loss() * logits.dtype.type(share), input_gradient=False)
            return share * loss, logits, gradients

        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is reported here, by name
            passes = each_number(pass_part, len(parts))
            params = self.network.params
            for _, _, own in passes:
                _expect_one_for_each(own, params, "gradient")
            loss = sum(loss for loss, _, _ in passes)
            gradients = self._trained(summed([own for _, _, own in passes]))
            gradients = {name: plain(gradient, params[name].dtype) for name, gradient in gradients.items()}
            self._expect_finite(loss, "the loss", images, place)
            # a transformer whose theta is NaN reads nothing but padding: the loss stays finite, and its gradient is 0
            self._expect_finite(total(gradients), "a gradient", images, place)
            self.expect_finite_parameters(images, place)
            if self.clip_norm is not None:
                gradients = clip_by_global_norm(gradients, self.clip_norm)
            self._update(gradients, rate)
        wrong = sum(np.sum(logits.argmax(axis=1) != labels[part]) for part, (_, logits, _) in zip(parts, passes, strict=True))
        return loss, int(wrong)

    def _update(self, gradients: Arrays, rate: float) -> None:
        """Change the parameters in place."""
        params, rates = self._trained(self.network.params), {name: rate * scale for name, scale in self.scales.items()}
        directions: Arrays = {}
        if self.in_place is None:
            directions, self.state = self.rule.update(gradients, self.state)
            _expect_one_for_each(directions, params, "direction")
        if self.weight_decay:
            for name, array in params.items():
                if array.ndim > 1:  # weights, not biases
                    array *= array.dtype.type(1 - rates[name] * self.weight_decay)
        if self.in_place is not None:
            self.in_place.apply(params, gradients, self.state, rates)
        for name, direction in directions.items():
            array = params[name]
            array -= rates[name] * direction

    def _trained(self, arrays: Arrays) -> Arrays:
        """Leave out the arrays of frozen parameters."""
        return {name: array for name, array in arrays.items() if name in self.scales} if self.freezes else arrays

    def expect_finite_parameters(self, images: Floats, place: str) -> None:
        """Raise a `NonFiniteError` if a parameter is not finite."""
        self._expect_finite(total(self.network.params), "a parameter", images, place)

    def _expect_finite(self, value: float, what: str, images: Floats, place: str) -> None:
        if not np.isfinite(value):
            raise NonFiniteError(f"{what} is not finite in {place}: {why_not_finite(self.network, images)}")


def _is_up_to_date(rule: InPlace) -> bool:
    """Whether `apply` means what `update` does, which a subclass may have changed alone."""
    owners = [next((kind for kind in type(rule).__mro__ if name in vars(kind)), object) for name in ("apply", "update")]
    return issubclass(*owners)


def _expect_one_for_each(arrays: Arrays, params: Arrays, what: str) -> None:
    """Refuse gradients or directions that are not one for each parameter, of its shape."""
    for name in {**params, **arrays}:
        got = np.shape(arrays[name]) if name in arrays else "none"
        expected = params[name].shape if name in params else "none, since there is no such parameter"
        if got != expected:
            raise ValueError(f"{what} of {name!r}: expected {expected}, got {got}")


def total(arrays: Arrays) -> float:
    """Sum of all values: not finite where one of them is not."""
    whole, result = 0.0, np.empty(1)
    for dtype in {array.dtype for array in arrays.values()}:
        own = [np.ascontiguousarray(array) for array in arrays.values() if array.dtype == dtype]
        if dtype in (np.float32, np.float64):
            _TOTAL(dtype.type(0), np.array([(array.size, address_of(array)) for array in own], np.int64), result)
            whole += float(result[0])
        else:
            whole += sum(float(np.sum(array)) for array in own)
    return whole
