"""Transforms that depend on the image get its shape from `warp`, `SpatialTransformer` and the figures."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import Chain, Dense, Flatten, SpatialTransformer
from stn_numba.nn.model.classifier import Classifier
from stn_numba.plot.region import region_outline
from stn_numba.transform import registry


class Turn(stn.MatrixTransform):
    """A rotation that knows the aspect of the image."""

    n_params = 1
    calls = 0

    def __init__(self, aspect=None):
        self.aspect = aspect

    def identity(self):
        return np.zeros(1)

    def for_image(self, in_shape, align_corners=True):
        Turn.calls += 1
        (height, width), less = in_shape, int(align_corners)
        return Turn((width - less) / (height - less)) if self.aspect is None else self

    def matrix(self, theta):
        c, s, a = np.cos(theta[:, 0]), np.sin(theta[:, 0]), self.aspect or 1.0
        matrix = np.tile(np.eye(3), (len(theta), 1, 1))
        matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 0], matrix[:, 1, 1] = c, -s / a, s * a, c
        return matrix


WIDE = np.random.default_rng(0).random((5, 9))


@pytest.mark.parametrize("align_corners", [True, False])
def test_warp_turns_a_wide_image_without_shear(align_corners):
    turn = Turn()
    for image in (WIDE, WIDE.T.copy(), WIDE, 2 * WIDE):  # the second use of a shape is planned
        out = stn.warp(image, [np.pi / 2], turn, image.shape, align_corners=align_corners)
        fits = np.zeros_like(image)
        turned, low = np.rot90(image), abs(image.shape[0] - image.shape[1]) // 2
        if image.shape[1] > image.shape[0]:
            fits[:, low:-low] = turned[low:-low]
        else:
            fits[low:-low] = turned[:, low:-low]
        np.testing.assert_allclose(out, fits, atol=1e-12)
    assert turn.aspect is None


def test_plans_hold_the_bound_transform():
    turn = Turn()
    stn.warp(WIDE, np.array([0.1]), turn)
    calls = Turn.calls
    out = stn.warp(WIDE, np.array([0.3]), turn)
    assert Turn.calls == calls
    np.testing.assert_array_equal(out, stn.warp(WIDE, np.array([0.3]), Turn(2.0)))


@pytest.fixture
def turn(monkeypatch):
    monkeypatch.setattr(registry, "_registered", {})
    stn.register_transform("turn", Turn)
    return "turn"


def test_channels_first_and_names(turn):
    image = WIDE[None, None]
    expected = stn.warp(WIDE, [0.3], Turn(2.0))
    np.testing.assert_array_equal(stn.warp(image, [[0.3]], turn, layout="NCHW")[0, 0], expected)


def test_a_layer_is_built_for_its_images_and_saved_by_name(turn, tmp_path):
    layer = SpatialTransformer(Flatten(), turn)
    model = Classifier(Chain(layer, Flatten(), Dense(2)), (5, 9, 1), 2)
    assert layer.transform.aspect == 2.0
    assert layer.config()["options"] == {}
    stn.save(model, tmp_path / "model.safetensors")
    loaded = stn.load(tmp_path / "model.safetensors")
    assert loaded.transformers[0].transform.aspect == 2.0
    larger = Classifier(Chain(SpatialTransformer(Flatten(), turn), Flatten(), Dense(2)), (9, 5, 1), 2)
    assert larger.transformers[0].transform.aspect == 0.5


def test_a_layer_used_again_is_bound_again():
    layer = SpatialTransformer(Flatten(), Turn())
    for shape, aspect in (((5, 9, 1), 2.0), ((9, 5, 1), 0.5)):
        layer.initialize(shape, np.random.default_rng(0))
        assert layer.transform.aspect == aspect
    assert "aspect=None" in repr(layer)


def test_the_outline_is_that_of_the_bound_transform():
    expected = region_outline(Turn(2.0), [0.3], (5, 9))
    np.testing.assert_array_equal(region_outline(Turn(), [0.3], (5, 9)), expected)


def test_other_transforms_return_themselves():
    affine = stn.get_transform("affine")
    assert affine.for_image((5, 9)) is affine
    assert affine.ndim == 2
