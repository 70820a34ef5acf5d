"""A progress bar where tqdm is installed, and silence elsewhere."""

from __future__ import annotations

from typing import Any, Protocol

from stn_numba.nn.history import Epoch

__all__ = ["Bar", "progress_bar", "summary"]


class Bar(Protocol):
    """The part of tqdm that is used."""

    def update(self, n: float) -> Any:
        """Move on by so many epochs."""

    def set_postfix_str(self, s: str) -> Any:
        """Show a line behind the bar."""

    def __enter__(self) -> Bar: ...

    def __exit__(self, *_: object) -> Any: ...


class _Silence:
    def update(self, n: float) -> None: ...

    def set_postfix_str(self, s: str) -> None: ...

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None: ...


def progress_bar(epochs: int, seconds: float | None, wanted: bool) -> Bar:
    """Return a bar over the epochs, or one without an end where time decides."""
    if not wanted:
        return _Silence()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return _Silence()
    layout = "{l_bar}{bar}| {n:.1f}/{total} [{elapsed}<{remaining}{postfix}]"
    if seconds is not None:
        layout = "{n:.1f} epochs [{elapsed}" + f" of {seconds:.0f} s" + "{postfix}]"
    bar: Bar = tqdm(total=None if seconds is not None else epochs, bar_format=layout)
    return bar


def summary(epoch: Epoch) -> str:
    """Return an epoch in one short line."""
    text = f"loss {epoch.loss:.4f}, error {epoch.error:.2%}"
    return text if epoch.validation_error is None else f"{text}, validation {epoch.validation_error:.2%}"
