"""Which classes are taken for which others: the matrix, and a table to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stn_numba._util.arguments import as_int
from stn_numba._util.arrays import as_array

__all__ = ["confusion_matrix", "confusion_report"]


def confusion_matrix(labels: ArrayLike, predicted: ArrayLike, n_classes: int) -> NDArray[np.int64]:
    """Return the (K, K) numbers of images by class (row) and predicted class (column).

    Parameters
    ----------
    labels, predicted : (N,) array of int
        Classes from 0 to `n_classes` - 1.
    n_classes : int
        K.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.

    Examples
    --------
    >>> confusion_matrix([0, 0, 1, 2], [0, 1, 1, 2], 3).tolist()
    [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    """
    K = as_int(n_classes, "n_classes", least=1)
    rows, columns = (_classes(each, name, K) for each, name in ((labels, "labels"), (predicted, "predicted")))
    if len(rows) != len(columns):
        raise ValueError(f"predicted: expected ({len(rows)},), as many as labels, got ({len(columns)},)")
    return np.bincount(rows * K + columns, minlength=K * K).reshape(K, K)


def confusion_report(matrix: ArrayLike, classes: Sequence[str], *, pairs: int = 10) -> str:
    """Return a confusion matrix as text: a line for each class, and the pairs that are confused most.

    A line has the number of images of the class, the share that was read as another class, and as which ones.

    Parameters
    ----------
    matrix : (K, K) array of int
        See `confusion_matrix`.
    classes : sequence of str
        The K names.
    pairs : int, default 10
        Most pairs to list.

    Raises
    ------
    ValueError
        If the names do not fit the matrix.

    Examples
    --------
    >>> print(confusion_report([[8, 2, 0], [0, 5, 0], [1, 0, 3]], ["bend", "stop", "yield"]))
    class  images    error  read as
    bend       10   20.0 %  stop 2
    stop        5    0.0 %
    yield       4   25.0 %  bend 1
    all        19   15.8 %
    <BLANKLINE>
    most confused
    2 x bend, read as stop
    1 x yield, read as bend
    """
    counts = as_array(matrix, "matrix")
    if counts.shape != (len(classes), len(classes)):
        raise ValueError(f"classes: expected a name for each row of the matrix {counts.shape}, got {len(classes)}")
    width = max(map(len, [*classes, "class"]))
    lines = [f"{'class':{width}}  images    error  read as"]
    lines += [_line(name, row, k, classes, width) for k, (name, row) in enumerate(zip(classes, counts, strict=True))]
    lines.append(f"{'all':{width}}{counts.sum():8,}{_share(counts.sum() - np.trace(counts), counts.sum()):>9}")
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:pairs]
    found = [divmod(int(place), len(classes)) for place in order if wrong.flat[place]]
    if found:
        lines += ["", "most confused", *(f"{wrong[i, j]} x {classes[i]}, read as {classes[j]}" for i, j in found)]
    return "\n".join(lines)


def _classes(values: Any, name: str, K: int) -> NDArray[np.int64]:
    array = as_array(values, name)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(f"{name}: expected (N,) whole numbers, got {array.dtype} {array.shape}")
    if array.size and not 0 <= array.min() <= array.max() < K:
        raise ValueError(f"{name}: expected classes 0 to {K - 1}, got {array.min()} to {array.max()}")
    return array.astype(np.int64)


def _line(name: str, row: NDArray[Any], k: int, classes: Sequence[str], width: int) -> str:
    others = [j for j in np.argsort(-row, kind="stable") if j != k and row[j]]
    read_as = ", ".join(f"{classes[j]} {row[j]}" for j in others[:3]) + (", ..." if len(others) > 3 else "")
    return f"{name:{width}}{row.sum():8,}{_share(row.sum() - row[k], row.sum()):>9}  {read_as}".rstrip()


def _share(part: Any, whole: Any) -> str:
    return f"{part / whole:.1%}".replace("%", " %") if whole else "-"
