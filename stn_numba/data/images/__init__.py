"""Image files as training data: one folder a class, read batch by batch."""

from stn_numba.data.images.folder import ImageFolder, folder
from stn_numba.data.images.reader import read_images
from stn_numba.data.images.resize import Resize, resize

__all__ = ["ImageFolder", "Resize", "folder", "read_images", "resize"]
