"""What the classifier and the regressor have in common: training, predictions, and what the transformer does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from stn_numba._util.arguments import as_bool, as_int, as_real
from stn_numba.nn import EarlyStopping, History, Model, constant, fit, one_cycle
from stn_numba.sklearn.images import read_images
from stn_numba.sklearn.networks import in_double_precision, scale_of
from stn_numba.sklearn.samples import Samples
from stn_numba.sklearn.thread_limits import at_most

__all__ = ["SpatialTransformerEstimator"]

_LEAST_EPOCHS, _LEAST_STEPS = 10, 200
_DTYPES = (np.float64, np.float32, np.uint8)
# What estimators pass to `stn_numba.fit` themselves.
_GIVEN = (
    "batch_size", "class_weight", "epochs", "learning_rate", "loss", "model", "optimizer_state", "progress", "restore_best",
    "sample_weight", "seed", "validation", "weight_decay", "X", "y",
)  # fmt: skip


class SpatialTransformerEstimator(BaseEstimator):  # type: ignore[misc]
    """Base class: a subclass makes models in `_build` and turns their outputs into predictions."""

    def theta(self, X: ArrayLike, *, transformer: int | str = 0) -> NDArray[Any]:
        """Return the parameters that the spatial transformer chooses for images.

        Parameters
        ----------
        X : (N, F), (N, H, W) or (N, H, W, C) array
            Images.
        transformer : int or str, default 0
            Which of several transformers; see `stn_numba.nn.Model.theta`.

        Returns
        -------
        (N, P) array

        Raises
        ------
        NotFittedError
            If the estimator was not fitted.
        TypeError, ValueError
            If the images do not fit, or there is no such transformer.
        """
        model, images = self._model_for(X)
        with at_most(self.n_jobs):
            return model.theta(images, transformer=transformer)

    def warped(self, X: ArrayLike, *, transformer: int | str = 0) -> NDArray[Any]:
        """Return the images as the spatial transformer samples them for the layers after it.

        Parameters
        ----------
        X, transformer
            As for `theta`.

        Returns
        -------
        (N, h, w, C) array
            In the units of X, but if `network` is a function: then as its model sees them.

        Raises
        ------
        NotFittedError, TypeError, ValueError
            As for `theta`.
        """
        model, images = self._model_for(X)
        with at_most(self.n_jobs):
            sampled: NDArray[Any] = model.transform(images, transformer=transformer)
        return sampled if callable(self.network) else sampled / sampled.dtype.type(self.pixel_scale_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _build(self, seed: int) -> Model:
        """Return a new model, once the attributes of the data are known."""
        raise NotImplementedError

    def _read(self, X: Any, y: Any, *, reset: bool, **checks: Any) -> tuple[NDArray[Any], Any]:
        """Return images in the precision of training, and targets."""
        images, y = read_images(self, X, y=y, reset=reset, dtypes=_DTYPES, **checks)
        if images.dtype == np.float64:
            largest = np.abs(images).max()
            if largest > np.finfo(np.float32).max:
                raise ValueError(f"X: expected pixels within the range of float32, got {largest:.3g}")
            images = images.astype(np.float32)
        return images, y

    def _begin(self, samples: Samples) -> None:
        """Make a new model for the first samples."""
        self._random = check_random_state(self.random_state)
        self._optimizer_state: dict[str, Any] = {}
        self.pixel_scale_ = scale_of(samples.images, self.pixel_scale)
        self.model_ = self._build(self._next_seed())
        self.history_ = History(in_percent=self.model_.loss_of().in_percent)

    def _fit_all(self, samples: Samples) -> None:
        """Train a new model on all samples."""
        self._begin(samples)
        stopping: dict[str, Any] = {}
        if as_bool(self.early_stopping, "early_stopping"):
            samples, held_out = self._split(samples)
            stopping = {
                "validation": (held_out.images, held_out.targets),
                "restore_best": "validation_loss",
                "callbacks": [EarlyStopping(as_int(self.n_iter_no_change, "n_iter_no_change", least=1))],
            }
        self._train(samples, self._n_epochs(len(samples.images)), schedule=one_cycle, **stopping)

    def _n_epochs(self, count: int) -> int:
        """Return how often to pass over `count` samples."""
        if self.epochs is not None:
            return as_int(self.epochs, "epochs", least=1)
        steps = -(-count // as_int(self.batch_size, "batch_size", least=1))
        return max(_LEAST_EPOCHS, -(-_LEAST_STEPS // steps))

    def _train(self, samples: Samples, epochs: int, **options: Any) -> None:
        """Train the model further, and add to the history."""
        given = {} if self.fit_options is None else self.fit_options
        if not isinstance(given, Mapping):
            raise TypeError(f"fit_options: expected a dict of arguments of stn_numba.fit, got {type(given).__name__}")
        for name in given:
            if name in _GIVEN:
                raise ValueError(f"fit_options: expected none of {', '.join(_GIVEN)}, which the estimator sets; got {name}")
        callbacks = [*options.pop("callbacks", ()), *given.get("callbacks", ())]
        with at_most(self.n_jobs):
            history = fit(
                self.model_, samples.images, samples.targets, sample_weight=samples.mean_one(), epochs=epochs,
                batch_size=self.batch_size, learning_rate=self.learning_rate, weight_decay=self.weight_decay,
                optimizer_state=self._optimizer_state, seed=self._next_seed(), progress=bool(self.verbose),
                **{**options, **given, "callbacks": callbacks},
            )  # fmt: skip
        self.history_.epochs += history.epochs
        self.n_iter_ = len(self.history_)

    def _train_once(self, samples: Samples) -> None:
        """Pass over the samples once, with nothing that changes from the start to the end of training."""
        self._train(samples, 1, schedule=constant, label_smoothing=0)

    def _split(self, samples: Samples, stratify: NDArray[Any] | None = None) -> tuple[Samples, Samples]:
        """Return samples for training and for validation."""
        fraction = as_real(self.validation_fraction, "validation_fraction", "(0, 1)")
        rows = train_test_split(
            np.arange(len(samples.images)), test_size=fraction, random_state=self._next_seed(), stratify=stratify
        )
        return samples.subset(rows[0]), samples.subset(rows[1])

    def _next_seed(self) -> int:
        return int(self._random.randint(np.iinfo(np.int32).max))

    def _model_for(self, X: Any) -> tuple[Model, NDArray[Any]]:
        """Return images, and the model in their precision."""
        check_is_fitted(self)
        images, _ = read_images(self, X, reset=False, dtypes=_DTYPES)
        if images.dtype != np.float64 or self.model_.dtype == np.float64:
            return self.model_, images
        self.model_.warn_if_on_another_scale(images)  # a copy would warn each time
        return in_double_precision(self.model_), images

    def _outputs(self, X: Any) -> NDArray[Any]:
        """Return what the model returns for images, in their precision."""
        model, images = self._model_for(X)
        with at_most(self.n_jobs):
            outputs: NDArray[Any] = model.outputs(images)
        return outputs
