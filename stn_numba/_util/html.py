"""Tables and line charts as HTML, for notebooks. All text is escaped."""

from __future__ import annotations

import html
import math
from collections.abc import Collection, Iterable, Mapping, Sequence

__all__ = ["line_chart", "table"]

_WIDTH, _HEIGHT, _MARGIN = 320, 140, 6
_COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728")  # seen on white and on black


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", right: Collection[int] = ()) -> str:
    """Return a table.

    Parameters
    ----------
    headings : sequence of str
        Of the columns; none for a table without a head.
    rows : iterable of sequences
        The cells; what is no string is converted by `str`.
    title : str, default ""
        Above the table.
    right : collection of int, default ()
        Columns that are aligned to the right, as numbers are.

    Examples
    --------
    >>> table([], [["a < b"]])
    '<table><tbody><tr><td style="text-align:left">a &lt; b</td></tr></tbody></table>'
    """
    head = f"<thead>{_row(headings, 'th', right)}</thead>" if headings else ""
    body = "".join(_row(row, "td", right) for row in rows)
    caption = f"<div><strong>{html.escape(title)}</strong></div>" if title else ""
    return f"{caption}<table>{head}<tbody>{body}</tbody></table>"


def _row(cells: Sequence[object], tag: str, right: Collection[int]) -> str:
    made = []
    for place, cell in enumerate(cells):
        side = "right" if place in right else "left"
        made.append(f'<{tag} style="text-align:{side}">{_cell(cell)}</{tag}>')
    return f"<tr>{''.join(made)}</tr>"


def _cell(cell: object) -> str:
    return html.escape(str(cell)).replace("\n", "<br/>")


def line_chart(series: Mapping[str, Sequence[float | None]], *, title: str) -> str:
    """Return curves over 1, 2, 3, ... as SVG, from 0 or the lowest value to the highest.

    Parameters
    ----------
    series : dict of sequences
        The values by the names of the curves; None, NaN and infinite ones are left out.
    title : str
        What the values are.

    Examples
    --------
    >>> line_chart({"training": [0.5, 0.25]}, title="loss").count("<polyline")
    1
    """
    known = {name: _known(values) for name, values in series.items()}
    values = [value for points in known.values() for _, value in points]
    if not values:
        return ""
    low, high, longest = min(0.0, *values), max(values), max(map(len, series.values()))
    lines, names = [], []
    for color, (name, points) in zip(_COLORS, known.items(), strict=False):
        places = [_place(x / max(longest - 1, 1), (y - low) / ((high - low) or 1.0)) for x, y in points]
        lines.append(_curve(places, color))
        names.append(f'<tspan fill="{color}">{html.escape(name)}</tspan> ')
    title = f'<tspan fill="currentColor">{html.escape(title)}, {low:.4g} to {high:.4g}: </tspan>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT + 20}" role="img" font-size="12" '
        f'font-family="sans-serif"><text x="{_MARGIN}" y="14">{title}{"".join(names)}</text><g transform="translate(0 20)">'
        f'<path d="M{_MARGIN} 0V{_HEIGHT - _MARGIN}H{_WIDTH}" fill="none" stroke="currentColor" opacity="0.5"/>'
        f"{''.join(lines)}</g></svg>"
    )


def _known(values: Sequence[float | None]) -> list[tuple[int, float]]:
    return [(place, float(value)) for place, value in enumerate(values) if value is not None and math.isfinite(value)]


def _place(x: float, y: float) -> tuple[float, float]:
    """Return the place of shares of the width and the height; y points up."""
    return _MARGIN + x * (_WIDTH - 2 * _MARGIN), _MARGIN + (1 - y) * (_HEIGHT - 2 * _MARGIN)


def _curve(places: list[tuple[float, float]], color: str) -> str:
    """Return a line with a dot at its end, which is all there is of a single value."""
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    ends = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{color}"/>' for x, y in places[-1:])
    return f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.5"/>{ends}'
