"""Explain what went wrong in training: values that are not finite, and transformers that look past their image."""

from __future__ import annotations

import warnings

import numpy as np

from stn_numba.nn.arrays import Floats
from stn_numba.nn.inputs.images import not_finite
from stn_numba.nn.layers.chain import Chain
from stn_numba.nn.model.find_transformers import thetas

__all__ = ["warn_if_outside", "why_not_finite"]

_OUTSIDE = 0.1  # share of a batch without any sample inside the image from which on a warning is given


def why_not_finite(network: Chain, images: Floats) -> str:
    """Name the first of images, layers and loss that is not finite, and what helps."""
    bad = len(not_finite(images))
    if bad:
        return f"{bad} of the {len(images)} images of the batch have NaN or infinite pixels, in the data or made by `augment`"
    return f"{_first(network, images)} is the first that is not finite; try a smaller learning_rate, or clip_norm"


def _first(network: Chain, images: Floats) -> str:
    with np.errstate(all="ignore"):
        for name, layer, output in network.trace(images):
            for key, array in layer.params.items():
                if not np.isfinite(array).all():
                    return f"parameter {key!r} of layer {name!r} ({type(layer).__name__})"
            if not np.isfinite(output).all():
                return f"the output of layer {name!r} ({type(layer).__name__})"
    return "none of images, parameters and outputs, so the backward pass"


def warn_if_outside(network: Chain, images: Floats) -> bool:
    """Warn of each transformer whose region has left the image for a noticeable share of a batch; return whether one has."""
    outside = [(name, layer.outside(theta)) for name, layer, theta in thetas(network, images)]
    outside = [(name, share) for name, share in outside if share > _OUTSIDE]
    for name, share in outside:
        warnings.warn(
            f"layer {name!r}: the sampled region has left the image for {share:.0%} of a batch; where all samples are "
            "padding there is no gradient to bring it back: try a smaller rate for 'localisation', or clip_norm",
            RuntimeWarning,
            stacklevel=3,
        )
    return bool(outside)
