"""Decode an image file to whole numbers, whatever its mode, orientation and transparency."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stn_numba.data.images.pillow import load_pillow

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["DamagedImageError", "as_dtype", "decode", "is_gray", "with_channels"]

_GRAY = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow's
_TO_16_BITS = 257  # 255 becomes 65535


class DamagedImageError(ValueError):
    """A file that cannot be read as an image; the message names it."""


def is_gray(path: Path) -> bool:
    """Whether a file is gray by its header; images with a palette count as colored.

    Raises
    ------
    DamagedImageError
        If the header cannot be read.
    """

    def gray(file: Image) -> bool:
        return file.mode in _GRAY

    return bool(_opened(path, gray))


def decode(path: Path, background: int = 255) -> NDArray[Any]:
    """Return the first image of a file as (H, W, 1) or (H, W, 3), upright, of dtype uint8 or uint16.

    Parameters
    ----------
    path : Path
        The file.
    background : int, default 255
        Gray level behind transparent pixels, 0 to 255.

    Raises
    ------
    DamagedImageError
        If Pillow cannot decode all of it, or its pixels are neither 8 nor 16 bits.
    """

    def levels(file: Image) -> NDArray[Any]:
        from PIL import ImageOps

        file.load()
        return _levels(ImageOps.exif_transpose(file), background)

    array: NDArray[Any] = _opened(path, levels)
    return array


def with_channels(image: NDArray[Any], channels: int) -> NDArray[Any]:
    """Return an image (H, W, 1) or (H, W, 3) with 1 or 3 channels; colors become their luminance (ITU-R BT.601).

    Examples
    --------
    >>> with_channels(np.full((1, 1, 3), 100, np.uint8), 1).tolist()
    [[[100]]]
    """
    if image.shape[2] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=2)
    luminance = image.astype(np.float32) @ np.array(_LUMINANCE, np.float32)
    return np.rint(luminance)[..., None].astype(image.dtype)


def as_dtype(image: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an image of uint8 or uint16 as the other of the two; white stays white.

    Examples
    --------
    >>> as_dtype(np.array([0, 128, 255], np.uint8), np.dtype(np.uint16)).tolist()
    [0, 32896, 65535]
    """
    if image.dtype == dtype:
        return image
    if dtype == np.uint16:
        return image.astype(np.uint16) * np.uint16(_TO_16_BITS)
    return ((image.astype(np.uint32) + _TO_16_BITS // 2) // _TO_16_BITS).astype(np.uint8)


def _opened(path: Path, use: Any) -> Any:
    """Return ``use(file)`` for an opened file; formats raise anything if it is damaged."""
    pillow = load_pillow()
    try:
        with pillow.open(path) as file:
            return use(file)
    except pillow.UnidentifiedImageError as error:
        raise DamagedImageError(f"{path}: expected an image file, got one that Pillow cannot read") from error
    except (MemoryError, Warning):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the file system: missing, not permitted
            raise
        raise DamagedImageError(f"{path}: damaged image file: {error}") from error


def _levels(image: Image, background: int) -> NDArray[Any]:
    if image.mode == "F":
        raise ValueError("its pixels are floats: save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        return _of_16_bits(np.asarray(image))
    if image.has_transparency_data:
        return _on_background(np.asarray(image.convert("LA" if image.mode in _GRAY else "RGBA")), background)
    levels = np.asarray(image.convert("L" if image.mode in _GRAY else "RGB"))
    return levels.reshape(*levels.shape[:2], -1)


def _of_16_bits(levels: NDArray[Any]) -> NDArray[np.uint16]:
    if levels.size and not (levels.min() >= 0 and levels.max() <= np.iinfo(np.uint16).max):
        raise ValueError("its pixels have more than 16 bits: save it with 8 or 16 bits")
    return levels[..., None].astype(np.uint16)


def _on_background(levels: NDArray[Any], background: int) -> NDArray[np.uint8]:
    """Compose colors (H, W, C + 1), the last of which is the opacity, with a gray background."""
    opacity = levels[..., -1:].astype(np.float32) / 255
    composed: NDArray[np.uint8] = np.rint(levels[..., :-1] * opacity + background * (1 - opacity)).astype(np.uint8)
    return composed
