"""Sums of the gradients of a batch's parts, in an order that depends on the number of parts alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stn_numba.nn.arrays import Arrays
from stn_numba.nn.engine.thread_pool import summed

__all__ = ["Span", "subtrees", "sum_of"]

Span = tuple[int, int]
"""The first of consecutive parts, and the one after the last."""


def sum_of(span: Span, known: Mapping[Span, Arrays]) -> Arrays:
    """Return the sum of the gradients of a span of parts: that of its first half plus that of its second half, and so on.

    A worker that has all parts of a half can sum them by itself. The bits stay the same, because sums of floats depend only on
    the order of the additions, and this order is fixed. `known` holds sums of spans among these halves, or single parts.

    Examples
    --------
    >>> parts = {(k, k + 1): {"weight": np.array([float(k)])} for k in range(4)}
    >>> sum_of((0, 4), parts)["weight"].tolist()
    [6.0]
    >>> halves = {half: sum_of(half, parts) for half in [(0, 2), (2, 4)]}
    >>> sum_of((0, 4), halves)["weight"].tolist()
    [6.0]
    """
    if span in known:
        return known[span]
    first, second = (sum_of(half, known) for half in _halves(span))
    _expect_same_names(first, second)
    return summed([first, second])


def subtrees(span: Span, own: Span) -> list[Span]:
    """Return the largest spans among the halves of `span`, their halves and so on, that lie in `own`.

    Examples
    --------
    >>> subtrees((0, 8), (0, 4))
    [(0, 4)]
    >>> subtrees((0, 8), (3, 6))
    [(3, 4), (4, 6)]
    """
    start, stop = span
    if own[0] <= start and stop <= own[1]:
        return [span]
    if stop - start < 2 or stop <= own[0] or own[1] <= start:
        return []
    return [each for half in _halves(span) for each in subtrees(half, own)]


def _halves(span: Span) -> tuple[Span, Span]:
    middle = sum(span) // 2
    return (span[0], middle), (middle, span[1])


def _expect_same_names(first: Arrays, second: Arrays) -> None:
    """Reject gradients of other parameters, or of other shapes, in one part of the batch than in another."""
    shapes, others = ({name: np.shape(array) for name, array in part.items()} for part in (first, second))
    for name in {**shapes, **others}:
        if shapes.get(name) != others.get(name):
            raise ValueError(f"gradient of {name!r}: expected {shapes.get(name)}, got {others.get(name)}")
