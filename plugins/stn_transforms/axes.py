"""The option `ndim` of transforms that map images and volumes."""

from __future__ import annotations

from typing import Any

from stn_numba.grid import Shape, check_shape

__all__ = ["AxesOption", "as_lattice", "as_ndim"]


class AxesOption:
    """The option `ndim` of a transform without other options. Its position among the bases is before `Transform`."""

    def __init__(self, ndim: int = 2) -> None:
        self.ndim = as_ndim(ndim)

    def can_be_shared(self) -> bool:
        """Return True: nothing is stored between calls."""
        return True

    def _shown_options(self) -> dict[str, Any]:
        return {} if self.ndim == 2 else {"ndim": self.ndim}


def as_ndim(value: Any) -> int:
    """Return 2 or 3.

    Examples
    --------
    >>> as_ndim(3)
    3
    """
    if isinstance(value, bool) or value not in (2, 3):
        raise ValueError(f"ndim: expected 2, or 3 for volumes, got {value!r:.60}")
    return int(value)


def as_lattice(sizes: Any, name: str, default: int, ndim: int | None) -> Shape:
    """Return the sizes of a lattice: `default` along each of `ndim` axes, if none are given.

    Examples
    --------
    >>> as_lattice(None, "control_points", 8, 3), as_lattice((5, 6), "control_points", 8, None)
    ((8, 8, 8), (5, 6))
    """
    axes = None if ndim is None else as_ndim(ndim)
    if sizes is None:
        return (default,) * (axes or 2)
    given = 3 if isinstance(sizes, tuple | list) and len(sizes) == 3 else 2
    return check_shape(sizes, name, axes or given)
