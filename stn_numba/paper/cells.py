"""Which experiments there are, and what the source found."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["CELLS", "Cell", "find_cells"]

_TRANSFORMS = ("affine", "projective", "tps")
_TABLE_1 = ("R", "RTS", "P", "E")
# errors in %, columns R, RTS, P, E
_PLAIN = {"fcn": (2.1, 5.2, 3.1, 3.2), "cnn": (1.2, 0.8, 1.5, 1.4)}
_TRANSFORMED = {
    ("st-fcn", "affine"): (1.2, 0.8, 1.5, 2.7),
    ("st-fcn", "projective"): (1.3, 0.9, 1.4, 2.6),
    ("st-fcn", "tps"): (1.1, 0.8, 1.4, 2.4),
    ("st-cnn", "affine"): (0.7, 0.5, 0.8, 1.2),
    ("st-cnn", "projective"): (0.8, 0.6, 0.8, 1.3),
    ("st-cnn", "tps"): (0.7, 0.5, 0.8, 1.1),
}
_CLUTTERED = {"fcn": 13.2, "cnn": 3.5, "st-fcn": 2.0, "st-cnn": 1.7}
_ADDITION = {"fcn": (47.7,), "cnn": (14.7,), "st-fcn": (22.6, 18.5, 19.1), "2st-fcn": (9.0, 5.9, 5.8)}


@dataclass(frozen=True)
class Cell:
    """One number of the source.

    Attributes
    ----------
    model
        ``fcn``, ``cnn``, ``st-fcn``, ``st-cnn``, or ``2st-fcn`` with two transformers side by side.
    transform
        A registered name; None for a plain network.
    column
        R, RTS, P, E, TC, or addition.
    paper
        The source's error in %.
    """

    model: str
    transform: str | None
    column: str
    paper: float

    @property
    def name(self) -> str:
        """As the command line takes it: ``st-cnn/affine/R``, ``cnn/RTS``."""
        return "/".join(part for part in (self.model, self.transform, self.column) if part)


def find_cells(pattern: str) -> list[Cell]:
    """Return the cells whose name fits a pattern with ``*``, upper and lower case being one.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> [cell.name for cell in find_cells("st-cnn/*/TC")]
    ['st-cnn/affine/TC']
    >>> len(find_cells("*"))
    44
    """
    found = [cell for cell in CELLS if fnmatch.fnmatchcase(cell.name.lower(), pattern.lower())]
    if not found:
        raise ValueError(f"cell: expected a name like st-cnn/affine/R, cnn/TC, 2st-fcn/affine/addition; none fits {pattern!r}")
    return found


def _cells() -> Iterator[Cell]:
    for place, column in enumerate(_TABLE_1):
        for model, errors in _PLAIN.items():
            yield Cell(model, None, column, errors[place])
        for (model, transform), errors in _TRANSFORMED.items():
            yield Cell(model, transform, column, errors[place])
    for model, error in _CLUTTERED.items():
        yield Cell(model, "affine" if model.startswith("st") else None, "TC", error)
    for model, sums in _ADDITION.items():
        for transform, error in zip(_TRANSFORMS, sums, strict=False):
            yield Cell(model, transform if "st" in model else None, "addition", error)


CELLS = tuple(_cells())
"""All of them: table 1 of the source, its cluttered digits, and its addition of two digits."""
