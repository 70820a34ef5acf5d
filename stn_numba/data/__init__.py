"""Handwritten digits, the paper's distortions of them, and augmentation by random warps."""

from __future__ import annotations

from stn_numba.data.digits import Digits, load_digits, load_mnist
from stn_numba.data.distortions import DISTORTIONS, Distortion, get_distortion
from stn_numba.data.distortions.base import DIGIT_SHAPE
from stn_numba.data.idx import read_idx
from stn_numba.data.random_warp import RandomWarp

__all__ = [
    "DIGIT_SHAPE",
    "DISTORTIONS",
    "Digits",
    "Distortion",
    "RandomWarp",
    "get_distortion",
    "load_digits",
    "load_mnist",
    "read_idx",
]
