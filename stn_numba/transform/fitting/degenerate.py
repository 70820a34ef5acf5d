"""Refuse points that do not determine a transform, and say why."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import NDArray

from stn_numba.transform.fitting.pairs import Pairs
from stn_numba.transform.points import PointMap

__all__ = ["expect_determined", "expect_enough", "least_count"]

Array = NDArray[np.float64]

_LEAST_SINGULAR = 1e-8  # of columns of length 1, relative; derivatives by differences are not more exact
_THIN = 1e-9  # extent across a line, relative to that along it
_SHARE = 0.1  # parameters with at least this share of an undetermined direction are named
_MOST_NAMED = 8


def least_count(transform: PointMap) -> int:
    """How many points a transform needs: each gives an equation for each of its coordinates."""
    return max(1, math.ceil(transform.n_params / transform.ndim))


def expect_enough(transform: PointMap, pairs: Pairs) -> None:
    """Raise a ValueError if a row has fewer points with a weight than the transform needs."""
    needed, counts = least_count(transform), np.count_nonzero(pairs.weights, axis=1)
    for row in np.nonzero(counts < needed)[0][:1]:
        weighted = " with a positive weight" if counts[row] < pairs.weights.shape[1] else ""
        raise ValueError(
            f"source: expected at least {needed} points{weighted} for the {transform.n_params} parameters of "
            f"{type(transform).__name__}, got {counts[row]}{_of_row(pairs, row)}"
        )


def expect_determined(transform: PointMap, pairs: Pairs, theta: Array) -> None:
    """Raise a ValueError if the points leave a parameter undetermined, or theta (N, P) was not found."""
    found = np.asarray(np.isfinite(theta).all(axis=1))
    at = np.where(found[:, None], theta, transform.identity())
    designs = pairs.design(transform, at)
    for row in range(len(pairs)):
        free = _free_parameters(designs[row])
        if free or not found[row]:
            raise ValueError(_reason(transform, pairs, row, free) + _of_row(pairs, row))
    distances = pairs.residuals(transform, theta)
    for row in np.nonzero(~np.isfinite(distances).all(axis=1))[0][:1]:
        raise ValueError(
            f"target: no parameters of {type(transform).__name__} map all points, because the best ones found map some to no "
            f"position; try robust=True{_of_row(pairs, row)}"
        )


def _free_parameters(design: Array) -> list[int]:
    """Numbers of the parameters that a design (2 M, P) leaves undetermined."""
    if not design.shape[1]:
        return []
    lengths = np.linalg.norm(design, axis=0)
    zero = lengths <= _LEAST_SINGULAR * lengths.max(initial=0.0)
    if zero.any() or not lengths.any():
        return [int(k) for k in np.flatnonzero(zero | (lengths == 0))]
    triangular = np.linalg.qr(design / lengths, mode="r")
    _, singular, vectors = np.linalg.svd(triangular)
    null = vectors[len(singular) :]
    null = np.concatenate([null, vectors[: len(singular)][singular <= _LEAST_SINGULAR * singular[0]]])
    return [int(k) for k in np.flatnonzero((np.abs(null) > _SHARE).any(axis=0))] if len(null) else []


def _reason(transform: PointMap, pairs: Pairs, row: int, free: list[int]) -> str:
    kind, kept = type(transform).__name__, pairs.weights[row] > 0
    source, target = pairs.source_of(row)[kept], pairs.target[row][kept]
    for name, points in (("source", source), ("target", target)) if not free else (("source", source),):
        problem = _shape_problem(points)
        if problem:
            return f"{name}: {problem}, which does not determine {kind}"
    if free:
        named = ", ".join(map(str, free[:_MOST_NAMED])) + (", ..." if len(free) > _MOST_NAMED else "")
        return f"source: these points leave parameters of {kind} undetermined (theta[:, k] for k = {named})"
    return f"target: found no parameters of {kind} that map source to target"


def _shape_problem(points: Array) -> str:
    """What is special about the shape of a set of points; empty if nothing."""
    centered = points - points.mean(axis=0)
    extent = np.abs(centered).max(initial=0.0)
    if extent <= _THIN * np.abs(points).max(initial=0.0) or extent == 0:
        return "all points coincide"
    if _on_a_line(points):
        return "all points lie on one line"
    if len(points) == 4 and any(_on_a_line(points[list(three)]) for three in itertools.combinations(range(4), 3)):
        return "three of the four points lie on one line"
    return ""


def _on_a_line(points: Array) -> bool:
    singular = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return bool(singular[1] <= _THIN * singular[0]) if len(singular) > 1 else True


def _of_row(pairs: Pairs, row: int) -> str:
    return f" (row {row})" if len(pairs) > 1 else ""
