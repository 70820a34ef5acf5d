"""The experiments of the paper, and the errors that it reports for them."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["EXPERIMENTS", "Experiment", "find_experiments"]

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
class Experiment:
    """One network on one data set: a cell of the paper's tables.

    Attributes
    ----------
    model : str
        ``fcn``, ``cnn``, ``st-fcn``, ``st-cnn``, or ``2st-fcn`` with two transformers in parallel.
    transform : str or None
        A registered name, or None for a network without transformer.
    column : str
        The distortion R, RTS, P, E or TC, or ``addition``.
    paper_error : float
        The paper's error in %.
    """

    model: str
    transform: str | None
    column: str
    paper_error: float

    @property
    def name(self) -> str:
        """The name on the command line, such as ``st-cnn/affine/R`` or ``cnn/RTS``."""
        return "/".join(part for part in (self.model, self.transform, self.column) if part)


def find_experiments(pattern: str) -> list[Experiment]:
    """Return the experiments whose names match a pattern with ``*``. Case does not matter.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> [experiment.name for experiment in find_experiments("st-cnn/*/TC")]
    ['st-cnn/affine/TC']
    >>> len(find_experiments("*"))
    44
    """
    found = [experiment for experiment in EXPERIMENTS if fnmatch.fnmatchcase(experiment.name.lower(), pattern.lower())]
    if not found:
        raise ValueError(
            f"experiment: expected a name like st-cnn/affine/R, cnn/TC, 2st-fcn/affine/addition; none fits {pattern!r}"
        )
    return found


def _experiments() -> Iterator[Experiment]:
    for index, column in enumerate(_TABLE_1):
        for model, errors in _PLAIN.items():
            yield Experiment(model, None, column, errors[index])
        for (model, transform), errors in _TRANSFORMED.items():
            yield Experiment(model, transform, column, errors[index])
    for model, error in _CLUTTERED.items():
        yield Experiment(model, "affine" if model.startswith("st") else None, "TC", error)
    for model, sums in _ADDITION.items():
        for transform, error in zip(_TRANSFORMS, sums, strict=False):
            yield Experiment(model, transform if "st" in model else None, "addition", error)


EXPERIMENTS = tuple(_experiments())
"""All experiments: table 1 of the paper, cluttered digits, and the addition of two digits."""
