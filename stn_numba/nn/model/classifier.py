"""Models that choose classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from stn_numba._util.arguments import as_bool, as_int
from stn_numba.nn.arrays import Floats, Size
from stn_numba.nn.layers.chain import Chain
from stn_numba.nn.layers.dense import Dense
from stn_numba.nn.losses.binary_cross_entropy import BinaryCrossEntropy, sigmoid
from stn_numba.nn.losses.cross_entropy import CrossEntropy, softmax
from stn_numba.nn.model.base import Model

__all__ = ["Classifier"]


class Classifier(Model):
    """A chain of layers that classifies images.

    Parameters
    ----------
    network : Chain
        From images (N, H, W, C) to logits (N, n_classes); see `Model`.
    input_shape : (int, int, int) or (int, int, int, int)
        (H, W, C) of images, (D, H, W, C) of volumes.
    n_classes : int
        Number of classes, at least 2, or at least 1 with `multi_label`.
    multi_label : bool, default False
        Whether an image may belong to any number of classes: targets are then (N, n_classes) of 0 and 1, each class has a
        probability of its own, and the loss is the binary cross entropy.
    classes : sequence of str, default None
        Names of the classes, which are saved with the model.
    seed : int, default 0
        Seed of the initial parameters.
    dtype : dtype, default float32
        float32, or float64 for gradient checks.

    Attributes
    ----------
    classes : tuple of str or None
        Names of the classes.
    network, params, transformers, pixels
        See `Model`.

    Raises
    ------
    TypeError, ValueError
        As for `Model`, and if the network does not end in `n_classes` values, or the names of the classes do not fit.

    Examples
    --------
    >>> from stn_numba.nn import Dense, Flatten
    >>> model = Classifier(Chain(Flatten(), Dense(10)), (28, 28, 1), 10)
    >>> model.predict(np.zeros((5, 28, 28), np.float32)).shape
    (5,)
    """

    def __init__(
        self,
        network: Chain,
        input_shape: Size,
        n_classes: int,
        *,
        multi_label: bool = False,
        classes: Sequence[str] | None = None,
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.multi_label = as_bool(multi_label, "multi_label")
        self.n_classes = as_int(n_classes, "n_classes", least=1 if multi_label else 2)
        self.classes = None if classes is None else _expect_names(classes, self.n_classes)
        loss = BinaryCrossEntropy() if multi_label else CrossEntropy()
        super().__init__(network, input_shape, loss=loss, seed=seed, dtype=dtype)

    def _expect_output(self, shape: Size) -> None:
        if shape != (self.n_classes,):
            raise ValueError(f"network: expected an output of ({self.n_classes},), got {shape}")

    def _title(self) -> str:
        return f"{type(self).__name__} of {self._inputs} into {self.n_classes} classes"

    def logits(self, X: ArrayLike) -> Floats:
        """Return the class scores (N, n_classes) of images, before the softmax; for X and errors see `outputs`."""
        logits: Floats = self.outputs(X)
        return logits

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return class probabilities (N, n_classes); for X and errors see `outputs`."""
        return sigmoid(self.logits(X)) if self.multi_label else softmax(self.logits(X))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most likely class (N,) of each image; for X and errors see `outputs`.

        With `multi_label` return whether each class is likely (N, n_classes).
        """
        predictions: NDArray[Any] = super().predict(X)
        return predictions

    def with_head(
        self, n_classes: int, *, multi_label: bool = False, classes: Sequence[str] | None = None, seed: int = 0
    ) -> Classifier:
        """Return a model for other classes: copies of the trained layers, with a new last layer.

        Parameters
        ----------
        n_classes, multi_label, classes
            As for a new `Classifier`.
        seed : int, default 0
            Seed of the new layer's parameters.

        Raises
        ------
        TypeError, ValueError
            If the last layer is no `Dense`, or an option does not fit.

        Examples
        --------
        >>> from stn_numba.models import st_fcn
        >>> st_fcn().with_head(43).predict_proba(np.zeros((1, 28, 28))).shape
        (1, 43)
        """
        *body, last = self.network.layers.values()
        if not isinstance(last, Dense):
            raise TypeError(f"model: expected a Dense layer at its end to put another in its place, got {type(last).__name__}")
        network, options = Chain(*body, Dense(n_classes)), {"multi_label": multi_label, "classes": classes}
        model = Classifier(network, self.input_shape, n_classes, seed=seed, dtype=self.dtype, **options)  # type: ignore[arg-type]
        model.trained_on(self.pixels)
        return model

    def config(self) -> dict[str, Any]:
        """Return the architecture, as JSON can hold it."""
        own = {"n_classes": self.n_classes, "multi_label": self.multi_label, "classes": self.classes}
        return {"model": "Classifier", "input_shape": list(self.input_shape), **own, **self.network.config()}


def _expect_names(classes: Any, n_classes: int) -> tuple[str, ...]:
    """Return names of classes as a tuple."""
    names = () if isinstance(classes, str | bytes) else tuple(classes)
    if len(names) != n_classes or not all(isinstance(name, str) for name in names):
        raise ValueError(f"classes: expected the names of {n_classes} classes, got {classes!r:.80}")
    if len(set(names)) != n_classes:
        raise ValueError(f"classes: expected different names, got {max(names, key=names.count)!r} twice")
    return names
