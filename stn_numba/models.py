"""The networks of the spatial transformer paper (arXiv 1506.02025, appendix A), as short compositions of layers.

All are classifiers of images (N, H, W, C), with ReLU between layers. Compare networks at equal numbers of parameters: set
`units` and `filters`, and read ``model.n_params``.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from stn_numba.model_parts import averaged, cnn_localisation, fcn_layers, fcn_localisation, features, output, pooled
from stn_numba.nn import (
    Chain,
    Classifier,
    Dense,
    Dropout,
    Flatten,
    Parallel,
    ReLU,
    SpatialTransformer,
)
from stn_numba.sampler.interpolation import PiecewisePolynomial

__all__ = ["cnn", "fcn", "st_cnn", "st_fcn", "tutorial", "two_st_fcn"]

Shape = tuple[int, int, int]


def fcn(
    input_shape: Shape = (28, 28, 1),
    n_classes: int = 10,
    *,
    units: int = 128,
    downsample: int = 1,
    center: bool = True,
    seed: int = 0,
) -> Classifier:
    """Return a fully connected network with two hidden layers.

    Parameters
    ----------
    input_shape : (int, int, int), default (28, 28, 1)
        (H, W, C).
    n_classes : int, default 10
        Number of classes, at least 2.
    units : int, default 128
        Width of the hidden layers.
    downsample : int, default 1
        Side of the blocks of average pooling before them.
    center : bool, default True
        Whether to subtract its mean from each image first, see `stn_numba.nn.Center`. Bright images then train as safely as
        digits on black do. The paper's networks have no such layer.
    seed : int, default 0
        Seed of the initial parameters.

    Raises
    ------
    TypeError, ValueError
        If an option does not fit; so do the other functions of this module.

    Examples
    --------
    >>> fcn().n_params
    118282
    """
    return Classifier(Chain(*fcn_layers(units, n_classes, downsample, center)), input_shape, n_classes, seed=seed)


def cnn(
    input_shape: Shape = (28, 28, 1),
    n_classes: int = 10,
    *,
    filters: int = 32,
    units: int | None = None,
    center: bool = True,
    seed: int = 0,
) -> Classifier:
    """Return a convolutional network: 9 x 9 and 7 x 7 convolutions, each with ReLU and 2 x 2 max pooling, and a dense layer.

    Parameters
    ----------
    input_shape, n_classes, center, seed
        See `fcn`.
    filters : int, default 32
        Filters of both convolutions.
    units : int, default None
        Width of a hidden layer before the last one; None for no such layer, as in the paper.

    Examples
    --------
    >>> cnn().n_params
    54122
    """
    hidden = () if units is None else (Dense(units), ReLU())
    return Classifier(Chain(*features(filters, center), *hidden, output(n_classes)), input_shape, n_classes, seed=seed)


def st_fcn(
    input_shape: Shape = (28, 28, 1),
    n_classes: int = 10,
    *,
    transform: str = "affine",
    options: dict[str, Any] | None = None,
    initial: ArrayLike | None = None,
    shape: tuple[int, int] | None = None,
    kernel: str | PiecewisePolynomial = "bilinear",
    padding: str = "zeros",
    antialias: bool = False,
    align_corners: bool = True,
    downsample: int = 1,
    units: int = 128,
    localisation_units: int = 32,
    localisation_downsample: int = 1,
    center: bool = True,
    seed: int = 0,
) -> Classifier:
    """Return a spatial transformer with three dense layers in its localisation net, and `fcn` after it.

    Parameters
    ----------
    input_shape, n_classes, seed
        See `fcn`.
    transform : str, default "affine"
        A registered transform.
    options : dict, default None
        Options of the transform.
    initial : (P,) array, default None
        Transform parameters to start from; None for the identity.
    shape : (int, int), default None
        (h, w) of the transformer's output; None for that of the input.
    kernel, padding, antialias, align_corners
        How the transformer samples, see `SpatialTransformer`. ``antialias=True`` is for outputs smaller than the region they
        show, instead of `downsample`.
    downsample : int, default 1
        Side of the blocks of average pooling after the transformer, the paper's remedy against aliasing.
    units, localisation_units : int, default 128 and 32
        Width of the hidden layers of the classifier and of the localisation net.
    localisation_downsample : int, default 1
        Side of the blocks of average pooling before the localisation net, which saves most of its parameters: a coarse image is
        enough to tell where to look.
    center : bool, default True
        Whether localisation net and classifier subtract its mean from each image first, see `fcn`. The transformer samples the
        image itself.

    Examples
    --------
    >>> import numpy as np
    >>> st_fcn(transform="tps").theta(np.zeros((1, 28, 28))).shape
    (1, 32)
    """
    look = fcn_localisation(localisation_units, localisation_downsample, center)
    transformer = SpatialTransformer(
        look, transform, shape, options=options, initial=initial,
        kernel=kernel, padding=padding, antialias=antialias, align_corners=align_corners,
    )  # fmt: skip
    return Classifier(Chain(transformer, *fcn_layers(units, n_classes, downsample, center)), input_shape, n_classes, seed=seed)


def two_st_fcn(
    input_shape: Shape = (42, 42, 2),
    n_classes: int = 19,
    *,
    transform: str = "affine",
    options: dict[str, Any] | None = None,
    initial: ArrayLike | None = None,
    shape: tuple[int, int] | None = None,
    kernel: str | PiecewisePolynomial = "bilinear",
    padding: str = "zeros",
    antialias: bool = False,
    align_corners: bool = True,
    downsample: int = 1,
    units: int = 128,
    localisation_units: int = 32,
    localisation_downsample: int = 1,
    center: bool = True,
    seed: int = 0,
) -> Classifier:
    """Return two spatial transformers side by side, for two objects in an image (the paper's addition of digits), and `fcn`.

    Each has its own localisation net and samples all channels; their outputs are joined along the channels. The parameters are
    those of `st_fcn`, with a default `input_shape` of (42, 42, 2) and 19 classes.

    Examples
    --------
    >>> model = two_st_fcn(shape=(28, 28))
    >>> len(model.transformers)
    2
    """
    looks = [fcn_localisation(localisation_units, localisation_downsample, center) for _ in range(2)]
    pair = [
        SpatialTransformer(
            look, transform, shape, options=options, initial=initial,
            kernel=kernel, padding=padding, antialias=antialias, align_corners=align_corners,
        )
        for look in looks
    ]  # fmt: skip
    return Classifier(
        Chain(Parallel(*pair), *fcn_layers(units, n_classes, downsample, center)), input_shape, n_classes, seed=seed
    )


def st_cnn(
    input_shape: Shape = (28, 28, 1),
    n_classes: int = 10,
    *,
    transform: str = "affine",
    options: dict[str, Any] | None = None,
    initial: ArrayLike | None = None,
    shape: tuple[int, int] | None = None,
    kernel: str | PiecewisePolynomial = "bilinear",
    padding: str = "zeros",
    antialias: bool = False,
    align_corners: bool = True,
    downsample: int = 1,
    filters: int = 32,
    localisation_filters: int = 20,
    localisation_units: int = 50,
    localisation_downsample: int = 1,
    center: bool = True,
    seed: int = 0,
) -> Classifier:
    """Return a spatial transformer with a convolutional localisation net, and `cnn` after it.

    The localisation net has two 5 x 5 convolutions with 2 x 2 max pooling, and a dense layer. It learns better than that of the
    paper, which sees the image at half the size, does not pool after the second convolution, and has 20 units:
    ``localisation_downsample=2, localisation_units=20``. What a small image leaves no room for is left out.

    Parameters
    ----------
    input_shape, n_classes, transform, options, initial, shape, kernel, padding, antialias, align_corners, downsample, center
        See `st_fcn`; `seed` too.
    filters, localisation_filters : int, default 32 and 20
        Filters of the convolutions of the classifier and of the localisation net.
    localisation_units : int, default 50
        Width of the dense layer of the localisation net.
    localisation_downsample : int, default 1
        Side of the blocks of average pooling before the localisation net. With 2 or more its second convolution is not pooled.

    Examples
    --------
    >>> import numpy as np
    >>> model = st_cnn(transform="affine")
    >>> X = np.random.default_rng(0).random((2, 28, 28, 1), np.float32)
    >>> np.array_equal(model.transform(X), X)
    True
    """
    side = min(input_shape[:2])
    look = cnn_localisation(side, localisation_filters, localisation_units, localisation_downsample, center)
    transformer = SpatialTransformer(
        look, transform, shape, options=options, initial=initial,
        kernel=kernel, padding=padding, antialias=antialias, align_corners=align_corners,
    )  # fmt: skip
    layers = (*averaged(downsample), *features(filters, center), output(n_classes))
    return Classifier(Chain(transformer, *layers), input_shape, n_classes, seed=seed)


def tutorial(
    input_shape: Shape = (28, 28, 1),
    n_classes: int = 10,
    *,
    transform: str = "affine",
    options: dict[str, Any] | None = None,
    initial: ArrayLike | None = None,
    shape: tuple[int, int] | None = None,
    kernel: str | PiecewisePolynomial = "bilinear",
    padding: str = "zeros",
    antialias: bool = False,
    align_corners: bool = True,
    dropout: float = 0.5,
    seed: int = 0,
) -> Classifier:
    """Return the network of PyTorch's tutorial on spatial transformers, the best known of its kind.

    Two 5 x 5 convolutions of 10 and 20 filters with max pooling, and layers of 50 and `n_classes` units; the localisation net
    has convolutions of 8 filters 7 x 7 and 10 filters 5 x 5, and a layer of 32 units. The tutorial also drops whole channels of
    the second convolution, which is left out here.

    Parameters
    ----------
    input_shape, n_classes, transform, options, initial, shape, kernel, padding, antialias, align_corners, seed
        See `st_fcn`.
    dropout : float, default 0.5
        Rate of dropout after the layer of 50 units, in [0, 1).

    Examples
    --------
    >>> tutorial().n_params
    27360
    """
    look = Chain(*pooled(8, 7), *pooled(10, 5), Flatten(), Dense(32), ReLU())
    transformer = SpatialTransformer(
        look, transform, shape, options=options, initial=initial,
        kernel=kernel, padding=padding, antialias=antialias, align_corners=align_corners,
    )  # fmt: skip
    drop = (Dropout(dropout),) if dropout else ()
    layers = (*pooled(10, 5), *pooled(20, 5), Flatten(), Dense(50), ReLU(), *drop, output(n_classes))
    return Classifier(Chain(transformer, *layers), input_shape, n_classes, seed=seed)
