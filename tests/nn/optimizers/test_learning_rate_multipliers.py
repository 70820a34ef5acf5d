"""Multipliers of the learning rate by name."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import SGD, Adam, Chain, Classifier, Conv2d, Dense, Flatten, Muon, ReLU, SpatialTransformer
from stn_numba.nn.optimizers.learning_rate_multipliers import check_multipliers, resolve_multipliers

RNG = np.random.default_rng(0)
X, Y = RNG.random((48, 10, 10, 1), np.float32), np.arange(48) % 3
NAMES = [
    "spatialtransformer1.localisation.conv2d1.weight", "spatialtransformer1.localisation.conv2d1.bias",
    "spatialtransformer1.localisation.theta.weight", "conv2d1.weight", "conv2d1.bias", "dense1.weight", "dense10.weight",
]  # fmt: skip
LOOK, LOOK_BIAS, THETA, CONV, CONV_BIAS, DENSE, DENSE10 = NAMES


def network():
    localisation = Chain(Conv2d(2, 3), ReLU(), Flatten(), Dense(4), ReLU())
    layers = SpatialTransformer(localisation), Conv2d(3, 3), ReLU(), Flatten(), Dense(4), ReLU(), Dense(3)
    model = Classifier(Chain(*layers), (10, 10, 1), 3)
    model.params["spatialtransformer1.localisation.theta.weight"] = 0.01 * RNG.standard_normal((4, 6))
    return model


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ({}, {}),
        ({"conv2d1": 0}, {CONV: 0, CONV_BIAS: 0}),
        ({"conv2d1.weight": 0.5}, {CONV: 0.5}),
        ({"localisation": 1}, {}),
        ({"localisation": 0, "conv2d1": 2}, {LOOK: 0, LOOK_BIAS: 0, THETA: 0, CONV: 2, CONV_BIAS: 2}),
        ({"spatialtransformer1": 0.5}, {LOOK: 0.5, LOOK_BIAS: 0.5, THETA: 0.5}),
        ({"spatialtransformer1": 0.5, "localisation": 0}, {LOOK: 0.5, LOOK_BIAS: 0.5, THETA: 0.5}),
        ({"spatialtransformer1.localisation.conv2d1": 0}, {LOOK: 0, LOOK_BIAS: 0}),
        ({"spatialtransformer1.localisation": 0, "spatialtransformer1": 3}, {LOOK: 0, LOOK_BIAS: 0, THETA: 0}),
        ({"*": 0}, dict.fromkeys(NAMES, 0)),
        ({"*.bias": 2}, {LOOK_BIAS: 2, CONV_BIAS: 2}),
        ({"*.bias": 2, CONV_BIAS: 0}, {LOOK_BIAS: 2, CONV_BIAS: 0}),
        ({CONV_BIAS: 0, "*.bias": 2}, {LOOK_BIAS: 2, CONV_BIAS: 0}),
        ({"*": 0, "localisation": 0.2}, {**dict.fromkeys(NAMES, 0), LOOK: 0.2, LOOK_BIAS: 0.2, THETA: 0.2}),
        ({"*.bias": 2, "localisation": 0}, {LOOK: 0, LOOK_BIAS: 0, THETA: 0, CONV_BIAS: 2}),
        ({"*localisation*bias": 2, "localisation": 0}, {LOOK: 0, LOOK_BIAS: 2, THETA: 0}),
        ({"dense1": 0}, {DENSE: 0}),
        ({"dense?": 0}, {}),
        ({"*localisation*": 0.3}, {LOOK: 0.3, LOOK_BIAS: 0.3, THETA: 0.3}),
    ],
)
def test_the_most_specific_key_wins_and_others_stay_at_1(rates, expected):
    assert resolve_multipliers(NAMES, rates) == {**dict.fromkeys(NAMES, 1.0), **expected}


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("localization", "'localisation'"),
        ("conv1", "'conv2d1'"),
        ("dens1.weight", "'dense1.weight'"),
        ("weight", "'*.weight'"),
        ("theta", "'spatialtransformer1.localisation.theta'"),
        ("conv2d1.", "'conv2d1'"),
    ],
)
def test_unknown_keys_are_refused_with_a_suggestion(key, hint):
    with pytest.raises(ValueError, match="^learning_rate_multipliers: expected") as failed:
        check_multipliers(NAMES, {key: 0.5})
    assert f"got {key!r}; did you mean {hint}?" in str(failed.value)


def test_keys_without_a_match_are_refused():
    with pytest.raises(ValueError, match="learning_rate_multipliers: expected .*, got 'gamma.\\*'"):
        check_multipliers(NAMES, {"gamma.*": 0.5})
    with pytest.raises(TypeError, match="learning_rate_multipliers: expected names .* as keys, got 3"):
        check_multipliers(NAMES, {3: 0.5})
    with pytest.raises(TypeError, match="learning_rate_multipliers: expected multipliers by names"):
        check_multipliers(NAMES, [("conv2d1", 0)])
    for rate in (-1, np.inf, np.nan):
        with pytest.raises(ValueError, match=r"learning_rate_multipliers\['conv2d1'\]: expected a number in \[0, inf\)"):
            check_multipliers(NAMES, {"conv2d1": rate})
    check_multipliers([], {"localisation": 0.1})  # a network without transformers takes it, too


class Descent:
    """A custom optimizer, which notes the names it sees and changes every parameter."""

    def init(self, params):
        self.seen = set(params)
        return {}

    def apply(self, params, gradients, state, learning_rates):
        self.seen |= set(gradients) | set(params)
        for name, gradient in gradients.items():
            params[name] -= learning_rates[name] * (gradient + 1)


@pytest.mark.parametrize(
    "optimizer", [Adam(epsilon=1e3), SGD(), SGD(0.0), Muon(), Descent()], ids=lambda one: type(one).__name__
)
@pytest.mark.parametrize("frozen", ["conv2d1", "localisation", "*.weight", "dense2.bias", "spatialtransformer1"])
def test_a_rate_of_zero_changes_no_bit(optimizer, frozen, tmp_path):
    model = network()
    names = [name for name, rate in resolve_multipliers(model.params, {frozen: 0}).items() if rate == 0]
    for name in names:
        model.params[name].flat[0] = -0.0
    before = {name: array.tobytes() for name, array in model.params.items()}
    options = {"weight_decay": 0.5, "clip_norm": 1.0, "restore_best": "loss", "learning_rate": 0.05, "optimizer": optimizer}
    stn.fit(
        model, X, Y, epochs=2, learning_rate_multipliers={frozen: 0}, checkpoint=tmp_path / "run", progress=False, **options
    )
    still = [name for name, array in model.params.items() if array.tobytes() == before[name]]
    assert still == names
    if isinstance(optimizer, Descent):
        assert not optimizer.seen & set(names)


def test_frozen_parameters_do_not_count_in_the_joint_norm():
    """With everything but one bias frozen, its step is as long as the limit says."""
    model = network()
    before = model.params["dense2.bias"].copy()
    options = {"optimizer": SGD(0.0), "learning_rate": 1.0, "schedule": stn.nn.constant, "clip_norm": 1e-3, "batch_size": 48}
    stn.fit(model, X, Y, epochs=1, learning_rate_multipliers={"*": 0, "dense2.bias": 1}, progress=False, **options)
    assert np.linalg.norm(model.params["dense2.bias"] - before) == pytest.approx(1e-3, rel=1e-3)


def test_everything_may_be_frozen(tmp_path):
    for optimizer in (Adam(), SGD(), Muon()):
        model = network()
        before = {name: array.tobytes() for name, array in model.params.items()}
        stn.fit(model, X, Y, epochs=1, learning_rate_multipliers={"*": 0}, optimizer=optimizer, clip_norm=1.0, progress=False)
        assert {name: array.tobytes() for name, array in model.params.items()} == before


def test_a_resumed_run_with_frozen_layers_gives_the_same_bits(tmp_path):
    def cut(model, history):
        raise KeyboardInterrupt

    options = {"epochs": 2, "learning_rate_multipliers": {"conv2d1": 0}, "progress": False}
    uninterrupted, resumed = network(), network()
    resumed.params.update(uninterrupted.params)
    started = network()
    started.params.update(uninterrupted.params)
    with pytest.raises(KeyboardInterrupt):
        stn.fit(started, X, Y, checkpoint=tmp_path / "run", callbacks=[cut], **options)
    stn.fit(uninterrupted, X, Y, **options)
    stn.fit(resumed, X, Y, checkpoint=tmp_path / "run", **options)
    assert all(np.array_equal(uninterrupted.params[name], array) for name, array in resumed.params.items())
