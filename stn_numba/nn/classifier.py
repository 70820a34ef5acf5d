"""A network with what is needed to use it: input shape, classes, prediction in batches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from stn_numba.arguments import as_int
from stn_numba.arrays import as_array
from stn_numba.nn.blas import one_blas_thread
from stn_numba.nn.chain import Chain
from stn_numba.nn.container import expect_distinct
from stn_numba.nn.dense_run import LEAST_ROWS
from stn_numba.nn.layer import Arrays, Floats
from stn_numba.nn.losses import softmax, softmax_cross_entropy
from stn_numba.nn.pixels import expect_finite
from stn_numba.nn.search import input_of, transformers_in
from stn_numba.nn.spatial_transformer import SpatialTransformer
from stn_numba.nn.workers import batch_parts, each_number

__all__ = ["Classifier"]

_BATCH = 256


class Classifier:
    """A chain of layers that maps images to class scores.

    Parameters
    ----------
    network
        From images (N, H, W, C) to logits (N, n_classes). All its parameters are drawn anew, also those of layers that were
        trained before.
    input_shape
        (H, W, C).
    n_classes
        Number of classes.
    seed
        Seed of the initial parameters.
    dtype
        float32, or float64 for gradient checks.

    Attributes
    ----------
    params
        All parameters by dotted name; what is assigned to one is written into its array.

    Raises
    ------
    TypeError
        If the network is no `Chain`, or an option of another type.
    ValueError
        If the network does not fit the input shape, does not end in `n_classes` values, or has one layer with parameters at
        two places.

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
        input_shape: tuple[int, int, int],
        n_classes: int,
        *,
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if not isinstance(network, Chain):
            raise TypeError(f"network: expected a Chain of layers, got {type(network).__name__}")
        self.network = network
        if not isinstance(input_shape, tuple | list) or len(input_shape) != 3:
            raise ValueError(f"input_shape: expected (H, W, C), got {input_shape!r:.60}")
        H, W, C = (as_int(size, "input_shape", least=1) for size in input_shape)
        self.input_shape = (H, W, C)
        self.n_classes = as_int(n_classes, "n_classes", least=1)
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype: expected float32 or float64, got {self.dtype}")
        output = network.initialise(self.input_shape, np.random.default_rng(as_int(seed, "seed", least=0)), self.dtype)
        if output != (self.n_classes,):
            raise ValueError(f"network: expected an output of ({self.n_classes},), got {output}")
        expect_distinct(network)

    @property
    def params(self) -> Arrays:
        """All parameters by dotted name; the arrays themselves."""
        return self.network.params

    @property
    def n_params(self) -> int:
        """How many numbers are trained."""
        return sum(array.size for array in self.params.values())

    @property
    def transformers(self) -> list[SpatialTransformer]:
        """All spatial transformers, in the order of the data; those inside a localisation network are left out."""
        return list(transformers_in(self.network))

    def logits(self, X: ArrayLike) -> Floats:
        """Class scores (N, n_classes) of images (N, H, W, C), or (N, H, W) if C is 1.

        Raises
        ------
        TypeError, ValueError
            If images do not fit the model, or a pixel is NaN or infinite; so do the other methods that take images.
        """
        return self._batched(lambda x: self.network.forward(x)[0], X, (self.n_classes,))

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Class probabilities (N, n_classes)."""
        return softmax(self.logits(X))

    def predict(self, X: ArrayLike) -> NDArray[np.intp]:
        """The likeliest class (N,) of each image."""
        classes: NDArray[np.intp] = np.argmax(self.logits(X), axis=1)
        return classes

    def theta(self, X: ArrayLike) -> Floats:
        """Parameters (N, P) of the first spatial transformer.

        Raises
        ------
        ValueError
            If the network has none.
        """
        first = self._first_transformer()
        return self._batched(lambda x: first.theta(self._before(x)), X, (first.transform.n_params,))

    def transform(self, X: ArrayLike) -> Floats:
        """What the first spatial transformer reads: the attended images (N, h, w, C).

        Raises
        ------
        ValueError
            If the network has none.
        """
        first = self._first_transformer()

        def attend(x: Floats) -> Floats:
            x = self._before(x)
            return first.sample(x, first.theta(x))

        return self._batched(attend, X, None)

    def evaluate(self, X: ArrayLike, y: ArrayLike) -> tuple[float, float]:
        """(mean cross entropy, share of wrong predictions) on labelled images."""
        logits = self.logits(X)
        y = self.expect_labels(y, len(logits))
        loss, _ = softmax_cross_entropy(logits, y)
        return loss, float(np.mean(logits.argmax(axis=1) != y)) if len(logits) else 0.0

    def check_images(self, X: ArrayLike, *, free_size: bool = False, name: str = "X") -> Floats:
        """Return images as (N, H, W, C) of the model's dtype; `free_size` leaves H and W open, for augmentation."""
        return self.expect_images(X, free_size=free_size, name=name).astype(self.dtype, copy=False)

    def expect_images(self, X: ArrayLike, *, free_size: bool = False, name: str = "X") -> NDArray[Any]:
        """Return images as (N, H, W, C) of the dtype that they have: a mapped file is not read."""
        given = as_array(X, name)
        X = given[..., None] if given.ndim == 3 else given
        fits = X.ndim == 4 and (free_size or X.shape[1:] == self.input_shape)
        if not fits:
            raise ValueError(f"{name}: expected (N, {', '.join(map(str, self.input_shape))}), got {given.shape}")
        if X.dtype.kind not in "fiu":
            raise TypeError(f"{name}: expected numbers, got dtype {X.dtype}")
        return X

    def expect_labels(self, y: ArrayLike, count: int, *, name: str = "y") -> NDArray[Any]:
        """Return as many labels (N,), whole numbers from 0 to n_classes - 1, as an array."""
        y = as_array(y, name)
        if y.shape != (count,) or y.dtype.kind not in "iu":
            raise ValueError(f"{name}: expected ({count},) whole numbers, got {y.dtype} {y.shape}{_hint(y, count)}")
        if len(y) and not 0 <= y.min() <= y.max() < self.n_classes:
            raise ValueError(f"{name}: expected labels 0 to {self.n_classes - 1}, got {y.min()} to {y.max()}")
        return y

    def config(self) -> dict[str, Any]:
        """Return the architecture, as JSON can hold it."""
        return {"input_shape": list(self.input_shape), "n_classes": self.n_classes, **self.network.config()}

    def _first_transformer(self) -> SpatialTransformer:
        if not self.transformers:
            raise ValueError("model: it has no spatial transformer in its chain, or in a Chain or Parallel there")
        return self.transformers[0]

    def _before(self, x: Floats) -> Floats:
        return input_of(self._first_transformer(), self.network, x)

    def _batched(self, function: Callable[[Floats], Floats], X: ArrayLike, empty: tuple[int, ...] | None) -> Floats:
        """Apply `function` batch by batch; `empty` is the row shape to return for no images."""
        X = self.expect_images(X)
        parts: list[Floats] = []
        with one_blas_thread(of_scipy=len(X) >= LEAST_ROWS):
            for start in range(0, len(X), _BATCH):
                batch = X[start : start + _BATCH].astype(self.dtype, copy=False)
                expect_finite(batch, first=start)
                parts += each_number(partial(_apply, function, batch, batch_parts(len(batch))), len(batch_parts(len(batch))))
        if parts:
            return np.concatenate(parts)
        return function(X.astype(self.dtype)) if empty is None else np.empty((0, *empty), self.dtype)


def _apply(function: Callable[[Floats], Floats], batch: Floats, parts: list[slice], number: int) -> Floats:
    return function(batch[parts[number]])


def _hint(y: NDArray[Any], count: int) -> str:
    """How to make whole numbers of what other libraries take."""
    if y.shape == (count,) and y.dtype.kind in "USO":
        return "; `names, y = numpy.unique(y, return_inverse=True)` numbers classes given by name"
    if y.shape == (count, 1):
        return "; `y[:, 0]` has the shape"
    return "; `y.argmax(axis=1)` makes whole numbers of one-hot rows" if y.ndim == 2 and len(y) == count else ""
