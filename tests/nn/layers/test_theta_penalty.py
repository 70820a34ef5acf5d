"""Penalties of transform parameters in training."""

import warnings

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.models import st_fcn
from stn_numba.nn import Chain, Dense, Flatten, Model, SpatialTransformer, centers_inside, near_identity, scale_limits
from stn_numba.nn.model.parts import forward_with_penalty
from stn_numba.testing import check_vjp
from tests.nn.examples import localisation

RNG = np.random.default_rng(6)
X, Y = RNG.random((70, 6, 6, 1)), np.arange(70) % 3


VOLUMES = RNG.random((20, 4, 5, 6, 1))


@pytest.mark.parametrize("penalty", [scale_limits(0.95, 1.0), centers_inside()], ids=["scale", "centers"])
def test_penalties_for_volumes_have_the_gradients_of_their_values(penalty):
    transformer = SpatialTransformer(localisation(), "affine", options={"ndim": 3})
    transformer.initialize(VOLUMES.shape[1:], np.random.default_rng(0), np.float64)

    def function(theta):
        value, gradient = penalty(theta, transformer)
        return np.array(value), lambda u: u * gradient

    theta = np.eye(3, 4).ravel() + RNG.normal(0, 0.6, (20, 12))
    assert function(theta)[0] > 0
    check_vjp(function, theta)
    assert scale_limits(0.2, 0.5)(np.eye(3, 4).reshape(1, 12), transformer)[0] == pytest.approx((1 - 0.5**3) ** 2)


def network():
    transformers = (SpatialTransformer(localisation(), "affine") for _ in range(2))
    chain = Chain(*transformers, Flatten(), Dense(2))
    chain.initialize((6, 6, 1), np.random.default_rng(0), np.float64)
    for name, array in chain.params.items():
        array += 0.1 * np.random.default_rng(len(name)).standard_normal(array.shape)
    return chain


@pytest.mark.parametrize(
    "penalty", [near_identity(0.3), scale_limits(0.95, 1.0), centers_inside()], ids=["near identity", "scale", "centers"]
)
@pytest.mark.parametrize("name", ["1.localisation.theta.weight", "2.localisation.theta.bias"])
def test_the_gradient_of_the_penalized_loss_agrees_with_differences(penalty, name):
    parameter = f"spatialtransformer{name}"
    chain, dy = network(), RNG.standard_normal((70, 2))

    # some regions of both transformers have their center outside
    for transformer in ("spatialtransformer1", "spatialtransformer2"):
        chain.params[f"{transformer}.localisation.theta.bias"][2] = 1.0

    def function(value):
        chain.params[parameter] = value
        y, backprop, penalties = forward_with_penalty(chain, X, np.random.default_rng(0), penalty)
        return np.array(np.sum(dy * y) + penalties), lambda u: u * backprop(dy)[1][parameter]

    check_vjp(function, chain.params[parameter].copy())


@pytest.mark.parametrize("name", ["affine", "projective", "tps", "attention", "similarity", "translation", "bspline"])
def test_centers_outside_are_penalized_by_their_squared_distance_whatever_the_transform(name):
    transformer = SpatialTransformer(Flatten(), name)
    transformer.initialize((9, 12, 1), np.random.default_rng(0), np.float64)
    transform = transformer.transform
    theta = transform.identity() + RNG.normal(0, 1.5, (200, len(transform.identity())))
    center = transform.apply(theta, np.zeros((1, 2)))[:, 0]
    value, gradient = centers_inside(0.5)(theta, transformer)
    expected = np.mean(np.sum(np.maximum(np.abs(center) - 1, 0) ** 2, axis=1))
    assert value == pytest.approx(0.5 * expected, rel=1e-9)
    inside = (np.abs(center) <= 1).all(axis=1)
    assert 0 < inside.mean() < 1
    assert not gradient[inside].any()

    def function(theta):
        value, gradient = centers_inside(0.5)(theta, transformer)
        return np.array(value), lambda u: u * gradient

    check_vjp(function, theta)


def test_regions_that_have_left_the_image_come_back_by_default():
    shares = {}
    for name, options in (("default", {}), ("none", {"theta_penalty": None})):
        model = st_fcn((6, 6, 1), 3, units=8, initial=[0.5, 0, 3, 0, 0.5, 0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of regions outside
            stn.fit(model, X, Y, epochs=60, learning_rate=0.01, progress=False, **options)
        shares[name] = model.transformers[0].outside(model.theta(X))
    assert shares == {"default": 0.0, "none": 1.0}


def test_the_value_is_the_mean_over_the_batch_summed_over_transformers():
    chain, penalty = network(), near_identity(2.0)
    _, _, value = forward_with_penalty(chain, X, np.random.default_rng(0), penalty)
    model = Model(chain, (6, 6, 1), dtype=np.float64)
    identity = np.array([1, 0, 0, 0, 1, 0])
    expected = sum(2 * np.mean(np.sum((model.theta(X, transformer=k) - identity) ** 2, axis=1)) for k in range(2))
    assert value == pytest.approx(expected, rel=1e-12)
    assert forward_with_penalty(chain, X, None, penalty)[2] == 0, "prediction has no penalty"


def test_a_penalty_keeps_theta_near_the_identity():
    distances = []
    for penalty in (None, near_identity(100.0)):
        model = st_fcn((6, 6, 1), 3, units=8)
        options = {"epochs": 20, "learning_rate": 0.002, "learning_rate_multipliers": {"localisation": 1}, "progress": False}
        stn.fit(model, X, Y, theta_penalty=penalty, **options)
        distances.append(np.abs(model.theta(X) - [1, 0, 0, 0, 1, 0]).max())
    assert distances[1] < 0.2 * distances[0]


@pytest.mark.parametrize(
    ("penalty", "message"),
    [
        (lambda theta, transformer: 0.0, r"theta_penalty: expected \(value, d_theta\), got float"),
        (lambda theta, transformer: (0.0, theta[0]), "theta_penalty: expected the gradient"),
        ("strong", "theta_penalty: expected a function, got str"),
    ],
)
def test_mistakes_are_named(penalty, message):
    with pytest.raises((TypeError, ValueError), match=message):
        stn.fit(st_fcn((6, 6, 1), 3, units=8), X, Y, theta_penalty=penalty, epochs=1, progress=False)


def test_scale_limits_need_matrices_and_a_range():
    with pytest.raises(TypeError, match="scale_limits: expected a transform that is a matrix, got 'tps'"):
        stn.fit(st_fcn((6, 6, 1), 3, units=8, transform="tps"), X, Y, theta_penalty=scale_limits(0.5, 1), progress=False)
    with pytest.raises(ValueError, match="high: expected more than low = 2"):
        scale_limits(2, 1)
