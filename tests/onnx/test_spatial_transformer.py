"""Spatial transformers in networks: one after another, side by side, within localisation networks and heads."""

import numpy as np
import pytest

from stn_numba.nn import (
    BatchNorm,
    Chain,
    Classifier,
    Conv2d,
    Dense,
    Flatten,
    Heads,
    MaxPool,
    MultiHead,
    Parallel,
    ReLU,
    SpatialTransformer,
)
from tests.onnx.running import Exported, images, randomized


def look(units=8):
    return Chain(Flatten(), Dense(units), ReLU())


def one_after_another(**options):
    return [SpatialTransformer(look(), "rotation", **options), SpatialTransformer(look(), "tps", (5, 6), **options)]


def side_by_side(**options):
    return [Parallel(*(SpatialTransformer(look(), name, (5, 6), **options) for name in ("affine", "bspline")))]


def of_feature_maps(**options):
    return [Conv2d(3, 3), BatchNorm(), SpatialTransformer(look(), "projective", kernel="bicubic", **options), MaxPool(2)]


def within_a_localisation_network(**options):
    inner = SpatialTransformer(look(), "translation", (6, 6), **options)
    return [SpatialTransformer(Chain(inner, *look().layers.values()), "similarity", (5, 6), **options)]


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("layers", [one_after_another, side_by_side, of_feature_maps, within_a_localisation_network])
def test_transformers_in_networks(layers, align_corners, tmp_path):
    model = randomized(Classifier(Chain(*layers(align_corners=align_corners), Flatten(), Dense(4)), (9, 12, 2), 4))
    exported = Exported(model, tmp_path / "m.onnx")
    for count in (1, 7):
        exported.check(images(model, count))


def test_transformers_in_heads(tmp_path):
    heads = Heads(
        left=Chain(SpatialTransformer(look(), "affine", (5, 5)), Flatten(), Dense(3)),
        right=Chain(SpatialTransformer(look(), "attention", (4, 6)), Flatten(), BatchNorm(), Dense(1)),
    )
    model = randomized(MultiHead(Chain(Conv2d(2, 3), heads), (9, 12, 1), losses={"left": "cross_entropy", "right": "huber"}))
    exported = Exported(model, tmp_path / "m.onnx")
    for count in (1, 7):
        exported.check(X := images(model, count))
    assert list(exported.run(X)) == ["left", "right", "theta1", "theta2"]
    assert np.ptp(exported.run(X)["theta2"], axis=0).max() > 0.01
    # of the sizes of affine grids alone: outputs are not joined and cut again
    assert exported.operators.count("Concat") == exported.operators.count("AffineGrid") == 2
