"""Draw progress bars with tqdm, where bars can be drawn."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["bar_class"]


def bar_class() -> Any:
    """Return the class of bars, ``tqdm.auto.tqdm``; None without tqdm, or where there is neither a terminal nor a notebook."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    terminal = getattr(sys.stderr, "isatty", lambda: False)()
    return tqdm if terminal or _in_notebook() else None


def _in_notebook() -> bool:
    """Whether this runs in a notebook, which draws bars though its streams are no terminals; tqdm checks the same way."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and "IPKernelApp" in getattr(shell, "config", {})
