"""Losses of several heads."""

import numpy as np
import pytest

from stn_numba.nn import CrossEntropy, MeanSquaredError
from stn_numba.nn.losses.heads import HeadLosses

RNG = np.random.default_rng(3)
OUTPUTS = {"kind": RNG.standard_normal((6, 3)), "size": RNG.standard_normal((6, 1))}
TARGETS = {"kind": RNG.integers(0, 3, 6), "size": RNG.standard_normal((6, 1))}
SHAPES = {"kind": (3,), "size": (1,)}
LOSSES = {"kind": CrossEntropy(), "size": MeanSquaredError()}


def test_the_value_is_the_weighted_sum():
    weights = {"kind": 2.0, "size": 0.5}
    value, gradients = HeadLosses(LOSSES, weights)(OUTPUTS, TARGETS)
    own = {name: loss(OUTPUTS[name], TARGETS[name]) for name, loss in LOSSES.items()}
    assert value == pytest.approx(2 * own["kind"][0] + 0.5 * own["size"][0], rel=1e-14)
    for name, factor in weights.items():
        np.testing.assert_allclose(gradients[name], factor * own[name][1], rtol=1e-14)


def test_an_image_is_wrong_if_any_of_its_classes_is():
    loss = HeadLosses({"a": CrossEntropy(), "b": CrossEntropy()}, {"a": 1, "b": 1})
    outputs = {"a": np.eye(2)[[0, 0, 1]], "b": np.eye(2)[[0, 1, 1]]}
    assert loss.errors(outputs, {"a": np.array([0, 0, 0]), "b": np.array([0, 0, 1])}).tolist() == [False, True, True]
    regressions = HeadLosses({"a": MeanSquaredError(), "b": MeanSquaredError()}, {"a": 1, "b": 1})
    assert (
        regressions.errors({"a": np.ones((1, 1)), "b": np.zeros((1, 1))}, {"a": np.zeros((1, 1)), "b": np.zeros((1, 1))}) == 0.5
    )


def test_targets_come_as_a_dict_or_in_the_order_of_the_heads():
    loss = HeadLosses(LOSSES, dict.fromkeys(LOSSES, 1.0))
    for given in (TARGETS, (TARGETS["kind"], TARGETS["size"][:, 0])):
        checked = loss.check_targets(given, 6, SHAPES)
        assert {name: checked[name].tolist() for name in checked} == {name: TARGETS[name].tolist() for name in TARGETS}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": TARGETS["kind"]}, "y: expected a dict or a tuple with the targets of kind, size, got a dict of kind"),
        (TARGETS["kind"], r"targets of kind, size, got int64 \(6,\)"),
        ((TARGETS["kind"],), "targets of kind, size, got tuple of 1"),
        ({**TARGETS, "kind": TARGETS["kind"] + 3}, r"y\['kind'\]: expected labels 0 to 2, got 3 to 5"),
    ],
)
def test_targets_that_do_not_fit_are_named(given, message):
    with pytest.raises(ValueError, match=message):
        HeadLosses(LOSSES, {}).check_targets(given, 6, SHAPES)
