"""A spatial transformer network as a classifier of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from stn_numba.nn import Classifier
from stn_numba.nn.losses.cross_entropy import softmax
from stn_numba.sklearn.base import SpatialTransformerEstimator
from stn_numba.sklearn.networks import build_classifier
from stn_numba.sklearn.samples import Samples, as_weights, class_factors, merged
from stn_numba.transform import Transform

__all__ = ["SpatialTransformerClassifier"]


class SpatialTransformerClassifier(ClassifierMixin, SpatialTransformerEstimator):  # type: ignore[misc]
    """A spatial transformer network that classifies images, as an estimator of scikit-learn.

    Images are arrays (N, H, W) or (N, H, W, C), or rows of pixels (N, F), as scikit-learn's own tools need them. Predictions
    have the precision of X. Equal images with equal labels are merged to one with the sum of their weights, in an order of
    their own: what is learned does not depend on the order of the samples, and a sample of weight 2 is the same as two samples.

    Parameters
    ----------
    warp : str or Transform, default "affine"
        The transform: a registered name, or a `Transform`.
    warp_options : dict, default None
        Options of a transform given by name.
    network : str or function, default "auto"
        Name of a function of `stn_numba.models`; ``"auto"`` is ``"st_cnn"`` if images have at least 24 rows and columns, and
        ``"st_fcn"`` otherwise. Those without a spatial transformer, ``"cnn"`` and ``"fcn"``, ignore `warp`. Or a function
        ``network(input_shape, n_classes, seed)`` that returns a `stn_numba.nn.Classifier`, which is trained as it is, without
        `warp` and `pixel_scale`.
    network_options : dict, default None
        Further arguments of that function of `stn_numba.models`, as ``{"units": 64}``.
    image_shape : (int, int) or (int, int, int), default None
        (H, W) or (H, W, C) of the images that rows of pixels stand for. None for square images if the number of pixels is a
        square number, as 64 or 784, and otherwise for images of a single row: signals, which can only be warped along x.
    pixel_scale : "auto" or float, default "auto"
        Factor of the pixels in front of the network. ``"auto"`` is a power of 2 that brings the largest pixel in training to
        above 1/2 and at most 1.
    epochs : int, default None
        Passes over the images. None for 10, and for small data as many as make 200 steps.
    batch_size : int, default 64
        Largest number of images in a step.
    learning_rate : float, default 2e-3
        Its peak.
    weight_decay : float, default 0.0
        See `stn_numba.fit`.
    class_weight : "balanced" or dict, default None
        Factors of the sample weights, by label; ``"balanced"`` makes all classes count the same.
    early_stopping : bool, default False
        Whether to hold out images, stop when the loss on them no longer falls, and return to the best epoch. Set `epochs` to
        the most that may be needed: the learning rate falls until then.
    validation_fraction : float, default 0.1
        Share of the images that `early_stopping` holds out, the same of each class. Their weights do not count.
    n_iter_no_change : int, default 10
        Epochs without a smaller loss on them after which training stops.
    fit_options : dict, default None
        Further arguments of `stn_numba.fit`, as ``{"augment": stn_numba.data.RandomWarp("rotation", 0.1)}``.
    random_state : int, RandomState or None, default None
        Seed of initial parameters, order of batches and dropout. An int gives the same bits each time.
    n_jobs : int, default None
        Most threads to use. None for `stn_numba.get_num_threads`, which in a worker of joblib is its share of the cores;
        -1 for the same.
    verbose : bool, default False
        Whether to show the progress of training.

    Attributes
    ----------
    classes_ : (n_classes,) array
        The labels, sorted; those of samples whose weight is 0 do not count.
    model_ : stn_numba.nn.Classifier
        The network: `stn_numba.save` writes it to a file.
    history_ : stn_numba.nn.History
        Losses and errors, epoch by epoch, also those of `partial_fit`.
    n_iter_ : int
        Number of epochs.
    image_shape_ : (int, int, int)
        (H, W, C).
    pixel_scale_ : float
        The factor of the pixels.
    n_features_in_ : int
        H * W * C.
    feature_names_in_ : array, one name a feature
        Names of the columns, if X has names in `fit`.

    See Also
    --------
    SpatialTransformerRegressor : The same for measurements.
    WarpTransformer : Warps as a step of a pipeline.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> X, y = load_digits(return_X_y=True)     # rows of 64 pixels
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> classifier = SpatialTransformerClassifier(warp="attention", random_state=0).fit(X_train, y_train)
    >>> classifier.score(X_test, y_test) > 0.95, classifier.theta(X_test).shape
    (True, (450, 3))
    """

    def __init__(
        self,
        warp: str | Transform = "affine",
        *,
        warp_options: dict[str, Any] | None = None,
        network: str | Callable[..., Classifier] = "auto",
        network_options: dict[str, Any] | None = None,
        image_shape: tuple[int, ...] | None = None,
        pixel_scale: float | str = "auto",
        epochs: int | None = None,
        batch_size: int = 64,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.0,
        class_weight: str | Mapping[Any, float] | None = None,
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
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.fit_options = fit_options
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> SpatialTransformerClassifier:
        """Train a new model.

        Parameters
        ----------
        X : (N, F), (N, H, W) or (N, H, W, C) array
            Images. They are learned from in float32, or as they are if they are uint8.
        y : (N,) array
            Labels: numbers or strings.
        sample_weight : (N,) array, default None
            At least 0. Only ratios matter: the loss is a weighted mean.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If the data or an option do not fit, or there is only one class.
        NonFiniteError
            If training diverges.
        """
        images, labels, weights = self._read_labels(X, y, sample_weight, reset=True)
        self._learn_classes(labels[weights > 0])
        self._fit_all(self._samples(images, labels, weights))
        return self

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> SpatialTransformerClassifier:
        """Train on images once more, at the peak of the learning rate, where `fit` or an earlier call stopped.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`. A first call learns the scale of pixels from X.
        classes : (n_classes,) array, default None
            All labels, needed for a model's first call.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError, NonFiniteError
            As for `fit`, and if `classes` are missing in a first call, or differ from those of earlier calls.
        """
        first = not hasattr(self, "model_")
        images, labels, weights = self._read_labels(X, y, sample_weight, reset=first)
        if first:
            if classes is None:
                raise ValueError("classes: expected all labels in the first call of partial_fit, got None")
            self._learn_classes(column_or_1d(classes))
        elif classes is not None and not np.array_equal(self.classes_, np.unique(np.asarray(classes))):
            raise ValueError(f"classes: expected those of earlier calls, {self.classes_!r:.60}, got {classes!r:.60}")
        samples = self._samples(images, labels, weights)
        if first:
            self._begin(samples)
        self._train_once(samples)
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[Any]:
        """Return the scores of the classes before the softmax, (N, n_classes), or with two classes their difference (N,)."""
        logits = self._outputs(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: ArrayLike) -> NDArray[Any]:
        """Return the probabilities of the classes (N, n_classes), in the order of `classes_`."""
        probabilities: NDArray[Any] = softmax(self._outputs(X))
        return probabilities

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most likely label of each image (N,)."""
        best = self._outputs(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[best]
        return labels

    def _read_labels(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]]:
        """Return images, labels and weights."""
        images, labels = self._read(X, y, reset=reset)
        check_classification_targets(labels)
        return images, labels, as_weights(sample_weight, len(images))

    def _learn_classes(self, labels: NDArray[Any]) -> None:
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            only = self.classes_.tolist()[0]
            raise ValueError(f"y: expected at least two classes with a weight other than zero, got one class, {only!r:.60}")

    def _samples(self, images: NDArray[Any], labels: NDArray[Any], weights: NDArray[np.float64]) -> Samples:
        """Return different images with numbers of classes, weighted by sample and by class."""
        codes = np.searchsorted(self.classes_, labels).clip(max=len(self.classes_) - 1)
        unknown = labels[(self.classes_[codes] != labels) & (weights > 0)].tolist()
        if unknown:
            raise ValueError(f"y: expected labels among {self.classes_.tolist()!r:.60}, got {unknown[0]!r:.60}")
        samples = merged(images, codes, weights)
        totals = np.bincount(samples.targets, samples.weights, len(self.classes_)).astype(np.float64)
        samples.weights = samples.weights * class_factors(self.class_weight, self.classes_, totals)[samples.targets]
        if not samples.weights.any():
            raise ValueError("class_weight: expected at least one class of y with a weight other than zero")
        return samples

    def _split(self, samples: Samples, stratify: NDArray[Any] | None = None) -> tuple[Samples, Samples]:
        return super()._split(samples, samples.targets)

    def _build(self, seed: int) -> Classifier:
        return build_classifier(self, self.image_shape_, len(self.classes_), self.pixel_scale_, seed)
