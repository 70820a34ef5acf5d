"""Images in folders, handwritten digits, the paper's distortions of them, and augmentation by random warps."""

from __future__ import annotations

from stn_numba.data.confusion import confusion_matrix, confusion_report
from stn_numba.data.digits import Digits, load_digits, load_mnist
from stn_numba.data.distortions import DISTORTIONS, Distortion, get_distortion
from stn_numba.data.distortions.base import DIGIT_SHAPE
from stn_numba.data.idx import read_idx
from stn_numba.data.images import ImageFolder, Resize, folder, read_images, resize
from stn_numba.data.random_warp import RandomWarp

__all__ = [
    "DIGIT_SHAPE",
    "DISTORTIONS",
    "Digits",
    "Distortion",
    "ImageFolder",
    "RandomWarp",
    "Resize",
    "confusion_matrix",
    "confusion_report",
    "folder",
    "get_distortion",
    "load_digits",
    "load_mnist",
    "read_idx",
    "read_images",
    "resize",
]
