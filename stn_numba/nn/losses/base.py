"""What a loss is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.arrays import as_array
from stn_numba.nn.arrays import Floats, Size

__all__ = ["Loss", "Targets", "expect_target_numbers"]

Targets = Any
"""An array whose first axis is the batch, or a dict of them, one for each head."""


class Loss(ABC):
    """How wrong outputs are: a number that training makes small, and its gradient.

    `fit` calls a loss with the whole batch, so it may compare images with each other. A plain function
    ``loss(outputs, targets) -> (value, d_outputs)`` is enough for `fit`. Subclass `Loss` to check the targets before training,
    and to tell `fit` which errors to report.

    Attributes
    ----------
    in_percent : bool
        Whether `errors` are shares, which reports show in percent.

    Examples
    --------
    >>> class MeanAbsoluteError(Loss):
    ...     def __call__(self, outputs, targets, sample_weight=None):
    ...         difference = outputs - targets
    ...         return float(np.mean(np.abs(difference))), np.sign(difference) / difference.size
    >>> MeanAbsoluteError()(np.array([[1.0], [3.0]]), np.array([[0.0], [1.0]]))
    (1.5, array([[0.5],
           [0.5]]))
    """

    in_percent: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, outputs: Any, targets: Targets, sample_weight: Floats | None = None) -> tuple[float, Any]:
        """Return the mean loss over the batch and its gradient, shaped as the outputs.

        Parameters
        ----------
        outputs : (N, ...) array
            Outputs of the network; with several heads a dict of them.
        targets : (N, ...) array
            As `check_targets` returned them; with several heads a dict.
        sample_weight : (N,) array, default None
            Factors of the losses of the images; the sum of the weighted losses is divided by N.
        """

    def check_targets(self, targets: Any, count: int, output_shape: Size, *, name: str = "y") -> Targets:
        """Return targets of `count` images as an array, after checks; errors call it `name`.

        `output_shape` is the shape of one output. By default the targets may have any shape whose first axis is the batch.
        """
        array = as_array(targets, name)
        if array.shape[:1] != (count,):
            raise ValueError(f"{name}: expected ({count}, ...), one target an image, got {array.shape}")
        return array

    def errors(self, outputs: Any, targets: Targets) -> NDArray[Any] | None:
        """Return an error (N,) for each image, which is not trained on but reported; None for no such report."""
        return None

    def predictions(self, outputs: Any) -> Any:
        """Return what a model predicts from its outputs; by default the outputs themselves."""
        return outputs

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as JSON can hold them."""
        return {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.config().items())})"


def expect_target_numbers(targets: Any, count: int, output_shape: Size, name: str) -> NDArray[Any]:
    """Return real targets as (count, *output_shape); (count,) will do if an output is one number."""
    array = as_array(targets, name)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name}: expected real numbers, got dtype {array.dtype}")
    if array.shape == (count,) and output_shape == (1,):
        array = array[:, None]
    if array.shape != (count, *output_shape):
        raise ValueError(f"{name}: expected ({', '.join(map(str, (count, *output_shape)))}), got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
    return array
