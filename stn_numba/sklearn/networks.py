"""The models that estimators train: networks by name, with a scale of pixels in front."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba import models
from stn_numba._util.arguments import as_real
from stn_numba._util.suggestions import did_you_mean
from stn_numba.nn import Chain, Classifier, Dense, Layer, Model, Regressor, Rescale
from stn_numba.sklearn.images import ImageShape

__all__ = ["build_classifier", "build_regressor", "in_double_precision", "scale_of"]

_FEW_PIXELS = 64  # of smaller images the mean says something, so that it is not subtracted
_LEAST_SIDE = 24  # which the convolutions of `st_cnn` leave something of
_LEAST_PIXEL = 2.0**-100  # whose factor is a float32
_GIVEN = ("transform", "options", "seed")  # what the estimator passes itself


def build_classifier(estimator: Any, input_shape: ImageShape, n_classes: int, scale: float, seed: int) -> Classifier:
    """Return the classifier that an estimator's options describe."""
    if callable(estimator.network):
        own: Classifier = _own(estimator, Classifier, input_shape, n_classes, seed)
        return own
    layers = _layers(estimator, input_shape, n_classes, seed)
    return Classifier(Chain(*_scaled(scale), *layers), input_shape, n_classes, seed=seed)


def build_regressor(estimator: Any, input_shape: ImageShape, n_outputs: int, scale: float, seed: int) -> Regressor:
    """Return the regressor that an estimator's options describe: a classifier's network with another last layer."""
    if callable(estimator.network):
        own: Regressor = _own(estimator, Regressor, input_shape, n_outputs, seed)
        return own
    layers = _layers(estimator, input_shape, 2, seed)[:-1]
    return Regressor(Chain(*_scaled(scale), *layers, Dense(n_outputs)), input_shape, loss=estimator.loss, seed=seed)


def scale_of(images: NDArray[Any], pixel_scale: Any) -> float:
    """Return the factor of pixels: a power of 2 that brings the largest to above 1/2 and at most 1, or a given number.

    Examples
    --------
    >>> scale_of(np.array([0, 255]), "auto") == 1 / 256, scale_of(np.array([0.1, 0.9]), "auto")
    (True, 1.0)
    """
    if pixel_scale == "auto":
        largest = max(float(images.max()), -float(images.min()))
        return 2.0 ** -math.ceil(math.log2(max(largest, _LEAST_PIXEL))) if largest > 0 else 1.0
    if isinstance(pixel_scale, str):
        raise ValueError(f"pixel_scale: expected 'auto' or a number, got {pixel_scale!r:.60}")
    if (scale := as_real(pixel_scale, "pixel_scale")) == 0:
        raise ValueError("pixel_scale: expected a number other than 0, got 0")
    return scale


def in_double_precision(model: Model) -> Model:
    """Return a copy of a classifier or regressor that computes in float64, and does not warn of another scale of pixels."""
    if isinstance(model, Classifier):
        return Classifier(model.network, model.input_shape, model.n_classes, dtype=np.float64)
    return Regressor(model.network, model.input_shape, loss=model.loss_of(), dtype=np.float64)


def _layers(estimator: Any, input_shape: ImageShape, n_classes: int, seed: int) -> list[Layer]:
    """Return the layers of a network of `stn_numba.models`."""
    make, options = _maker(estimator.network, input_shape), estimator.network_options or {}
    if not isinstance(options, Mapping):
        raise TypeError(f"network_options: expected a dict, got {type(options).__name__}")
    for name in options:
        if name in _GIVEN:
            raise ValueError(f"network_options: expected none of {', '.join(_GIVEN)}, got {name}: use `warp` and its options")
    if "center" in inspect.signature(make).parameters and math.prod(input_shape) < _FEW_PIXELS:
        options = {"center": False, **options}
    if "transform" in inspect.signature(make).parameters:
        options = {"transform": estimator.warp, "options": estimator.warp_options, **options}
    model: Classifier = make(input_shape, n_classes, **options, seed=seed)
    return list(model.network.layers.values())


def _maker(network: Any, input_shape: ImageShape) -> Callable[..., Classifier]:
    """Return the function of `stn_numba.models` with this name."""
    if network == "auto":
        network = "st_cnn" if min(input_shape[:2]) >= _LEAST_SIDE else "st_fcn"
    if not isinstance(network, str) or network not in models.__all__:
        names = ("auto", *models.__all__)
        hint = did_you_mean(network, "network", names)
        raise ValueError(f"network: expected one of {', '.join(names)}, or a function, got {network!r:.60}{hint}")
    make: Callable[..., Classifier] = getattr(models, network)
    return make


def _scaled(scale: float) -> tuple[Layer, ...]:
    return () if scale == 1 else (Rescale(scale),)


def _own(estimator: Any, kind: Any, input_shape: ImageShape, n_outputs: int, seed: int) -> Any:
    """Return the model that a function makes, after a check."""
    model = estimator.network(input_shape, n_outputs, seed)
    if not isinstance(model, kind):
        raise TypeError(f"network: expected a function that returns a {kind.__name__}, got a {type(model).__name__} from it")
    if getattr(model, "multi_label", False):
        raise ValueError("network: expected a model of one label an image, got one with multi_label=True")
    if (model.input_shape, model.output_shape) != (input_shape, (n_outputs,)):
        raise ValueError(
            f"network: expected a model from images {input_shape} to {n_outputs} outputs, got one from {model.input_shape} "
            f"to {model.output_shape}"
        )
    return model
