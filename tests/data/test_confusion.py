"""The confusion matrix against counting, and its table."""

import numpy as np
import pytest

from stn_numba.data import confusion_matrix, confusion_report


def test_the_matrix_counts():
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 5, (2, 200))
    matrix = confusion_matrix(labels, predicted, 6)
    for i in range(6):
        for j in range(6):
            assert matrix[i, j] == ((labels == i) & (predicted == j)).sum()


def test_the_table_has_a_line_a_class_and_the_most_confused_pairs():
    matrix = np.array([[5, 0, 0], [0, 0, 0], [1, 2, 7]])
    lines = confusion_report(matrix, ["a", "b", "long name"], pairs=1).splitlines()
    assert lines[1].split() == ["a", "5", "0.0", "%"]
    assert lines[2].split() == ["b", "0", "-"]
    assert lines[3].endswith("10   30.0 %  b 2, a 1")
    assert lines[4].split() == ["all", "15", "20.0", "%"]
    assert lines[5:] == ["", "most confused", "2 x long name, read as b"]


def test_without_errors_there_are_no_pairs():
    assert "confused" not in confusion_report(np.eye(2, dtype=int), ["a", "b"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 3], [0, 0], 3), "labels: expected classes 0 to 2, got 0 to 3"),
        (([0.5], [0], 3), r"labels: expected \(N,\) whole numbers, got float64 \(1,\)"),
        (([0, 1], [0], 3), r"predicted: expected \(2,\), as many as labels, got \(1,\)"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(*arguments)


def test_names_must_fit():
    with pytest.raises(ValueError, match=r"classes: expected a name for each row of the matrix \(2, 2\), got 1"):
        confusion_report(np.eye(2), ["a"])
