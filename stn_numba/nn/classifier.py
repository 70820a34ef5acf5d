"""A network with its input shape and classes: what is trained, saved and used for prediction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from stn_numba._util.arguments import as_int
from stn_numba._util.arrays import as_array
from stn_numba.nn.arrays import Arrays, Floats
from stn_numba.nn.engine.blas_threads import one_blas_thread
from stn_numba.nn.engine.dense import LEAST_ROWS
from stn_numba.nn.engine.thread_pool import batch_parts, parallel_map
from stn_numba.nn.inputs.images import expect_finite, warn_of_another_scale
from stn_numba.nn.inputs.labels import expect_labels
from stn_numba.nn.inputs.pixel_range import PixelRange
from stn_numba.nn.layers.chain import Chain
from stn_numba.nn.layers.container import expect_distinct
from stn_numba.nn.layers.find_transformers import chosen_transformer, input_of, named_transformers
from stn_numba.nn.layers.pretrained import copy_pretrained, initialize_missing, rollback_on_failure
from stn_numba.nn.layers.spatial_transformer import SpatialTransformer
from stn_numba.nn.layers.summary import as_table
from stn_numba.nn.losses import softmax, softmax_cross_entropy
from stn_numba.transform import MatrixTransform

__all__ = ["Classifier"]

_BATCH = 256


class Classifier:
    """A chain of layers that classifies images.

    Parameters
    ----------
    network : Chain
        From images (N, H, W, C) to logits (N, n_classes). Layers without parameters are initialized. Layers that have
        parameters, because they were trained in another model or set by hand, keep them: the model then contains copies of
        these layers, in its own dtype, so training one model never changes another. To draw new parameters, make a new layer,
        or call ``network.initialize``.
    input_shape : (int, int, int)
        (H, W, C).
    n_classes : int
        Number of classes, at least 2.
    seed : int, default 0
        Seed of the initial parameters.
    dtype : dtype, default float32
        float32, or float64 for gradient checks.

    Attributes
    ----------
    network : Chain
        The layers that the model uses: the network that was given, or its copy if some of its layers had parameters.
    params : dict of arrays
        All parameters by dotted name; assigning to one writes into its array.
    transformers : list of SpatialTransformer
        In the order of the data, without those inside localisation networks.
    pixels : PixelRange or None
        Range of the images that the network was trained on, None before `fit`.

    Raises
    ------
    TypeError
        If the network is no `Chain`, or an option has the wrong type.
    ValueError
        If the network does not fit the input shape, does not end in `n_classes` values, contains one layer with parameters at
        two places, or a layer whose parameters do not fit its input. All layers stay as they were.

    Examples
    --------
    >>> from stn_numba.nn import Dense, Flatten
    >>> model = Classifier(Chain(Flatten(), Dense(10)), (28, 28, 1), 10)
    >>> model.predict(np.zeros((5, 28, 28), np.float32)).shape
    (5,)
    """

    pixels: PixelRange | None = None
    _warned = False  # that images have another scale than `pixels`

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
        self.network = copy_pretrained(network)
        with rollback_on_failure(self.network):
            output = initialize_missing(self.network, self.input_shape, rng, self.dtype)
            if output != (self.n_classes,):
                raise ValueError(f"network: expected an output of ({self.n_classes},), got {output}")
            expect_distinct(self.network)

    def __repr__(self) -> str:
        title = f"{type(self).__name__} of images {self.input_shape} into {self.n_classes} classes"
        return f"{title}: {self.n_params:,} parameters of {self.dtype}\n{as_table(self.network)}"

    @property
    def params(self) -> Arrays:
        """All parameters by dotted name; the arrays themselves."""
        return self.network.params

    @property
    def n_params(self) -> int:
        """How many numbers all parameters have."""
        return sum(array.size for array in self.params.values())

    @property
    def transformers(self) -> list[SpatialTransformer]:
        """All spatial transformers in the order of the data, without those inside localisation networks."""
        return [transformer for _, transformer in named_transformers(self.network)]

    def logits(self, X: ArrayLike) -> Floats:
        """Return the class scores of images.

        Parameters
        ----------
        X : (N, H, W, C) array of numbers
            Images on the scale of those in training; (N, H, W) if C is 1.

        Returns
        -------
        (N, n_classes) array

        Raises
        ------
        TypeError, ValueError
            If images do not fit the model, or a pixel is NaN or infinite.

        Warns
        -----
        RuntimeWarning
            Once, if pixels are on a scale far from that of training.
        """
        return self._batched(lambda x: self.network.forward(x)[0], X, (self.n_classes,))

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return class probabilities (N, n_classes); for X and errors see `logits`."""
        return softmax(self.logits(X))

    def predict(self, X: ArrayLike) -> NDArray[np.intp]:
        """Return the most likely class (N,) of each image; for X and errors see `logits`."""
        classes: NDArray[np.intp] = np.argmax(self.logits(X), axis=1)
        return classes

    def theta(self, X: ArrayLike, *, transformer: int | str = 0) -> Floats:
        """Return the parameters that a spatial transformer chooses for images.

        Parameters
        ----------
        X : (N, H, W, C) array of numbers
            Images, as for `logits`.
        transformer : int or str, default 0
            Its index in `transformers`, or its dotted name, as ``"spatialtransformer1"``. A transformer inside a localisation
            network has only a name.

        Returns
        -------
        (N, P) array

        Raises
        ------
        TypeError, ValueError
            As for `logits`, and if there is no such transformer; the message lists those that exist.
        """
        _, chosen = chosen_transformer(self.network, transformer)
        return self._batched(lambda x: chosen.theta(input_of(chosen, self.network, x)), X, (chosen.transform.n_params,))

    def matrix(self, X: ArrayLike, *, transformer: int | str = 0) -> Floats:
        """Return the matrices that a spatial transformer chooses for images, if its transform is a homography.

        Parameters
        ----------
        X, transformer
            As for `theta`.

        Returns
        -------
        (N, 3, 3) array
            From normalized output positions (x, y, 1) to normalized positions in the transformer's input. For pixels, pass
            `theta` to ``model.transformers[0].transform.pixel_matrix``.

        Raises
        ------
        TypeError, ValueError
            As for `theta`, and a TypeError if the transform has no matrices.
        """
        name, chosen = chosen_transformer(self.network, transformer)
        transform = chosen.transform
        if not isinstance(transform, MatrixTransform):
            raise TypeError(
                f"transformer: expected one whose transform is a matrix, got {name!r} ({chosen.transform_label}); "
                "model.theta returns its parameters"
            )
        return transform.matrix(self.theta(X, transformer=transformer))

    def transform(self, X: ArrayLike, *, transformer: int | str = 0) -> Floats:
        """Return the output of a spatial transformer: sampled images, or feature maps, (N, h, w, C).

        For parameters and errors see `theta`.
        """
        _, chosen = chosen_transformer(self.network, transformer)

        def sample(x: Floats) -> Floats:
            x = input_of(chosen, self.network, x)
            return chosen.sample(x, chosen.theta(x))

        return self._batched(sample, X, None)

    def evaluate(self, X: ArrayLike, y: ArrayLike) -> tuple[float, float]:
        """Return (mean cross entropy, share of wrong predictions) for images X, as for `logits`, and labels y (N,)."""
        logits = self.logits(X)
        y = expect_labels(y, len(logits), self.n_classes)
        loss, _ = softmax_cross_entropy(logits, y)
        return loss, float(np.mean(logits.argmax(axis=1) != y)) if len(logits) else 0.0

    def check_images(self, X: ArrayLike, *, name: str = "X") -> Floats:
        """Return images as (N, H, W, C) of the model's dtype; errors call them `name`."""
        return self.expect_images(X, name=name).astype(self.dtype, copy=False)

    def expect_images(self, X: ArrayLike, *, free_size: bool = False, name: str = "X") -> NDArray[Any]:
        """Return images as (N, H, W, C) without reading mapped files; with `free_size` H and W are not checked."""
        given = as_array(X, name)
        X = given[..., None] if given.ndim == 3 else given
        if X.ndim != 4 or not (free_size or X.shape[1:] == self.input_shape):
            hint = f"; a single image is {name}[None]" if given.shape in (self.input_shape, self.input_shape[:2]) else ""
            raise ValueError(f"{name}: expected (N, {', '.join(map(str, self.input_shape))}), got {given.shape}{hint}")
        if X.dtype.kind not in "fiu":
            raise TypeError(f"{name}: expected numbers, got dtype {X.dtype}")
        return X

    def trained_on(self, pixels: PixelRange | None) -> None:
        """Store the range of pixels that the network is trained on; the warning about another scale may come again."""
        self.pixels, self._warned = pixels, False

    def warn_if_on_another_scale(self, images: NDArray[Any], *, name: str = "X") -> None:
        """Warn, once, if the pixels of images (N, H, W, C) are on a scale far from that of training."""
        if self.pixels is None or self._warned:
            return
        pixels = PixelRange.of(images, images.dtype.kind)
        if pixels is not None and self.pixels.differs(pixels, len(images)):
            self._warned = True
            warn_of_another_scale(name, pixels, self.pixels)

    def config(self) -> dict[str, Any]:
        """Return the architecture, as JSON can hold it."""
        return {"input_shape": list(self.input_shape), "n_classes": self.n_classes, **self.network.config()}

    def _batched(self, function: Callable[[Floats], Floats], X: ArrayLike, empty: tuple[int, ...] | None) -> Floats:
        """Apply `function` batch by batch; `empty` is the shape of a row, for no images."""
        X = self.expect_images(X)
        results: list[Floats] = []
        with one_blas_thread(of_scipy=len(X) >= LEAST_ROWS):
            for start in range(0, len(X), _BATCH):
                given = X[start : start + _BATCH]
                batch = given.astype(self.dtype, copy=False)
                expect_finite(batch, first=start)
                self.warn_if_on_another_scale(given)
                results += parallel_map(function, [batch[part] for part in batch_parts(len(batch))])
        if results:
            return np.concatenate(results)
        return function(X.astype(self.dtype)) if empty is None else np.empty((0, *empty), self.dtype)
