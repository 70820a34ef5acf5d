"""A folder of images with one subfolder a class, as a stream of batches for `fit`."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stn_numba._util.arguments import as_int, as_option, as_path, as_real
from stn_numba.data.images.cache import as_cache
from stn_numba.data.images.decode import DamagedImageError, is_gray
from stn_numba.data.images.discover import ClassFolders, find_images
from stn_numba.data.images.pillow import load_pillow
from stn_numba.data.images.reader import Reader, check_options, make_reader
from stn_numba.data.images.split import batches_by_size, held_out_rows
from stn_numba.nn.engine.thread_pool import parallel_map
from stn_numba.nn.inputs.weights import as_class_weights

__all__ = ["ImageFolder", "folder"]

Batch = tuple[NDArray[Any], NDArray[np.int64]]

_LISTED = 10  # files that a message names
_SEVERAL_SIZES = "; give `folder` the option size=(H, W)"


def folder(
    path: str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    aspect: str = "stretch",
    background: int = 255,
    dtype: str = "uint8",
    batch_size: int = 128,
    classes: Sequence[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
    damaged: str = "raise",
) -> ImageFolder:
    """Return labeled images of a folder with one subfolder a class, ``path/class/image.png``, to train on.

    Every file is read once, to find damaged ones; their pixels are kept only with a `cache`. Then files are read batch by
    batch, on threads, so they may be larger than memory. Names that start with a dot are ignored.

    Parameters
    ----------
    path : path
        The folder. Its subfolders, sorted by name, are the classes 0, 1, ... They contain the images, not further folders.
        Images are recognized by their extensions, such as .png, .jpg, .ppm and .tif.
    size : (int, int), default None
        (H, W) that images are resized to, antialiased, see `resize`. With None they keep their sizes, and each batch has images
        of one size.
    channels : int, default None
        1 for gray, 3 for RGB. None for gray if all files are gray, else RGB. Gray is the luminance of ITU-R BT.601.
    aspect : {"stretch", "crop", "pad"}, default "stretch"
        How images of another aspect ratio are resized: stretched, cropped in the middle, or with a border.
    background : int, default 255
        Gray level, 0 to 255, behind transparent pixels and of the border.
    dtype : {"uint8", "uint16"}, default "uint8"
        Of the images. Levels of 16 bits are divided by 257 for uint8, those of 8 bits multiplied by it for uint16.
    batch_size : int, default 128
        Largest number of images in a batch; the `batch_size` of `fit` does not count.
    classes : sequence of str, default None
        Class names in the order of their labels, as ``training.classes`` for a folder of test images. Classes without images
        are allowed then.
    cache : ``"memory"`` or path of a folder, default None
        Where decoded and resized images are kept. Files that have changed are read again. A folder also serves later runs.
    damaged : {"raise", "skip"}, default "raise"
        What to do about files that cannot be decoded: refuse them, or leave them out with a warning. Both list them.

    Returns
    -------
    ImageFolder

    Raises
    ------
    OSError
        If the folder does not exist, or a file cannot be read.
    ValueError
        If there are no classes, a class has no images, a file is damaged, or an option does not fit.
    ImportError
        If Pillow is not installed.

    Warns
    -----
    RuntimeWarning
        Once each, of damaged files that are skipped, and of files that are no images by their names.

    Notes
    -----
    Photographs are turned upright by their EXIF orientation. Palettes become RGB. Only the first image of a file counts. Pixels
    of more than 16 bits, and floats, are refused as damaged.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> root = Path(tempfile.mkdtemp())
    >>> for name, level in (("dark", 0), ("light", 200), ("light", 250)):
    ...     (root / name).mkdir(exist_ok=True)
    ...     Image.new("L", (30, 40), level).save(root / name / f"{level}.png")
    >>> images = folder(root, size=(20, 20))
    >>> images.classes, images.counts, images.image_shape
    (('dark', 'light'), {'dark': 1, 'light': 2}, (20, 20, 1))
    """
    load_pillow()
    check_options(size, channels, aspect, background, dtype)
    as_option(damaged, "damaged", ("raise", "skip"))
    as_int(batch_size, "batch_size", least=1)
    kept = as_cache(cache)
    root = as_path(path, "path")
    found = find_images(root, classes)
    gray = parallel_map(_gray_or_error, found.paths) if channels is None else []
    reader = make_reader(size, channels, aspect, background, dtype, kept, (each for each in gray if isinstance(each, bool)))
    checked = parallel_map(lambda path: _shape_or_error(reader, path), found.paths)
    errors = [each for each in checked if isinstance(each, DamagedImageError)]
    if errors:
        _report(root, errors, damaged)
    good = np.array([not isinstance(each, DamagedImageError) for each in checked])
    _expect_images_of_each_class(found, good)
    shapes = np.array([each for each in checked if not isinstance(each, DamagedImageError)], np.int64)
    paths = tuple(path for path, is_good in zip(found.paths, good, strict=True) if is_good)
    return ImageFolder(root, found.classes, paths, found.label_array()[good], shapes, reader, batch_size)


class ImageFolder:
    """Images of files with their labels: a `Stream` for `fit`. Made by `folder`.

    Its length is the number of batches in an epoch. Called with a random generator, it yields the batches of an epoch, (images,
    labels), in random order.

    Attributes
    ----------
    root : Path
        The folder.
    classes : tuple of str
        Names of the classes, in the order of their labels.
    paths : tuple of Path
        The N files.
    labels : (N,) array of int
        Class of each file.
    sizes : (N, 2) array of int
        (H, W) of each image, after resizing.
    batch_size : int
        Largest number of images in a batch.
    """

    def __init__(
        self, root: Path, classes: tuple[str, ...], paths: tuple[Path, ...], labels: NDArray[np.int64],
        sizes: NDArray[np.int64], reader: Reader, batch_size: int,
    ) -> None:  # fmt: skip
        self.root, self.classes, self.paths, self.labels, self.sizes = root, classes, paths, labels, sizes
        self.batch_size, self._reader = batch_size, reader
        self._count = len(batches_by_size(sizes, batch_size, None))

    def __repr__(self) -> str:
        size = " x ".join(map(str, self.image_shape)) if self._has_one_size else f"several sizes x {self._reader.channels}"
        return f"<ImageFolder {str(self.root)!r}: {self.n_images:,} images of {size}, {self.n_classes} classes>"

    def __len__(self) -> int:
        return self._count

    def __call__(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield (images, labels) of an epoch in random order, which depends on `rng` alone."""
        for rows in batches_by_size(self.sizes, self.batch_size, rng):
            yield self._read(rows), self.labels[rows]

    @property
    def n_images(self) -> int:
        """Number of images."""
        return len(self.paths)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of every image, for the `input_shape` of a model; a ValueError if they have several sizes."""
        if not self._has_one_size:
            raise ValueError(f"images: expected one size, got {len(np.unique(self.sizes, axis=0))}{_SEVERAL_SIZES}")
        H, W = self.sizes[0].tolist()
        return H, W, self._reader.channels

    @property
    def counts(self) -> dict[str, int]:
        """Number of images of each class."""
        return dict(zip(self.classes, np.bincount(self.labels, minlength=self.n_classes).tolist(), strict=True))

    def class_weights(self) -> NDArray[np.float64]:
        """Return weights (K,) that balance the classes, for the `class_weight` of `fit`: N / (K n) for a class of n images."""
        return as_class_weights("balanced", self.labels, self.n_classes)

    def arrays(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return all images (N, H, W, C) and labels (N,), in the order of `paths`; a ValueError if they have several sizes."""
        _ = self.image_shape
        return self._read(np.arange(self.n_images)), self.labels.copy()

    def subset(self, rows: Any) -> ImageFolder:
        """Return the images of some rows, numbers or a mask (N,), with the same classes."""
        chosen = np.arange(self.n_images)[rows]
        if chosen.ndim != 1 or not len(chosen):
            raise ValueError(f"rows: expected at least one row, got {np.shape(chosen)}")
        part = copy.copy(self)
        paths = tuple(self.paths[row] for row in chosen)
        ImageFolder.__init__(
            part, self.root, self.classes, paths, self.labels[chosen], self.sizes[chosen], self._reader, self.batch_size
        )
        return part

    def split(self, validation: float = 0.2, seed: int = 0) -> tuple[ImageFolder, ImageFolder]:
        """Return training and validation images, with the same share of each class in both.

        Parameters
        ----------
        validation : float, default 0.2
            Share of the images to hold out, between 0 and 1; at least one of each class that has two or more images.
        seed : int, default 0
            Seed of the choice.
        """
        share = as_real(validation, "validation", "(0, 1)")
        held_out = held_out_rows(self.labels, share, as_int(seed, "seed", least=0))
        if not held_out.any():
            raise ValueError("validation: expected a class with at least 2 images")
        return self.subset(~held_out), self.subset(held_out)

    @property
    def _has_one_size(self) -> bool:
        return bool((self.sizes == self.sizes[0]).all())

    def _read(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Return images of one size."""
        paths = [self.paths[row] for row in rows]
        images = self._reader.read_all(paths)
        for path, row, image in zip(paths, rows, images, strict=True):
            if image.shape[:2] != tuple(self.sizes[row]):
                raise ValueError(f"{path}: expected {tuple(self.sizes[row].tolist())} pixels, as before, got {image.shape[:2]}")
        return np.stack(images)


def _gray_or_error(path: Path) -> bool | DamagedImageError:
    try:
        return is_gray(path)
    except DamagedImageError as error:
        return error


def _shape_or_error(reader: Reader, path: Path) -> tuple[int, ...] | DamagedImageError:
    """Read a file, and return its size or why it cannot be read."""
    try:
        return reader.read(path).shape[:2]
    except DamagedImageError as error:
        return error


def _report(root: Path, errors: Sequence[DamagedImageError], damaged: str) -> None:
    """Raise or warn, once, with a list of the damaged files."""
    lines = "\n".join(f"  {error}" for error in errors[:_LISTED])
    more = f"\n  and {len(errors) - _LISTED} more" if len(errors) > _LISTED else ""
    if damaged == "raise":
        raise DamagedImageError(f'{root}: {len(errors)} damaged files; damaged="skip" leaves them out:\n{lines}{more}')
    warnings.warn(f"{root}: {len(errors)} damaged files are left out:\n{lines}{more}", RuntimeWarning, stacklevel=3)


def _expect_images_of_each_class(found: ClassFolders, good: NDArray[np.bool_]) -> None:
    """Refuse classes of which all files are damaged."""
    labels = found.label_array()
    for label in set(labels.tolist()) - set(labels[good].tolist()):
        raise ValueError(f"class folder {found.classes[label]}: expected images, got damaged files only")
