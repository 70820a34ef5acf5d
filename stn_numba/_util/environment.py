"""The environment variables of the library. They are read only here.

=============================  =======================================================================================
variable                       meaning
=============================  =======================================================================================
``STN_NUMBA_NUM_THREADS``      maximum number of threads of a call; see `stn_numba.threads`
``STN_NUMBA_CACHE_DIR``        cache folder for compiled kernels, or ``off``; see `kernels.runtime.cache_folders`
``STN_NUMBA_PREBUILT``         ``off``: compile all kernels; ``v3``, ``v4``: use only the prebuilt kernels of that CPU level
``STN_NUMBA_PLUGINS``          comma-separated allow-list of third-party plugins; see `transform.registry`
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
    "normalized_name",
    "num_threads",
    "prebuilt",
]

NUM_THREADS = "STN_NUMBA_NUM_THREADS"
CACHE_DIR = "STN_NUMBA_CACHE_DIR"
PREBUILT = "STN_NUMBA_PREBUILT"
PLUGINS = "STN_NUMBA_PLUGINS"


def num_threads() -> int | None:
    """Return ``STN_NUMBA_NUM_THREADS`` as an int, or None if it is not set.

    Raises
    ------
    ValueError
        If it is not a whole number of at least 1.
    """
    text = os.environ.get(NUM_THREADS, "").strip()
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{NUM_THREADS}: expected a whole number of at least 1, got {text!r}")
    return int(text)


def cache_dir() -> str | None:
    """Return ``STN_NUMBA_CACHE_DIR``: a folder, ``"off"``, or None if it is not set."""
    text = os.environ.get(CACHE_DIR, "").strip()
    return "off" if text.lower() == "off" else text or None


def prebuilt() -> str:
    """Return ``STN_NUMBA_PREBUILT`` in lower case; empty if it is not set."""
    return os.environ.get(PREBUILT, "").strip().lower()


def allowed_plugins() -> frozenset[str] | None:
    """Return the distribution and transform names in ``STN_NUMBA_PLUGINS``, or None if it is not set and all are allowed."""
    text = os.environ.get(PLUGINS)
    return None if text is None else frozenset(normalized_name(name) for name in text.split(",") if name.strip())


def normalized_name(name: str) -> str:
    """Normalize a package name as PEP 503 does: lower case, runs of ``-``, ``_`` and ``.`` become one dash."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()
