"""Marks: the figures that must be reached."""

from __future__ import annotations

import operator
import sys
from collections.abc import Sequence
from dataclasses import dataclass

RELATIONS = {">=": operator.ge, "<=": operator.le, "<": operator.lt}


@dataclass(frozen=True)
class Mark:
    """A measured figure and its limit.

    Attributes
    ----------
    name
        Which figure of which case.
    figure
        The measured value; None if it could not be measured, which misses the mark.
    relation
        ``">="``, ``"<="`` or ``"<"``: how the figure must relate to the limit.
    limit
        The limit.
    """

    name: str
    figure: float | None
    relation: str
    limit: float

    @property
    def met(self) -> bool:
        return self.figure is not None and RELATIONS[self.relation](self.figure, self.limit)

    def __str__(self) -> str:
        figure = "not measured" if self.figure is None else f"{self.figure:.4g}"
        return f"{self.name}: {figure}, required {self.relation} {self.limit:g}"


def check(marks: Sequence[Mark]) -> int:
    """Return the exit code, 1 if a mark is missed, and list the missed marks on standard error."""
    missed = [mark for mark in marks if not mark.met]
    if not missed:
        print(f"All {len(marks)} marks are met.")
        return 0
    print(f"{len(missed)} of {len(marks)} marks are missed:", *missed, sep="\n  ", file=sys.stderr)
    return 1
