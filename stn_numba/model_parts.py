"""The parts that the networks of `stn_numba.models` share."""

from __future__ import annotations

from stn_numba._util.arguments import as_bool, as_int
from stn_numba.nn import AvgPool, Center, Chain, Conv2d, Dense, Flatten, Layer, MaxPool, ReLU

__all__ = ["averaged", "centered", "cnn_localisation", "fcn_layers", "fcn_localisation", "features", "output", "pooled"]


def fcn_layers(units: int, n_classes: int, downsample: int, center: bool) -> tuple[Layer, ...]:
    """Return two hidden layers, and one of logits."""
    first = *centered(center), *averaged(downsample), Flatten()
    return *first, Dense(units), ReLU(), Dense(units), ReLU(), output(n_classes)


def fcn_localisation(units: int, downsample: int, center: bool) -> Chain:
    """Return a localisation net of three dense layers."""
    first = *centered(center), *averaged(downsample), Flatten()
    return Chain(*first, Dense(units), ReLU(), Dense(units), ReLU(), Dense(units), ReLU())


def cnn_localisation(side: int, filters: int, units: int, downsample: int, center: bool) -> Chain:
    """Return a localisation net of two convolutions and a dense layer, for images of at least `side` by `side` pixels."""
    coarse = *centered(center), *averaged(downsample)
    side = (side // downsample - 4) // 2 - 4  # of the second convolution's output
    second = () if side < 1 else (Conv2d(filters, 5), ReLU()) if downsample > 1 or side < 2 else pooled(filters, 5)
    return Chain(*coarse, *pooled(filters, 5), *second, Flatten(), Dense(units), ReLU())


def averaged(factor: int) -> tuple[Layer, ...]:
    """Return average pooling, or nothing for a factor of 1."""
    return () if as_int(factor, "downsample", least=1) == 1 else (AvgPool(factor),)


def centered(center: bool) -> tuple[Layer, ...]:
    """Return the layer that takes the mean from each image, or nothing."""
    return (Center(),) if as_bool(center, "center") else ()


def features(filters: int, center: bool) -> tuple[Layer, ...]:
    """Return the convolutions of `cnn`."""
    return *centered(center), *pooled(filters, 9), *pooled(filters, 7), Flatten()


def pooled(filters: int, kernel_size: int) -> tuple[Layer, ...]:
    """Return a convolution with 2 x 2 max pooling and ReLU."""
    # pooling before the ReLU gives the same values from a quarter of the work
    return Conv2d(filters, kernel_size), MaxPool(2), ReLU()


def output(n_classes: int) -> Dense:
    """Return the layer of logits."""
    return Dense(as_int(n_classes, "n_classes", least=2))
