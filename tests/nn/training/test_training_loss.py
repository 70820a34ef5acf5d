"""Label smoothing and class weights in training."""

import numpy as np
import pytest

import stn_numba as stn
from stn_numba.nn import CrossEntropy, MeanSquaredError
from stn_numba.nn.losses.heads import HeadLosses
from stn_numba.nn.training.training_loss import smoothed
from tests.nn.training.resumable import X, Y, small, weights


class Confident(CrossEntropy):
    """A loss that a user has written: `fit` must keep its class."""


def smoothing_of(loss_at, progress):
    return round(loss_at(progress).label_smoothing, 6)


def test_the_default_grows_evenly():
    loss_at = smoothed(CrossEntropy(), None)
    assert [smoothing_of(loss_at, progress) for progress in (0, 0.25, 0.5, 1)] == [0, 0.025, 0.05, 0.1]


def test_the_default_leaves_other_losses_alone():
    own, other = CrossEntropy(label_smoothing=0.3), MeanSquaredError()
    assert smoothed(own, None)(1.0) is own
    assert smoothed(other, None)(1.0) is other
    heads = HeadLosses({"a": own, "b": other, "c": CrossEntropy()}, {"a": 1.0, "b": 2.0, "c": 3.0})
    late = smoothed(heads, None)(1.0)
    assert late.losses["a"] is own
    assert late.losses["b"] is other
    assert late.losses["c"].label_smoothing == 0.1
    assert heads.losses["c"].label_smoothing == 0
    assert late.weights == heads.weights


def test_a_number_and_a_function_replace_the_smoothing_of_the_loss():
    loss = Confident(label_smoothing=0.3, class_weight=[1, 2])
    assert smoothing_of(smoothed(loss, 0.2), 0.5) == 0.2
    assert smoothing_of(smoothed(loss, lambda progress: progress / 2), 0.5) == 0.25
    changed = smoothed(loss, 0.2)(0)
    assert isinstance(changed, Confident)
    assert changed.class_weight is loss.class_weight
    assert loss.label_smoothing == 0.3


def trained(**options):
    model = small()
    stn.fit(model, X, Y, epochs=3, progress=False, **options)
    return weights(model)


def test_a_function_of_progress_trains_as_its_values():
    assert np.array_equal(trained(label_smoothing=lambda progress: 0.1), trained(label_smoothing=0.1))
    assert np.array_equal(trained(label_smoothing=lambda progress: 0.1 * progress), trained())
    assert not np.array_equal(trained(label_smoothing=0), trained())


def test_values_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"label_smoothing's value: expected a number in \[0, 1\), got 1"):
        trained(label_smoothing=lambda progress: 1)
    with pytest.raises(TypeError, match=r"label_smoothing: expected a number in \[0, 1\), got 'much'"):
        trained(label_smoothing="much")


def test_resuming_with_another_smoothing_is_refused(tmp_path):
    path = tmp_path / "run.checkpoint"
    trained(checkpoint=path)
    with pytest.raises(stn.nn.StorageError, match="a run with loss = 'CrossEntropy"):
        trained(checkpoint=path, label_smoothing=0)
