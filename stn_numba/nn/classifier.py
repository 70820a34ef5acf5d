"""A network with what is needed to use it: input shape, classes, prediction in batches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from stn_numba._util.arguments import as_int
from stn_numba._util.arrays import as_array
from stn_numba.nn.arrays import Arrays, Floats
from stn_numba.nn.engine.blas_threads import one_blas_thread
from stn_numba.nn.engine.dense import LEAST_ROWS
from stn_numba.nn.engine.thread_pool import batch_parts, each_number
from stn_numba.nn.inputs.images import expect_finite, warn_of_another_scale
from stn_numba.nn.inputs.labels import expect_labels
from stn_numba.nn.inputs.pixel_range import PixelRange
from stn_numba.nn.layers.chain import Chain
from stn_numba.nn.layers.container import expect_distinct
from stn_numba.nn.layers.existing_parameters import draw_missing, own_copy, unchanged_on_failure
from stn_numba.nn.layers.find_transformers import chosen_transformer, input_of, transformers_in
from stn_numba.nn.layers.spatial_transformer import SpatialTransformer
from stn_numba.nn.layers.summary import as_table
from stn_numba.nn.losses import softmax, softmax_cross_entropy

__all__ = ["Classifier"]

_BATCH = 256


class Classifier:
    """A chain of layers that maps images to class scores.

    Parameters
    ----------
    network
        From images (N, H, W, C) to logits (N, n_classes). Layers without parameters get them. Layers that have parameters
        already, because they were trained in another model or filled by hand, keep them: the model then holds copies of these
        layers, in its own dtype, so training one model never changes another. To draw anew, make a new layer, or call
        ``network.initialize``, which always draws.
    input_shape
        (H, W, C).
    n_classes
        Number of classes, at least 2.
    seed
        Seed of the parameters that are drawn.
    dtype
        float32, or float64 for gradient checks.

    Attributes
    ----------
    network
        The layers that the model uses: the network that was given, or its copy if some of its layers had parameters.
    params
        All parameters by dotted name; what is assigned to one is written into its array.
    pixels
        `PixelRange` that the network was trained on, None before `fit`.

    Raises
    ------
    TypeError
        If the network is no `Chain`, or an option of another type.
    ValueError
        If the network does not fit the input shape, does not end in `n_classes` values, has one layer with parameters at
        two places, or a layer whose parameters do not fit the input that it gets here. The layers are left as they were.

    Examples
    --------
    >>> from stn_numba.nn import Dense, Flatten
    >>> model = Classifier(Chain(Flatten(), Dense(10)), (28, 28, 1), 10)
    >>> model.predict(np.zeros((5, 28, 28), np.float32)).shape
    (5,)
    """

    pixels: PixelRange | None = None
    _warned = False  # of images on another scale than `pixels`

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
        if not isinstance(input_shape, tuple | list) or len(input_shape) != 3:
            raise ValueError(f"input_shape: expected (H, W, C), got {input_shape!r:.60}")
        H, W, C = (as_int(size, "input_shape", least=1) for size in input_shape)
        self.input_shape = (H, W, C)
        self.n_classes = as_int(n_classes, "n_classes", least=2)
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype: expected float32 or float64, got {self.dtype}")
        rng = np.random.default_rng(as_int(seed, "seed", least=0))
        self.network = own_copy(network)
        with unchanged_on_failure(self.network):
            output = draw_missing(self.network, self.input_shape, rng, self.dtype)
            if output != (self.n_classes,):
                raise ValueError(f"network: expected an output of ({self.n_classes},), got {output}")
            expect_distinct(self.network)

    def __repr__(self) -> str:
        title = (
            f"{type(self).__name__} of images {self.input_shape} into {self.n_classes} classes: "
            f"{self.n_params:,} parameters of {self.dtype}"
        )
        return f"{title}\n{as_table(self.network)}"

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

    def theta(self, X: ArrayLike, *, transformer: int | str = 0) -> Floats:
        """Parameters (N, P) that a spatial transformer chooses for images.

        Parameters
        ----------
        X
            Images, as for `logits`.
        transformer
            Which one: its number in `transformers`, the last one being -1, or its dotted name, as ``"spatialtransformer1"``. A
            transformer inside a localisation network goes by its name only.

        Raises
        ------
        ValueError
            If there is no such transformer; the message lists those that there are.
        """
        _, chosen = chosen_transformer(self.network, transformer)
        return self._batched(lambda x: chosen.theta(input_of(chosen, self.network, x)), X, (chosen.transform.n_params,))

    def transform(self, X: ArrayLike, *, transformer: int | str = 0) -> Floats:
        """What a spatial transformer puts out: the attended images, or feature maps, (N, h, w, C).

        Parameters and errors as for `theta`.
        """
        _, chosen = chosen_transformer(self.network, transformer)

        def attend(x: Floats) -> Floats:
            x = input_of(chosen, self.network, x)
            return chosen.sample(x, chosen.theta(x))

        return self._batched(attend, X, None)

    def evaluate(self, X: ArrayLike, y: ArrayLike) -> tuple[float, float]:
        """(mean cross entropy, share of wrong predictions) on labeled images."""
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
            hint = f"; a single image is {name}[None]" if given.shape in (self.input_shape, self.input_shape[:2]) else ""
            raise ValueError(f"{name}: expected (N, {', '.join(map(str, self.input_shape))}), got {given.shape}{hint}")
        if X.dtype.kind not in "fiu":
            raise TypeError(f"{name}: expected numbers, got dtype {X.dtype}")
        return X

    def expect_labels(self, y: ArrayLike, count: int, *, name: str = "y") -> NDArray[Any]:
        """Return as many labels (N,), whole numbers from 0 to n_classes - 1, as an array."""
        return expect_labels(y, count, self.n_classes, name=name)

    def trained_on(self, pixels: PixelRange | None) -> None:
        """Remember which pixels the network is trained on; a new warning may come where images are on another scale."""
        self.pixels, self._warned = pixels, False

    def warn_if_on_another_scale(self, images: NDArray[Any], *, name: str = "X") -> None:
        """Warn, once, of images (N, H, W, C) whose pixels are on a scale far from that of training."""
        if self.pixels is None or self._warned:
            return
        asked = PixelRange.of(images, images.dtype.kind)
        if asked is not None and self.pixels.differs(asked, len(images)):
            self._warned = True
            warn_of_another_scale(name, asked, self.pixels)

    def config(self) -> dict[str, Any]:
        """Return the architecture, as JSON can hold it."""
        return {"input_shape": list(self.input_shape), "n_classes": self.n_classes, **self.network.config()}

    def _batched(self, function: Callable[[Floats], Floats], X: ArrayLike, empty: tuple[int, ...] | None) -> Floats:
        """Apply `function` batch by batch; `empty` is the row shape to return for no images."""
        X = self.expect_images(X)
        parts: list[Floats] = []
        with one_blas_thread(of_scipy=len(X) >= LEAST_ROWS):
            for start in range(0, len(X), _BATCH):
                given = X[start : start + _BATCH]
                batch = given.astype(self.dtype, copy=False)
                expect_finite(batch, first=start)
                self.warn_if_on_another_scale(given)
                parts += each_number(partial(_apply, function, batch, batch_parts(len(batch))), len(batch_parts(len(batch))))
        if parts:
            return np.concatenate(parts)
        return function(X.astype(self.dtype)) if empty is None else np.empty((0, *empty), self.dtype)


def _apply(function: Callable[[Floats], Floats], batch: Floats, parts: list[slice], number: int) -> Floats:
    return function(batch[parts[number]])
