"""A spatial transformer network as a regressor of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import MultiOutputMixin, RegressorMixin

from stn_numba.nn import Regressor
from stn_numba.sklearn.base import SpatialTransformerEstimator
from stn_numba.sklearn.networks import build_regressor
from stn_numba.sklearn.samples import Samples, as_weights, merged
from stn_numba.transform import Transform

__all__ = ["SpatialTransformerRegressor"]


class SpatialTransformerRegressor(MultiOutputMixin, RegressorMixin, SpatialTransformerEstimator):  # type: ignore[misc]
    """A spatial transformer network that measures something in images, as an estimator of scikit-learn.

    It learns from targets of any scale: they are standardized before training, and predictions are scaled back. For images and
    weights, see `SpatialTransformerClassifier`.

    Parameters
    ----------
    warp, warp_options
        See `SpatialTransformerClassifier`.
    network : str or function, default "auto"
        As for `SpatialTransformerClassifier`; the last layer of the network gets one unit for each target. A function
        ``network(input_shape, n_outputs, seed)`` returns a `stn_numba.nn.Regressor`, with the loss that it is trained with.
    network_options, image_shape, pixel_scale, epochs, batch_size, learning_rate, weight_decay
        See `SpatialTransformerClassifier`.
    loss : str, Loss or function, default "mean_squared_error"
        Of standardized targets; ``"huber"`` counts outliers less. See `stn_numba.fit`.
    early_stopping, validation_fraction, n_iter_no_change, fit_options, random_state, n_jobs, verbose
        See `SpatialTransformerClassifier`.

    Attributes
    ----------
    model_ : stn_numba.nn.Regressor
        The network, which predicts standardized targets.
    target_mean_, target_scale_ : (n_outputs,) array
        Mean and standard deviation of the targets: ``target_mean_ + target_scale_ * model_.predict(images)`` are measurements.
    history_, n_iter_, image_shape_, pixel_scale_, n_features_in_, feature_names_in_
        See `SpatialTransformerClassifier`.

    Examples
    --------
    Where is the bright spot?

    >>> x, y = np.random.default_rng(0).integers(2, 10, (2, 300))
    >>> images = np.zeros((300, 12, 12), np.float32)
    >>> images[np.arange(300), y, x] = 1
    >>> regressor = SpatialTransformerRegressor(warp="translation", random_state=0).fit(images, np.stack([x, y], axis=1))
    >>> regressor.predict(images).shape, regressor.score(images, np.stack([x, y], axis=1)) > 0.9
    ((300, 2), True)
    """

    def __init__(
        self,
        warp: str | Transform = "affine",
        *,
        warp_options: dict[str, Any] | None = None,
        network: str | Callable[..., Regressor] = "auto",
        network_options: dict[str, Any] | None = None,
        image_shape: tuple[int, ...] | None = None,
        pixel_scale: float | str = "auto",
        epochs: int | None = None,
        batch_size: int = 64,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.0,
        loss: Any = "mean_squared_error",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        fit_options: dict[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.warp = warp
        self.warp_options = warp_options
        self.network = network
        self.network_options = network_options
        self.image_shape = image_shape
        self.pixel_scale = pixel_scale
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.loss = loss
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.fit_options = fit_options
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> SpatialTransformerRegressor:
        """Train a new model.

        Parameters
        ----------
        X : (N, F), (N, H, W) or (N, H, W, C) array
            Images. They are learned from in float32, or as they are if they are uint8.
        y : (N,) or (N, n_outputs) array
            Targets.
        sample_weight : (N,) array, default None
            At least 0. Only ratios matter: the loss is a weighted mean.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If the data or an option do not fit.
        NonFiniteError
            If training diverges.
        """
        samples = self._samples(X, y, sample_weight, reset=True)
        self._learn_scale(samples)
        self._fit_all(self._standardized(samples))
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> SpatialTransformerRegressor:
        """Train on images once more, at the peak of the learning rate, where `fit` or an earlier call stopped.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`. A first call learns the scale of pixels and of targets from them.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError, NonFiniteError
            As for `fit`.
        """
        first = not hasattr(self, "model_")
        samples = self._samples(X, y, sample_weight, reset=first)
        if first:
            self._learn_scale(samples)
            self._begin(samples)
        self._train_once(self._standardized(samples))
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the measurements of each image, with the axes of y in `fit`."""
        outputs = self._outputs(X)
        measured: NDArray[Any] = (outputs * self.target_scale_ + self.target_mean_).astype(outputs.dtype)
        return measured[:, 0] if self._single else measured

    def _samples(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> Samples:
        """Return different images with targets (N, n_outputs)."""
        images, targets = self._read(X, y, reset=reset, multi_output=True, y_numeric=True)
        single, targets = targets.ndim == 1, np.asarray(targets, np.float64)
        targets = targets[:, None] if single else targets
        if reset:
            self._single = single
        elif targets.shape[1] != len(self.target_mean_):
            raise ValueError(f"y: expected {len(self.target_mean_)} targets an image, as in earlier calls, got {targets.shape}")
        return merged(images, targets, as_weights(sample_weight, len(images)))

    def _learn_scale(self, samples: Samples) -> None:
        self.target_mean_ = np.average(samples.targets, axis=0, weights=samples.weights)
        variance = np.average((samples.targets - self.target_mean_) ** 2, axis=0, weights=samples.weights)
        self.target_scale_ = np.where(variance > 0, np.sqrt(variance), 1.0)

    def _standardized(self, samples: Samples) -> Samples:
        targets = (samples.targets - self.target_mean_) / self.target_scale_
        return Samples(samples.images, targets, samples.weights)

    def _build(self, seed: int) -> Regressor:
        return build_regressor(self, self.image_shape_, len(self.target_mean_), self.pixel_scale_, seed)
