"""`theta` and `transform` of any transformer in a network, by number or name."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import Chain, Classifier, Conv2d, Dense, Flatten, Layer, Parallel, ReLU, SpatialTransformer
from tests.nn.examples import localisation

RNG = np.random.default_rng(0)
X = RNG.random((40, 14, 14, 1), np.float32)


def unlike(layer):
    """Give a transformer's last layer weights, so that theta depends on what it sees."""
    layer.theta_layer.params["weight"][...] = 0.05 * RNG.standard_normal(layer.theta_layer.params["weight"].shape)


@pytest.fixture
def model():
    inner = Chain(SpatialTransformer(localisation(), "affine", (6, 6)), Flatten(), Dense(4))
    pair = Parallel(
        SpatialTransformer(localisation(), "tps", (8, 8)),
        Chain(Conv2d(3, 3), SpatialTransformer(localisation(), "affine", (8, 8))),
    )
    layers = SpatialTransformer(inner, "projective"), Conv2d(2, 3), ReLU(), pair, Flatten(), Dense(3)
    model = Classifier(Chain(*layers), (14, 14, 1), 3)
    for layer in (*model.transformers, model.network.layers["spatialtransformer1"].localisation.layers["spatialtransformer1"]):
        unlike(layer)
    return model


NAMES = ["spatialtransformer1", "parallel1.spatialtransformer1", "parallel1.chain1.spatialtransformer1"]


def test_transformers_are_found_by_number_from_either_end_or_by_name(model):
    for number, (name, width) in enumerate(zip(NAMES, (8, 32, 6), strict=True)):
        thetas = [model.theta(X, transformer=which) for which in (number, number - 3, np.int8(number), name)]
        assert thetas[0].shape == (40, width)
        assert all(np.array_equal(theta, thetas[0]) for theta in thetas)
        outs = [model.transform(X, transformer=which) for which in (number, name)]
        assert np.array_equal(*outs)
    assert np.array_equal(model.theta(X), model.theta(X, transformer=0))


def test_theta_and_transform_are_those_of_the_whole_network(model):
    """Against the pass of the whole network, by its trace."""
    outputs = {name: output for name, _, output in model.network.trace(X)}
    for name in [*NAMES, "spatialtransformer1.localisation.spatialtransformer1"]:
        np.testing.assert_allclose(model.theta(X, transformer=name), outputs[f"{name}.localisation.theta"], atol=1e-5)
        np.testing.assert_allclose(model.transform(X, transformer=name), outputs[name], atol=1e-5)


@pytest.mark.parametrize("which", [3, -4, "spatialtransformer2", "", "parallel1"])
def test_unknown_transformers_are_refused_with_a_list_of_the_known_ones(model, which):
    for ask in (model.theta, model.transform):
        with pytest.raises(ValueError, match="^transformer: expected") as failed:
            ask(X, transformer=which)
        for words in ("0 or 'spatialtransformer1' (projective)", "1 or 'parallel1.spatialtransformer1' (tps)",
                      "'spatialtransformer1.localisation.spatialtransformer1' (affine)", f"got {which!r}"):  # fmt: skip
            assert words in str(failed.value)


@pytest.mark.parametrize("which", [None, 1.0, True, ["spatialtransformer1"]])
def test_other_types_are_refused(model, which):
    with pytest.raises(TypeError, match="transformer: expected a number or a name, got"):
        model.theta(X, transformer=which)


def test_theta_and_transform_of_no_images(model):
    assert model.theta(X[:0], transformer=2).shape == (0, 6)
    assert model.transform(X[:0], transformer=2).shape == (0, 8, 8, 3)


class Around(Layer):
    """A custom layer that holds a transformer."""

    def __init__(self):
        super().__init__()
        self.parts = {"inside": [SpatialTransformer(localisation())]}

    def initialize(self, input_shape, rng, dtype=np.float32):
        return self.parts["inside"][0].initialize(input_shape, rng, dtype)

    def forward(self, x, rng=None):
        return self.parts["inside"][0].forward(x, rng)


def test_a_transformer_inside_a_custom_layer_is_mentioned():
    alone = Classifier(Chain(Around(), Flatten(), Dense(3)), (14, 14, 1), 3)
    with pytest.raises(
        ValueError, match="it has no spatial transformer .*; a transformer inside 'around1', a layer of your own"
    ):
        alone.theta(X)
    beside = Classifier(Chain(SpatialTransformer(localisation()), Around(), Flatten(), Dense(3)), (14, 14, 1), 3)
    with pytest.raises(
        ValueError, match=r"expected 0 or 'spatialtransformer1' \(affine\), got 1; a transformer inside 'around1'"
    ):
        beside.theta(X, transformer=1)


def test_a_transform_without_a_name_is_shown_by_its_class():
    network = Chain(SpatialTransformer(localisation(), stn.get_transform("affine")), Flatten(), Dense(3))
    with pytest.raises(ValueError, match=r"0 or 'spatialtransformer1' \(Affine\), got 1"):
        Classifier(network, (14, 14, 1), 3).theta(X, transformer=1)
