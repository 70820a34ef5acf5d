"""A network with its input shape and its loss: what is trained, saved and used for prediction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from stn_numba._util.arguments import as_int
from stn_numba.nn.arrays import Arrays, Floats, Size
from stn_numba.nn.engine.blas_threads import one_blas_thread
from stn_numba.nn.engine.dense import LEAST_ROWS
from stn_numba.nn.engine.thread_pool import batch_parts, parallel_map
from stn_numba.nn.inputs.images import expect_finite
from stn_numba.nn.layers.chain import Chain
from stn_numba.nn.layers.container import expect_distinct
from stn_numba.nn.losses.base import Loss
from stn_numba.nn.losses.choose import as_loss, describe_loss
from stn_numba.nn.losses.function import LossFunction
from stn_numba.nn.model.evaluation import mean_loss_and_error
from stn_numba.nn.model.image_methods import ImageMethods
from stn_numba.nn.model.parts import forward_in_parts
from stn_numba.nn.model.pretrained import copy_pretrained, initialize_missing, rollback_on_failure
from stn_numba.nn.model.summary import as_html, as_table
from stn_numba.nn.model.transformer_methods import TransformerMethods

__all__ = ["Model"]

_BATCH = 256


class Model(ImageMethods, TransformerMethods):
    """A chain of layers that reads images; `Classifier`, `Regressor` and `MultiHead` say what its outputs mean.

    Parameters
    ----------
    network : Chain
        From images (N, H, W, C) to outputs (N, ...). Layers without parameters are initialized. Layers that have parameters,
        because they were trained in another model or set by hand, keep them: the model then contains copies of these layers, in
        its own dtype, so training one model never changes another. To draw new parameters, make a new layer, or call
        ``network.initialize``.
    input_shape : (int, int, int) or (int, int, int, int)
        (H, W, C) of images, (D, H, W, C) of volumes. Everything that takes images (N, H, W, C) takes volumes (N, D, H, W, C)
        then.
    loss : str, Loss or function, default None
        What `fit` makes small: see the argument `loss` of `fit`, which may also name it later.
    seed : int, default 0
        Seed of the initial parameters.
    dtype : dtype, default float32
        float32, or float64 for gradient checks.

    Attributes
    ----------
    network : Chain
        The layers that the model uses: the network that was given, or its copy if some of its layers had parameters.
    output_shape : tuple of int
        Shape of one output.
    params : dict of arrays
        All parameters by dotted name; assigning to one writes into its array.
    state : dict of arrays
        What layers keep beside parameters, such as the running means of `BatchNorm`, in the same way.
    transformers : list of SpatialTransformer
        In the order of the data, without those inside localisation networks.
    pixels : PixelRange or None
        Range of the images that the network was trained on, None before `fit`.

    Raises
    ------
    TypeError
        If the network is no `Chain`, or an option has the wrong type.
    ValueError
        If the network does not fit the input shape, contains one layer with parameters at two places, or a layer whose
        parameters do not fit its input. All layers stay as they were.

    Examples
    --------
    >>> from stn_numba.nn import Dense, Flatten
    >>> embedding = Model(Chain(Flatten(), Dense(16)), (28, 28, 1))
    >>> embedding.outputs(np.zeros((5, 28, 28), np.float32)).shape
    (5, 16)
    """

    def __init__(
        self,
        network: Chain,
        input_shape: Size,
        *,
        loss: str | Loss | LossFunction | None = None,
        seed: int = 0,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if not isinstance(network, Chain):
            raise TypeError(f"network: expected a Chain of layers, got {type(network).__name__}")
        if not isinstance(input_shape, tuple | list) or len(input_shape) not in (3, 4):
            raise ValueError(f"input_shape: expected (H, W, C), or (D, H, W, C) of volumes, got {input_shape!r:.60}")
        self.input_shape = tuple(as_int(size, "input_shape", least=1) for size in input_shape)
        self.loss = None if loss is None else as_loss(loss)
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype: expected float32 or float64, got {self.dtype}")
        rng = np.random.default_rng(as_int(seed, "seed", least=0))
        self.network = copy_pretrained(network)
        with rollback_on_failure(self.network):
            self.output_shape: Size = initialize_missing(self.network, self.input_shape, rng, self.dtype)
            self._expect_output(self.output_shape)
            expect_distinct(self.network)

    def _expect_output(self, shape: Size) -> None:
        """Reject a network whose outputs have the wrong shape."""

    def __repr__(self) -> str:
        return f"{self._heading()}\n{as_table(self.network)}"

    def _repr_html_(self) -> str:
        return as_html(self.network, self._heading())

    def _heading(self) -> str:
        return f"{self._title()}: {self.n_params:,} parameters of {self.dtype}"

    def _title(self) -> str:
        return f"{type(self).__name__} of {self._inputs} to outputs {self.output_shape}"

    @property
    def _inputs(self) -> str:
        return f"{'images' if len(self.input_shape) == 3 else 'volumes'} {self.input_shape}"

    @property
    def params(self) -> Arrays:
        """All parameters by dotted name; the arrays themselves."""
        return self.network.params

    @property
    def state(self) -> Arrays:
        """What layers keep from batch to batch beside parameters, as running means, by dotted name; the arrays themselves."""
        return self.network.state

    @property
    def n_params(self) -> int:
        """How many numbers all parameters have."""
        return sum(array.size for array in self.params.values())

    def outputs(self, X: ArrayLike) -> Any:
        """Return the outputs of the network for images.

        Parameters
        ----------
        X : (N, H, W, C) array of numbers
            Images on the scale of those in training; (N, H, W) if C is 1.

        Returns
        -------
        (N, ...) array
            With several heads a dict of arrays.

        Raises
        ------
        TypeError, ValueError
            If images do not fit the model, or a pixel is NaN or infinite.

        Warns
        -----
        RuntimeWarning
            Once, if pixels are on a scale far from that of training.
        """
        return self.split_outputs(self._joined_outputs(X))

    def predict(self, X: ArrayLike) -> Any:
        """Return what the outputs for images mean by the model's loss; for X and errors see `outputs`."""
        outputs = self.outputs(X)
        return outputs if self.loss is None else self.loss.predictions(outputs)

    def evaluate(self, X: ArrayLike, y: Any, *, loss: str | Loss | LossFunction | None = None) -> tuple[float, float | None]:
        """Return (mean loss, mean error) for images and targets.

        Parameters
        ----------
        X : (N, H, W, C) array of numbers
            Images, as for `outputs`.
        y : array
            Targets, as for `fit`.
        loss : str, Loss or function, default None
            As for `fit`; None for the model's own. A function is called with 256 images at a time.

        Returns
        -------
        loss : float
            The mean over the images.
        error : float or None
            The share of wrong predictions of classes, the mean absolute difference from measurements; None with a loss that is
            a function.

        Raises
        ------
        TypeError, ValueError
            If images or targets do not fit the model, or there is no loss.
        """
        outputs = self._joined_outputs(X)
        chosen = self.loss_of(loss)
        targets = chosen.check_targets(y, len(outputs), self.target_shape)
        return mean_loss_and_error(chosen, outputs, targets, self.split_outputs, _BATCH)

    def forward(self, X: ArrayLike, rng: np.random.Generator | None = None) -> tuple[Any, Callable[..., Any]]:
        """Return outputs and their backward, for a training loop of your own.

        The parts of the batch are computed on several threads, forward and backward; do this inside `training_threads`.

        Parameters
        ----------
        X : (N, H, W, C) array of numbers
            Images, as for `outputs`; they are not checked for NaN.
        rng : Generator, default None
            A generator means training, in which dropout is active.

        Returns
        -------
        outputs : (N, ...) array
            With several heads a dict of arrays.
        backprop : function
            ``backprop(d_outputs, *, input_gradient=False) -> (dX, gradients)``, with the gradients by the names of the
            parameters; dX is None unless it is asked for.

        Raises
        ------
        TypeError, ValueError
            If images do not fit the model.

        Examples
        --------
        >>> from stn_numba.nn import Adam, Dense, Flatten, training_threads
        >>> model, optimizer = Model(Chain(Flatten(), Dense(1)), (4, 4, 1)), Adam()
        >>> state = optimizer.init(model.params)
        >>> with training_threads():
        ...     outputs, backprop = model.forward(np.ones((8, 4, 4)), np.random.default_rng(0))
        ...     _, gradients = backprop(2 * (outputs - 3) / 8)
        ...     optimizer.apply(model.params, gradients, state, dict.fromkeys(gradients, 1e-3))
        """
        y, y_backprop = forward_in_parts(self.network, self.check_images(X), rng)

        def backprop(d_outputs: Any, *, input_gradient: bool = False) -> tuple[Floats | None, Arrays]:
            dy = np.asarray(self.join_outputs(d_outputs), y.dtype)
            if dy.shape != y.shape:
                raise ValueError(f"d_outputs: expected {y.shape}, shaped as the outputs, got {dy.shape}")
            return y_backprop(dy, input_gradient=input_gradient)

        return self.split_outputs(y), backprop

    def split_outputs(self, outputs: Floats) -> Any:
        """Return outputs as the loss gets them: with several heads a dict of arrays."""
        return outputs

    def join_outputs(self, outputs: Any) -> Floats:
        """Return outputs, or gradients by them, as the network returns them: one array."""
        result: Floats = outputs
        return result

    @property
    def target_shape(self) -> Any:
        """The shape of one output; with several heads a dict of shapes."""
        return self.output_shape

    def loss_of(self, loss: Any = None) -> Loss:
        """Return the loss that is meant by an argument of `fit`; None means the model's own."""
        chosen = self.loss if loss is None else as_loss(loss)
        if chosen is None:
            raise ValueError("loss: expected one, as loss='mean_squared_error', since this model was made without one")
        return chosen

    def config(self) -> dict[str, Any]:
        """Return the architecture and the loss, as JSON can hold them; a ValueError if the loss cannot be saved."""
        loss = None if self.loss is None else describe_loss(self.loss)
        return {"model": "Model", "input_shape": list(self.input_shape), "loss": loss, **self.network.config()}

    def _joined_outputs(self, X: ArrayLike) -> Floats:
        """Return the outputs of the network for images, those of several heads in one array."""
        return self._batched(lambda x: self.network.forward(x)[0], X, self.output_shape)

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
