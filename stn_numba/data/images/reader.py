"""Read image files as arrays of one dtype and number of channels, and of one size if asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.arguments import as_int, as_option, as_path, as_size
from stn_numba.data.images.cache import Cache, NoCache
from stn_numba.data.images.decode import as_dtype, decode, is_gray, with_channels
from stn_numba.data.images.pillow import load_pillow
from stn_numba.data.images.resize import ASPECTS, resize
from stn_numba.nn.engine.thread_pool import parallel_map

__all__ = ["Reader", "check_options", "make_reader", "read_images"]

_DTYPES = ("uint8", "uint16")


@dataclass(frozen=True)
class Reader:
    """How to read files; see `stn_numba.data.folder` for the options."""

    size: tuple[int, int] | None
    channels: int
    aspect: str = "stretch"
    background: int = 255
    dtype: str = "uint8"
    cache: Cache = field(default_factory=NoCache)

    def read(self, path: Path) -> NDArray[Any]:
        """Return an image (H, W, C), which may be read-only."""
        options = f"{self.size} {self.channels} {self.aspect} {self.background} {self.dtype}"
        return self.cache.get(path, options, lambda: self._decoded(path))

    def read_all(self, paths: Sequence[Path]) -> list[NDArray[Any]]:
        """Return the images of several files, read on threads."""
        return parallel_map(self.read, paths)

    def _decoded(self, path: Path) -> NDArray[Any]:
        image = as_dtype(with_channels(decode(path, self.background), self.channels), np.dtype(self.dtype))
        if self.size is not None:
            white = 65535 / 255 if self.dtype == "uint16" else 1
            image = resize(image, self.size, aspect=self.aspect, background=self.background * white, num_threads=1)
        return np.array(image, order="C")


def check_options(size: Any, channels: Any, aspect: Any, background: Any, dtype: Any) -> None:
    """Reject options that do not fit, before any file is read."""
    if size is not None:
        as_size(size, "size")
    if channels not in (None, 1, 3) or isinstance(channels, bool):
        raise ValueError(f"channels: expected 1 (gray), 3 (RGB) or None (as in the files), got {channels!r:.60}")
    as_option(aspect, "aspect", ASPECTS)
    if as_int(background, "background", least=0) > 255:
        raise ValueError(f"background: expected 0 to 255, got {background}")
    as_option(dtype if isinstance(dtype, str) else np.dtype(dtype).name, "dtype", _DTYPES)


def make_reader(
    size: Any, channels: Any, aspect: Any, background: Any, dtype: Any, cache: Cache, gray: Iterable[bool]
) -> Reader:
    """Return a reader for checked options; `gray` says which files are gray, to choose the number of channels."""
    if channels is None:
        channels = 1 if all(gray) else 3
    size = None if size is None else as_size(size, "size")
    return Reader(size, int(channels), aspect, int(background), np.dtype(dtype).name, cache)


def read_images(
    paths: Sequence[str | os.PathLike[str]],
    size: tuple[int, int],
    *,
    channels: int | None = None,
    aspect: str = "stretch",
    background: int = 255,
    dtype: str = "uint8",
) -> NDArray[Any]:
    """Read image files as one batch, as `folder` reads them: for predictions.

    Parameters
    ----------
    paths : sequence of paths
        The files.
    size : (int, int)
        (H, W) that images are resized to: that of the model, ``model.input_shape[:2]``.
    channels, aspect, background, dtype
        As for `folder`; they must be those of training.

    Returns
    -------
    (N, H, W, C) array
        Of the dtype.

    Raises
    ------
    ValueError
        If an option does not fit, or a file is damaged; the message names it.
    OSError
        If a file cannot be read.
    ImportError
        If Pillow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> path = f"{tempfile.mkdtemp()}/gray.png"
    >>> Image.new("L", (60, 50), 128).save(path)
    >>> read_images([path], (40, 40)).shape
    (1, 40, 40, 1)
    """
    load_pillow()
    if isinstance(paths, str | os.PathLike):
        raise TypeError(f"paths: expected a list of paths, got one: pass [{os.fspath(paths)!r}]")
    files = [as_path(path, "paths") for path in paths]
    check_options(as_size(size, "size"), channels, aspect, background, dtype)
    reader = make_reader(size, channels, aspect, background, dtype, NoCache(), map(is_gray, files))
    images = reader.read_all(files)
    return np.stack(images) if images else np.empty((0, *as_size(size, "size"), reader.channels), dtype)
