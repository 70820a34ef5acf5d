"""The networks of the source as short compositions (arXiv 1506.02025, appendix A).

All are classifiers for images (H, W, C), with ReLU between layers. Networks are compared fairly at equal numbers of
parameters: `units` and `filters` set them, ``model.n_params`` tells.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from stn_numba._util.arguments import as_int
from stn_numba.nn import AvgPool, Chain, Classifier, Conv2d, Dense, Dropout, Flatten, MaxPool, ReLU, SpatialTransformer
from stn_numba.nn.layers.base import Layer
from stn_numba.nn.layers.parallel import Parallel

__all__ = ["cnn", "fcn", "st_cnn", "st_fcn", "tutorial", "two_st_fcn"]

Shape = tuple[int, int, int]


def fcn(
    input_shape: Shape = (28, 28, 1), n_classes: int = 10, *, units: int = 128, downsample: int = 1, seed: int = 0
) -> Classifier:
    """Fully connected network: two hidden layers of `units`, on an input that may be average-pooled by `downsample`.

    Examples
    --------
    >>> fcn().n_params
    118282
    """
    return Classifier(Chain(*_averaged(downsample), *_fcn_head(units, n_classes)), input_shape, n_classes, seed=seed)


def cnn(
    input_shape: Shape = (28, 28, 1), n_classes: int = 10, *, filters: int = 32, units: int | None = None, seed: int = 0
) -> Classifier:
    """Convolutional network: 9 x 9 and 7 x 7 convolutions, each with ReLU and 2 x 2 max pooling.

    The source classifies what they give by one layer; `units` puts a hidden layer of so many before it.

    Examples
    --------
    >>> cnn().n_params
    54122
    """
    hidden = () if units is None else (Dense(units), ReLU())
    return Classifier(Chain(*_features(filters), *hidden, _output(n_classes)), input_shape, n_classes, seed=seed)


def st_fcn(
    input_shape: Shape = (28, 28, 1),
    n_classes: int = 10,
    *,
    transform: str = "affine",
    options: dict[str, Any] | None = None,
    initial: ArrayLike | None = None,
    shape: tuple[int, int] | None = None,
    downsample: int = 1,
    units: int = 128,
    localisation_units: int = 32,
    localisation_downsample: int = 1,
    seed: int = 0,
) -> Classifier:
    """`fcn` behind a spatial transformer, whose localisation net has three layers of `localisation_units`.

    Parameters
    ----------
    input_shape, n_classes
        (H, W, C), and the number of classes.
    transform, options
        A registered transform and its options.
    initial
        Parameters the transformer starts from, by default the identity.
    shape
        (h, w) that the transformer puts out, by default that of the input.
    downsample
        Average pooling of what it puts out, the source's remedy against aliasing.
    units, localisation_units
        Width of the classifier and of the localisation net.
    localisation_downsample
        Average pooling of what the localisation net sees: where to look is told by less than what is there, and most of
        such a net's parameters are those of its first layer.
    seed
        Seed of the initial parameters.

    Examples
    --------
    >>> import numpy as np
    >>> st_fcn(transform="tps").theta(np.zeros((1, 28, 28))).shape
    (1, 32)
    """
    look = _fcn_localisation(localisation_units, localisation_downsample)
    head = _fcn_head(units, n_classes)
    return _transformed(look, head, input_shape, n_classes, transform, options, initial, shape, downsample, seed)


def st_cnn(
    input_shape: Shape = (28, 28, 1),
    n_classes: int = 10,
    *,
    transform: str = "affine",
    options: dict[str, Any] | None = None,
    initial: ArrayLike | None = None,
    shape: tuple[int, int] | None = None,
    downsample: int = 1,
    filters: int = 32,
    localisation_filters: int = 20,
    seed: int = 0,
) -> Classifier:
    """`cnn` behind a spatial transformer.

    Its localisation net sees the image at half the size: two 5 x 5 convolutions of `localisation_filters`, the first
    with max pooling, then a layer of 20. Other parameters as for `st_fcn`.

    Examples
    --------
    >>> import numpy as np
    >>> model = st_cnn(transform="affine")
    >>> X = np.random.default_rng(0).random((2, 28, 28, 1), np.float32)
    >>> np.array_equal(model.transform(X), X)
    True
    """
    second = _second_convolution(input_shape, localisation_filters)
    look = Chain(
        AvgPool(2), Conv2d(localisation_filters, 5), ReLU(), MaxPool(2), *second, Flatten(), Dense(20), ReLU()
    )  # fmt: skip
    head = (*_features(filters), _output(n_classes))
    return _transformed(look, head, input_shape, n_classes, transform, options, initial, shape, downsample, seed)


def tutorial(
    input_shape: Shape = (28, 28, 1),
    n_classes: int = 10,
    *,
    transform: str = "affine",
    options: dict[str, Any] | None = None,
    initial: ArrayLike | None = None,
    shape: tuple[int, int] | None = None,
    dropout: float = 0.5,
    seed: int = 0,
) -> Classifier:
    """The network of PyTorch's tutorial on spatial transformers, the best known of its kind.

    Two 5 x 5 convolutions of 10 and 20 filters with max pooling, layers of 50 and `n_classes`; the localisation net has
    convolutions of 8 filters 7 x 7 and 10 filters 5 x 5, and a layer of 32. `dropout` acts on the layer of 50; the tutorial
    also drops whole channels of the second convolution, which is left out here. Other parameters as for `st_fcn`.

    Examples
    --------
    >>> tutorial().n_params
    27360
    """
    look = Chain(*_pooled(8, 7), *_pooled(10, 5), Flatten(), Dense(32), ReLU())
    drop = (Dropout(dropout),) if dropout else ()
    head = (*_pooled(10, 5), *_pooled(20, 5), Flatten(), Dense(50), ReLU(), *drop, _output(n_classes))
    return _transformed(look, head, input_shape, n_classes, transform, options, initial, shape, 1, seed)


def _pooled(filters: int, size: int) -> tuple[Layer, ...]:
    # pooling before the rectifier gives the same values from a quarter of the work
    return Conv2d(filters, size), MaxPool(2), ReLU()


def _second_convolution(input_shape: Shape, filters: int) -> tuple[Layer, ...]:
    """5 x 5, or left out where the map is by then too small for it."""
    side = min((size // 2 - 4) // 2 for size in input_shape[:2])
    return (Conv2d(filters, 5), ReLU()) if side >= 5 else ()


def _fcn_head(units: int, n_classes: int) -> tuple[Layer, ...]:
    return Flatten(), Dense(units), ReLU(), Dense(units), ReLU(), _output(n_classes)


def _features(filters: int) -> tuple[Layer, ...]:
    return *_pooled(filters, 9), *_pooled(filters, 7), Flatten()


def _transformed(
    look: Layer,
    head: tuple[Layer, ...],
    input_shape: Shape,
    n_classes: int,
    transform: str,
    options: dict[str, Any] | None,
    initial: ArrayLike | None,
    shape: tuple[int, int] | None,
    downsample: int,
    seed: int,
) -> Classifier:
    transformer = SpatialTransformer(look, transform, shape, options=options, initial=initial)
    return Classifier(Chain(transformer, *_averaged(downsample), *head), input_shape, n_classes, seed=seed)


def two_st_fcn(
    input_shape: Shape = (42, 42, 2),
    n_classes: int = 19,
    *,
    transform: str = "affine",
    options: dict[str, Any] | None = None,
    initial: ArrayLike | None = None,
    shape: tuple[int, int] | None = None,
    downsample: int = 1,
    units: int = 128,
    localisation_units: int = 32,
    localisation_downsample: int = 1,
    seed: int = 0,
) -> Classifier:
    """`fcn` behind two spatial transformers side by side, for two objects in an image (the source's addition of digits).

    Each has a localisation net of its own and reads all channels; what they read is joined along the channels. Parameters as
    for `st_fcn`.

    Examples
    --------
    >>> model = two_st_fcn(shape=(28, 28))
    >>> len(model.transformers)
    2
    """
    looks = [_fcn_localisation(localisation_units, localisation_downsample) for _ in range(2)]
    pair = Parallel(*(SpatialTransformer(look, transform, shape, options=options, initial=initial) for look in looks))
    return Classifier(Chain(pair, *_averaged(downsample), *_fcn_head(units, n_classes)), input_shape, n_classes, seed=seed)


def _averaged(factor: int) -> tuple[Layer, ...]:
    return () if as_int(factor, "downsample", least=1) == 1 else (AvgPool(factor),)


def _output(n_classes: int) -> Dense:
    return Dense(as_int(n_classes, "n_classes", least=2))


def _fcn_localisation(units: int, downsample: int) -> Chain:
    return Chain(*_averaged(downsample), Flatten(), Dense(units), ReLU(), Dense(units), ReLU(), Dense(units), ReLU())
