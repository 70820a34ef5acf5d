"""Warps as a step of a pipeline of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from stn_numba.data import RandomWarp
from stn_numba.grid import as_floats
from stn_numba.sampler.interpolation import PiecewisePolynomial
from stn_numba.sklearn.images import flattened, read_images
from stn_numba.sklearn.thread_limits import at_most
from stn_numba.transform import Transform
from stn_numba.transform.checked import as_transform, identity_of, n_params_of
from stn_numba.warp import warp

__all__ = ["WarpTransformer"]

_DTYPES = (np.float64, np.float32, np.uint8, np.int8, np.uint16, np.int16, np.int32)


class WarpTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Warp images in a pipeline of scikit-learn: each in the same way, and training images at random as well.

    Random warps are drawn in `fit_transform` alone. A pipeline calls it with training data, and `transform` with those of
    predictions, so training images are augmented and test images are not. Each training image is replaced by one warped image.

    Parameters
    ----------
    warp : str or Transform, default "affine"
        The transform: a registered name, or a `Transform`.
    theta : (P,) array, default None
        Its parameters, for all images; None for the identity, or for those that fit the `points`.
    points : pair of (M, 2) arrays, default None
        Instead of `theta`: normalized positions (x, y) in the output, and those in the input that they show.
    warp_options : dict, default None
        Options of a transform given by name.
    spread : float or (P,) array, default 0.0
        Standard deviation of random parameters that `fit_transform` adds, as in `stn_numba.data.RandomWarp`.
    image_shape : (int, int) or (int, int, int), default None
        (H, W) or (H, W, C) of the images that rows of pixels stand for; see `SpatialTransformerClassifier`.
    shape : (int, int), default None
        (h, w) of the output; None for that of the images.
    kernel, padding, fill, align_corners, antialias
        As for `stn_numba.warp`.
    random_state : int, RandomState or None, default None
        Seed of the random warps.
    n_jobs : int, default None
        Most threads to use; see `SpatialTransformerClassifier`.

    Attributes
    ----------
    theta_ : (P,) array
        The parameters.
    image_shape_ : (int, int, int)
        (H, W, C).
    n_features_in_ : int
        H * W * C.
    feature_names_in_ : array, one name a feature
        Names of the columns, if X has names in `fit`.

    See Also
    --------
    stn_numba.data.RandomWarp : Random warps of each batch of training, for `fit_options` of the estimators.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.svm import SVC
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> model = make_pipeline(WarpTransformer("rotation", spread=0.1, random_state=0), SVC()).fit(X[:900], y[:900])
    >>> model.score(X[900:], y[900:]) > 0.9
    True

    Mirror left and right:

    >>> WarpTransformer(theta=[-1, 0, 0, 0, 1, 0], image_shape=(1, 3)).fit_transform([[1.0, 2.0, 3.0]])
    array([[3., 2., 1.]])
    """

    def __init__(
        self,
        warp: str | Transform = "affine",
        theta: ArrayLike | None = None,
        *,
        points: tuple[ArrayLike, ArrayLike] | None = None,
        warp_options: dict[str, Any] | None = None,
        spread: ArrayLike = 0.0,
        image_shape: tuple[int, ...] | None = None,
        shape: tuple[int, int] | None = None,
        kernel: str | PiecewisePolynomial = "bilinear",
        padding: str | None = None,
        fill: ArrayLike | None = None,
        align_corners: bool = True,
        antialias: bool = False,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.warp = warp
        self.theta = theta
        self.points = points
        self.warp_options = warp_options
        self.spread = spread
        self.image_shape = image_shape
        self.shape = shape
        self.kernel = kernel
        self.padding = padding
        self.fill = fill
        self.align_corners = align_corners
        self.antialias = antialias
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: ArrayLike, y: Any = None) -> WarpTransformer:
        """Learn the shape of the images, and check the options.

        Parameters
        ----------
        X : (N, F), (N, H, W) or (N, H, W, C) array
            Images.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If an option does not fit.
        """
        self._learn(X)
        return self

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Return the images, warped by `theta_`.

        Parameters
        ----------
        X : (N, F), (N, H, W) or (N, H, W, C) array
            Images.

        Returns
        -------
        (N, h * w * C), (N, h, w) or (N, h, w, C) array
            With the axes of X and its dtype, if `stn_numba.warp` has it; else float64.

        Raises
        ------
        NotFittedError
            If the transformer was not fitted.
        TypeError, ValueError
            If the images do not fit.
        """
        check_is_fitted(self)
        images, _ = read_images(self, X, reset=False, dtypes=_DTYPES)
        return self._shaped_as(X, self._warped(images, self.theta_[None]))

    def fit_transform(self, X: ArrayLike, y: Any = None) -> NDArray[Any]:
        """Fit, and return the images warped by `theta_` plus random parameters with the standard deviation `spread`.

        For parameters, returned array and errors see `fit` and `transform`.
        """
        images = self._learn(X)
        if not np.any(self.spread):
            return self._shaped_as(X, self._warped(images, self.theta_[None]))
        rng = np.random.default_rng(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        drawn = self._random_warp.draw(len(images), rng) - self._random_warp.identity
        return self._shaped_as(X, self._warped(images, self.theta_ + drawn))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _learn(self, X: Any) -> NDArray[Any]:
        """Learn what `fit` says, and return the images (N, H, W, C)."""
        images, _ = read_images(self, X, reset=True, dtypes=_DTYPES)
        self._transform = as_transform(self.warp, self.warp_options)
        self._random_warp = RandomWarp(self._transform, self.spread)
        self.theta_ = self._theta()
        self._n_features_out = int(np.prod(self._warped(images[:1], self.theta_[None]).shape[1:]))
        return images

    def _theta(self) -> NDArray[np.float64]:
        """Return the parameters for all images."""
        if self.points is None:
            count = n_params_of(self._transform)
            theta = identity_of(self._transform) if self.theta is None else as_floats(self.theta, "theta", (count,))
            return np.asarray(theta, np.float64)
        if self.theta is not None:
            raise ValueError("points: expected None together with theta, which has the parameters already")
        if not isinstance(self.points, tuple | list) or len(self.points) != 2:
            raise ValueError(f"points: expected a pair of (M, 2) positions, in output and input, got {self.points!r:.60}")
        fitted: NDArray[np.float64] = self._transform.fit_points(*self.points)
        if len(fitted) != 1:
            raise ValueError(f"points: expected a pair of (M, 2) positions, got {len(fitted)} sets of them")
        row: NDArray[np.float64] = fitted[0]
        return row

    def _warped(self, images: NDArray[Any], theta: NDArray[np.float64]) -> NDArray[Any]:
        """Return images (N, h, w, C)."""
        with at_most(self.n_jobs):
            return warp(
                images, theta, self._transform, self.shape, kernel=self.kernel, padding=self.padding, fill=self.fill,
                align_corners=self.align_corners, antialias=self.antialias,
            )  # fmt: skip

    def _shaped_as(self, X: Any, out: NDArray[Any]) -> NDArray[Any]:
        """Return images (N, h, w, C) with as many axes as X."""
        if flattened(X)[1] is None:
            return out.reshape(len(out), -1)
        return out if np.ndim(X) == 4 else out[..., 0]
