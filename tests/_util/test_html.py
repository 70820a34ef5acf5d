"""Tables and charts for notebooks."""

import math

import pytest

from stn_numba._util.html import line_chart, table
from tests._util.parsed_html import all_text, parsed, rows

ODD = "<script>alert('a & b')</script>"


def test_a_table_has_what_it_was_given():
    text = table(["name", "size"], [["a", 1], ["b", 2.5]], title="Sizes", right=[1])
    assert rows(text) == [["name", "size"], ["a", "1"], ["b", "2.5"]]
    assert all_text(text).startswith("Sizes")
    assert [cell.get("style") for cell in parsed(text).iter("td")][:2] == ["text-align:left", "text-align:right"]


def test_text_is_escaped_everywhere():
    text = table([ODD], [[ODD]], title=ODD) + line_chart({ODD: [1.0]}, title=ODD)
    assert "<script" not in text
    assert all_text(text).count(ODD) == 5


def test_lines_of_a_cell_stay():
    assert "a<br/>b" in table([], [["a\nb"]])


def points(text):
    lines = [element for element in parsed(text).iter() if element.tag.endswith("polyline")]
    return [[tuple(map(float, pair.split(","))) for pair in line.get("points").split()] for line in lines]


def test_curves_go_from_the_left_to_the_right_and_down_with_the_values():
    (first, second) = points(line_chart({"training": [3.0, 2.0, 1.0], "validation": [2.0, 2.0, 4.0]}, title="loss"))
    assert [x for x, _ in first] == [x for x, _ in second] == [6.0, 160.0, 314.0]
    assert first[0][1] < first[1][1] < first[2][1]
    assert second[0][1] == second[1][1] > second[2][1] == 6.0


@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_values_that_are_missing_are_left_out(missing):
    (line,) = points(line_chart({"loss": [1.0, missing, 0.5]}, title="loss"))
    assert len(line) == 2


def test_no_values_no_chart():
    assert line_chart({"loss": [None, None], "error": []}, title="loss") == ""


@pytest.mark.parametrize("values", [[0.0], [0.0, 0.0], [-2.0], [5.0]])
def test_flat_curves_stay_inside(values):
    (line,) = points(line_chart({"loss": values}, title="loss"))
    assert all(0 <= x <= 320 and 0 <= y <= 140 for x, y in line)
