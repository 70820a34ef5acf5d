"""The options of a registration, validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stn_numba._util.arguments import as_bool, as_int, as_option, as_real

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """The options of `register` and `register_stack`, which describe them."""

    kernel: str = "cubic"
    measure: str = "correlation"
    robust: str | None = None
    normalize: str | None = None
    search: bool | str = "auto"
    penalty: float = 0.0
    min_correlation: float = 0.8
    min_overlap: float = 0.25
    max_iterations: int = 50
    align_corners: bool = True
    seed: int = 0

    def expect_axes(self, ndim: int) -> None:
        """Check that the options are there for images of so many axes.

        Raises
        ------
        ValueError
            If one is not.
        """
        if ndim == 3 and self.search is True:
            raise ValueError("search: expected False or 'auto' for volumes, got True; pass `initial` for large motions")

    @classmethod
    def checked(cls, options: Mapping[str, Any]) -> Settings:
        """Return the options with these names among `options`.

        Raises
        ------
        TypeError, ValueError
            If one does not fit; the message names it.
        """
        return cls(
            as_option(options["kernel"], "kernel", ("bilinear", "cubic")),
            as_option(options["measure"], "measure", ("correlation", "squares")),
            _or_none(options["robust"], "robust", ("huber", "tukey")),
            _or_none(options["normalize"], "normalize", ("local",)),
            _search(options["search"]),
            as_real(options["penalty"], "penalty", "[0, inf)"),
            as_real(options["min_correlation"], "min_correlation", "[0, 1]"),
            as_real(options["min_overlap"], "min_overlap", "[0, 1]"),
            as_int(options["max_iterations"], "max_iterations", least=1),
            as_bool(options["align_corners"], "align_corners"),
            as_int(options["seed"], "seed", least=0),
        )


def _or_none(value: Any, name: str, options: tuple[str, ...]) -> str | None:
    return None if value is None else as_option(value, name, options)


def _search(value: Any) -> bool | str:
    if isinstance(value, str) and value == "auto":
        return value
    if not isinstance(value, bool):
        raise ValueError(f"search: expected True, False or 'auto', got {value!r:.60}")
    return value
