"""Learning curves."""

from __future__ import annotations

import numpy as np
import pytest

from stn_numba.nn.training.reports.history import Epoch, History
from stn_numba.plot import learning_curves

Figure = pytest.importorskip("matplotlib.figure").Figure


def history(validation=True, error=0.5):
    return History(
        [Epoch(n, 2 / n, error / n, *((3 / n, 0.6 / n) if validation else (None, None)), 10.0 * n, 1e-3) for n in (1, 2)]
    )


def curves(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def test_errors_are_drawn_in_percent_by_epoch():
    expected = {"training": [[1, 50], [2, 25]], "validation": [[1, 60], [2, 30]]}
    assert curves(learning_curves(history())) == expected


def test_losses_are_drawn_by_seconds():
    axes = learning_curves(history(), quantity="loss", against="seconds")
    assert curves(axes)["training"] == [[10, 2], [20, 1]]
    assert axes.get_xlabel() == "seconds of training"
    assert axes.get_ylabel() == "loss"


def test_several_histories_have_one_color_each():
    axes = learning_curves({"cnn": history(), "st_cnn": history(validation=False)})
    assert list(curves(axes)) == ["cnn, training", "cnn, validation", "st_cnn, training"]
    a, b, c = (line.get_color() for line in axes.lines)
    assert a == b != c


@pytest.mark.parametrize(("error", "scale"), [(0.5, "log"), (0.0, "linear")])
def test_the_scale_is_logarithmic_unless_an_error_is_zero(error, scale):
    assert learning_curves(history(error=error)).get_yscale() == scale


def test_curves_are_drawn_on_given_axes():
    axes = Figure().subplots()
    assert learning_curves(history(), axes=axes) is axes


def test_empty_histories_can_be_drawn_and_saved(tmp_path):
    for given in ({}, History(), {"a": History()}):
        learning_curves(given).figure.savefig(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="quantity: expected one of error, loss, got 'accuracy'"):
        learning_curves(history(), quantity="accuracy")
    with pytest.raises(ValueError, match="against: expected one of epoch, seconds, got 'day'"):
        learning_curves(history(), against="day")


def test_a_single_epoch_is_a_dot():
    one = History(history(validation=False).epochs[:1])
    (line,) = learning_curves(one).lines
    assert line.get_marker() == "."
    assert learning_curves(history(validation=False)).lines[0].get_marker() in ("", "None")


@pytest.mark.parametrize("given", [[history()], {"a": 1}, None])
def test_other_types_than_histories_are_refused(given):
    with pytest.raises(TypeError, match="histories: expected a History, or several by name, got"):
        learning_curves(given)


def cut(share=0.25):
    """Two complete epochs, and one that ended early after a lucky batch."""
    return History([*history().epochs, Epoch(3, 0.001, 0.0026, 1.0, 0.2, 25.0, 1e-3, share)])


def test_the_training_mean_of_an_incomplete_epoch_is_left_out():
    drawn = curves(learning_curves(cut()))
    np.testing.assert_equal(drawn["training"], [[1, 50], [2, 25], [2.25, np.nan]])
    assert drawn["validation"] == [[1, 60], [2, 30], [2.25, 20]]
    np.testing.assert_equal(curves(learning_curves(cut(), against="seconds"))["training"], [[10, 50], [20, 25], [25, np.nan]])
    assert learning_curves(cut()).get_yscale() == "log"


def test_a_single_incomplete_epoch_is_drawn():
    one = History([Epoch(1, 2.0, 0.5, None, None, 3.0, 1e-3, 0.5)])
    (line,) = learning_curves(one).lines
    assert line.get_xydata().tolist() == [[0.5, 50]]
    assert line.get_marker() == "."
