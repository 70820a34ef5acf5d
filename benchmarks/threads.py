"""The same number of threads for everybody."""

from __future__ import annotations

import contextlib
import os

import numba

import stn_numba as stn

_wanted = 2  # that for which the required ratios were set


def wanted() -> int:
    return _wanted


def limit(number: int) -> int:
    """Let every library use so many threads, or as many as there are; return how many."""
    global _wanted
    _wanted = max(1, min(number, len(os.sched_getaffinity(0)), numba.config.NUMBA_NUM_THREADS))
    stn.set_num_threads(_wanted)
    numba.set_num_threads(_wanted)
    with contextlib.suppress(ImportError):
        import torch

        torch.set_num_threads(_wanted)
    with contextlib.suppress(ImportError):
        import cv2

        cv2.setNumThreads(_wanted)
    return _wanted
