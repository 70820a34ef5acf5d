"""Read and write image files, with Pillow."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.files import check_output_path, write_atomically
from stn_numba.data.images.pillow import load_pillow

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["check_output_image", "gray", "read_frames", "read_image", "write_frames", "write_image"]

# Modes of Pillow that hold one number a pixel, as the dtype to read them as. All others are read as RGB.
_GRAY = {"1": "uint8", "L": "uint8", "I;16": "uint16", "I;16B": "uint16", "I;16L": "uint16", "I": "int32", "F": "float32"}
_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601


def read_image(path: Path) -> NDArray[Any]:
    """Return the first image of a file, (H, W) or (H, W, 3); transparency is dropped."""
    return next(_frames(path))


def read_frames(paths: Sequence[Path]) -> NDArray[Any]:
    """Return all images of all files as one stack (N, H, W) or (N, H, W, 3).

    Raises
    ------
    ValueError
        If an image differs from the first one in size or in its number of channels.
    """
    frames = [(path, frame) for path in paths for frame in _frames(path)]
    (_, first), *others = frames
    for path, frame in others:
        if frame.shape != first.shape:
            raise ValueError(f"{path}: expected an image of shape {first.shape}, as the first one, got {frame.shape}")
    return np.stack([frame for _, frame in frames])


def gray(image: NDArray[Any]) -> NDArray[np.float32]:
    """Return an image (H, W) or (H, W, 3), or a stack of them if the last axis is 3, as float32 without color.

    Examples
    --------
    >>> gray(np.full((1, 2, 3), 100, np.uint8)).tolist()
    [[100.0, 100.0]]
    """
    levels = image.astype(np.float32)
    return levels @ np.array(_LUMINANCE, np.float32) if image.ndim > 2 and image.shape[-1] == 3 else levels


def check_output_image(path: Path, frames: bool = False) -> Path:
    """Return the path of an image to write; raise if its folder is missing, or Pillow does not know its extension."""
    pillow = load_pillow()
    known = (".tif", ".tiff") if frames else tuple(sorted(pillow.registered_extensions()))
    if path.suffix.lower() not in known:
        raise ValueError(f"out: expected a file name with an extension such as {', '.join(known[:3])}, got {str(path)!r}")
    return check_output_path(path)


def write_image(path: Path, image: NDArray[Any]) -> None:
    """Write an image; the extension sets the format."""
    write_atomically(path, _encoded(path, [image]))


def write_frames(path: Path, frames: NDArray[Any]) -> None:
    """Write a stack as a TIFF file with one page a frame."""
    write_atomically(path, _encoded(path, list(frames)))


def _encoded(path: Path, frames: list[NDArray[Any]]) -> bytes:
    pillow = load_pillow()
    first, *others = (pillow.fromarray(frame) for frame in frames)
    content = io.BytesIO()
    options: dict[str, Any] = {"save_all": True, "append_images": others} if others else {}
    first.save(content, format=pillow.registered_extensions()[path.suffix.lower()], **options)
    return content.getvalue()


def _frames(path: Path) -> Iterator[NDArray[Any]]:
    """Return the images of a file, one after another."""
    pillow = load_pillow()
    try:
        with pillow.open(path) as file:
            for page in range(getattr(file, "n_frames", 1)):
                file.seek(page)
                yield _levels(file)
    except pillow.UnidentifiedImageError as error:
        raise ValueError(f"{path}: expected an image file, got one that Pillow cannot read") from error


def _levels(image: Image) -> NDArray[Any]:
    if image.mode in _GRAY:
        levels = np.asarray(image.convert("L") if image.mode == "1" else image)
        return levels.astype(_GRAY[image.mode])
    return np.asarray(image.convert("L" if image.mode == "LA" else "RGB"))
