"""The figure of misread images."""

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed")

from stn_numba.plot import misread_figure

X = np.arange(12 * 16 * 3, dtype=np.uint8).reshape(12, 4, 4, 3)


def test_the_most_confident_mistakes_come_first():
    probabilities = np.tile([0.9, 0.1], (12, 1))
    probabilities[3], probabilities[7], probabilities[8] = [0.2, 0.8], [0.05, 0.95], [0.4, 0.6]
    labels = np.zeros(12, int)
    labels[8] = 1
    axes = misread_figure(X, labels, probabilities, ["bend", "stop"])
    assert [ax.get_title() for ax in axes.flat[:3]] == ["bend\nread as stop 95 %", "bend\nread as stop 80 %", ""]
    np.testing.assert_allclose(axes[0, 0].images[0].get_array(), X[7] / 255)
    assert axes.shape == (1, 8)


def test_there_are_at_most_as_many_as_asked_for():
    axes = misread_figure(X[..., :1], np.zeros(12, int), np.tile([0.0, 1.0], (12, 1)), most=9)
    assert axes.shape == (2, 8)
    assert sum(bool(ax.images) for ax in axes.flat) == 9
    assert axes[0, 0].get_title() == "0\nread as 1 100 %"


def test_without_mistakes_the_figure_is_empty():
    axes = misread_figure(X, np.zeros(12, int), np.tile([1.0, 0.0], (12, 1)))
    assert not any(ax.images for ax in axes.flat)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": X[0]}, "images: expected"),
        ({"labels": [0]}, "images: expected"),
        ({"classes": ["a"]}, "classes: expected 2 names, got 1"),
    ],
)
def test_wrong_shapes_are_refused(change, message):
    arguments = {"images": X, "labels": np.zeros(12, int), "probabilities": np.tile([1.0, 0.0], (12, 1))} | change
    with pytest.raises(ValueError, match=message):
        misread_figure(**arguments)
