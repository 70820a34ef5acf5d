"""Settings by environment variables: each is read here and nowhere else.

=============================  =======================================================================================
variable                       meaning
=============================  =======================================================================================
``STN_NUMBA_NUM_THREADS``      most threads a call uses; see `stn_numba.threads`
``STN_NUMBA_CACHE_DIR``        folder of the compiled kernels, or ``off``; see `kernels.runtime.cache_folders`
``STN_NUMBA_PREBUILT``         ``off``: compile all kernels; ``v3``, ``v4``: use the library of this level, or none
``STN_NUMBA_PLUGINS``          the only outside plugins that may be loaded, separated by commas; see `transform.registry`
=============================  =======================================================================================
"""

from __future__ import annotations

import os
import re

__all__ = [
    "CACHE_DIR",
    "NUM_THREADS",
    "PLUGINS",
    "PREBUILT",
    "allowed_plugins",
    "cache_dir",
    "normalized",
    "num_threads",
    "prebuilt",
]

NUM_THREADS = "STN_NUMBA_NUM_THREADS"
CACHE_DIR = "STN_NUMBA_CACHE_DIR"
PREBUILT = "STN_NUMBA_PREBUILT"
PLUGINS = "STN_NUMBA_PLUGINS"


def num_threads() -> int | None:
    """Most threads by ``STN_NUMBA_NUM_THREADS``; None if it is not set.

    Raises
    ------
    ValueError
        If it is no whole number of at least 1.
    """
    text = os.environ.get(NUM_THREADS, "").strip()
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{NUM_THREADS}: expected a whole number of at least 1, got {text!r}")
    return int(text)


def cache_dir() -> str | None:
    """Return what ``STN_NUMBA_CACHE_DIR`` says: a folder, ``"off"``, or None if it is not set."""
    text = os.environ.get(CACHE_DIR, "").strip()
    return "off" if text.lower() == "off" else text or None


def prebuilt() -> str:
    """Return what ``STN_NUMBA_PREBUILT`` says in small letters; empty if it is not set."""
    return os.environ.get(PREBUILT, "").strip().lower()


def allowed_plugins() -> frozenset[str] | None:
    """Names of distributions and transforms in ``STN_NUMBA_PLUGINS``; None if it is not set: everything is allowed."""
    text = os.environ.get(PLUGINS)
    return None if text is None else frozenset(normalized(name) for name in text.split(",") if name.strip())


def normalized(name: str) -> str:
    """Return a name as package indexes compare it: lower case, one dash for a run of ``-``, ``_`` or ``.``."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()
